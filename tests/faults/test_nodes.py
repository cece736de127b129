"""Three gateways on one database: whatever happens to them, nothing is lost, doubled or out of order."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.faults.chance import scaled
from tests.faults.history import SOUND, Outcome
from tests.faults.runs import (
    Size,
    cut_at_random,
    database_killed,
    rolling_restart,
    some_stall,
    under_every_fault,
    without_hints,
)
from tests.faults.servers.nodes import Nodes, nodes_in
from tests.kit.database import data_directory

PAUSE_SECONDS = 0.1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nodes() -> AsyncIterator[Nodes]:
    """Three gateways with a PostgreSQL of their own."""
    with data_directory() as directory:
        async with nodes_in(directory, 3) as made:
            yield made


async def test_every_fault_in_turn_loses_and_doubles_nothing(nodes: Nodes) -> None:
    account = await under_every_fault(nodes, Size(events=scaled(300), pause_seconds=PAUSE_SECONDS))
    assert account.close() == SOUND
    assert account.outcomes[Outcome.ACKNOWLEDGED] >= 100


async def test_sockets_that_are_cut_at_random_miss_nothing(nodes: Nodes) -> None:
    cuts = scaled(60)
    account = await cut_at_random(nodes, Size(events=scaled(200), faults=cuts, pause_seconds=PAUSE_SECONDS))
    assert account.close() == SOUND
    assert account.counts["cuts"] >= cuts


async def test_rolling_restart_fails_no_write_and_loses_no_event(nodes: Nodes) -> None:
    account = await rolling_restart(nodes, Size(events=scaled(200), faults=1, pause_seconds=PAUSE_SECONDS))
    assert account.close() == SOUND
    assert account.outcomes[Outcome.UNKNOWN] == 0


async def test_killed_database_comes_back_and_has_lost_nothing(nodes: Nodes) -> None:
    size = Size(events=scaled(200), faults=scaled(2), pause_seconds=PAUSE_SECONDS)
    account = await database_killed(nodes, size)
    assert account.close() == SOUND


async def test_sockets_that_stall_hold_up_nobody_and_come_back(nodes: Nodes) -> None:
    account = await some_stall(nodes, Size(events=150, pause_seconds=PAUSE_SECONDS), sockets=50, stalled=5)
    assert account.close() == SOUND


async def test_without_any_hints_everything_arrives(nodes: Nodes) -> None:
    with data_directory() as directory:
        async with nodes_in(directory, 2, {"PARLEY_BROKER_URL": "process:"}) as silent:
            account = await without_hints(silent, Size(events=scaled(100), pause_seconds=PAUSE_SECONDS))
    assert account.close() == SOUND
