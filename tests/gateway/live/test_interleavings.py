"""However commits, subscribers, full buffers and failures fall together: each event once, in order, without gaps."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.broker.process import ProcessBroker
from gateway.data.pool import Pool
from gateway.errors import Unavailable
from gateway.feed import changes as changes_module
from gateway.feed import hub as hub_module
from gateway.feed.hub import Hub
from gateway.live import group as group_module
from gateway.live import run as run_module
from tests.gateway.feed.feeds import Feed
from tests.gateway.live.audience import Audience, Seen, Sink

ROOMS = st.sampled_from([1, 2, 5, 10**9])
STEPS = st.one_of(
    st.tuples(st.just("commit"), st.integers(1, 9)),
    st.tuples(st.just("join"), st.one_of(st.none(), st.floats(0, 1)), ROOMS),
    st.tuples(st.just("open"), st.integers(0, 9), ROOMS),
    st.tuples(st.just("leave"), st.integers(0, 9)),
    st.tuples(st.just("fail")),
    st.tuples(st.just("turn"), st.integers(1, 30)),
    st.tuples(st.just("hear"), st.integers(0, 9)),
)


@dataclass(slots=True)
class Play:
    """One sequence of steps, and who is left of those who joined."""

    audience: Audience
    feed: Feed
    head: int
    members: list[Seen]

    async def step(self, kind: str, *given: Any) -> None:
        """Do the next thing."""
        match kind, *given:
            case "commit", count:
                await self.feed.append(count)
                self.audience.hub.committed(self.feed.user_id)
                self.head += count
            case "join", share, room:
                after = None if share is None else f"1.{int(share * self.head)}"
                ready = {"ready": True}
                sink = Sink(room)
                self.members.append(self.audience.subscribe(self.feed.user_id, after, sink=sink, extensions=ready))
            case ("fail",):
                self.audience.errors.append(Unavailable("away"))
            case "turn", count:
                for _ in range(count):
                    await asyncio.sleep(0)
            case _, number, *room:
                if number < len(self.members):
                    await self._of_member(kind, self.members[number], *room)

    async def _of_member(self, kind: str, member: Seen, room: int = 0) -> None:
        match kind:
            case "open":
                member.sink.open(room)
            case "leave":
                self.members.remove(member)
                member.task.cancel()
            case "hear":
                await member.sink.until(lambda: bool(member.sink.payloads))

    async def check(self) -> None:
        """Let everybody have everything, and look what it was."""
        await self.step("turn", 1)
        for member in self.members:
            member.sink.open()
            await member.sink.until(lambda sink=member.sink: bool(sink.payloads))  # type: ignore[misc]
        await self.step("commit", 1)
        for member in self.members:
            began = member.sink.versions[0]
            assert await member.sink.reached(self.head) == list(range(began, self.head + 1))
            assert not any("errors" in answer for answer in member.sink.payloads)


@pytest.fixture(autouse=True, scope="module")
def _narrow() -> Any:
    """Every limit is so near that it is passed now and then."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (hub_module, "_REMEMBERED", 6),
            (hub_module, "MOST_CHANGES", 4),
            (changes_module, "MOST_CHANGES", 4),
            (group_module, "MOST_KEPT", 3),
            (run_module, "FIRST_AT_ONCE", 2),
            (run_module, "RETRY_SECONDS", 0),
        ):
            patch.setattr(module, name, value)
        yield


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEPS, min_size=3, max_size=25))
async def test_each_event_comes_once_in_order(pool: Pool, superuser: asyncpg.Connection, steps: list[Any]) -> None:
    feed = Feed(superuser)
    await feed.begin()
    async with Hub(pool, ProcessBroker(), poll_seconds=3600) as hub:
        play = Play(Audience(hub), feed, 0, [])
        try:
            for step in steps:
                await play.step(*step)
            await play.check()
        finally:
            await play.audience.leave()
        assert len(hub) == play.audience.opened == play.audience.live.counts.live == 0
