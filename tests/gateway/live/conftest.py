"""Fixtures of the live subscriptions' tests: feeds, and what follows them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from gateway.broker.process import ProcessBroker
from gateway.data.pool import Pool
from gateway.feed.hub import Hub
from tests.gateway.feed.conftest import feed, pool
from tests.gateway.live.audience import Audience

__all__ = ["audience", "feed", "pool"]


@pytest_asyncio.fixture(loop_scope="module")
async def audience(pool: Pool) -> AsyncIterator[Audience]:
    """Nobody yet. The hub's slow clock stands still: it reads when it is told to."""
    async with Hub(pool, ProcessBroker(), poll_seconds=3600) as hub:
        made = Audience(hub)
        yield made
        await made.leave()
        assert len(hub) == 0
        assert (made.live.counts.live, made.live.counts.groups, made.opened) == (0, 0, 0)
