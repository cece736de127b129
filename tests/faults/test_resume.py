"""A client that comes back with its last cursor gets every event that it missed, once, in order, and goes on live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.faults.chance import dice, scaled
from tests.faults.clients.follower import MOVES, Follower, move_of
from tests.faults.clients.writer import Manners
from tests.faults.history import SOUND, Outcome, Seen, Stored, Verdict, View, Write, check
from tests.faults.play import Cast, Part, end_of, played, stored
from tests.faults.servers.nodes import Nodes, nodes_in
from tests.kit.database import data_directory
from tests.kit.serving import Client

STATE = """
query {
  viewer {
    conversations(first: 50) { nodes { messages(first: 200) { nodes { content } } } }
    feedCursor
  }
}
"""

STORED_MOVES = """
SELECT
  t.version, e.tool_name || ' ' || upper(t.to_status), e.conversation_id::text, row_number() OVER (ORDER BY t.version)
FROM parley.tool_transitions AS t
JOIN parley.tool_executions AS e ON e.user_id = t.user_id AND e.id = t.tool_execution_id
WHERE t.user_id = $1
"""

STEPS = (("approve", "APPROVED"), ("start", "EXECUTING"), ("complete", "COMPLETED"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nodes() -> AsyncIterator[Nodes]:
    """One gateway with a PostgreSQL of its own."""
    with data_directory() as directory:
        async with nodes_in(directory, 1) as made:
            yield made


async def move_tools(user: Client, conversation: str, count: int) -> list[Write]:
    """Let so many tool executions come and go."""
    moves: list[str] = []
    for number in range(count):
        values = {"conversationId": conversation, "toolName": f"tool-{number}"}
        made = await user.make("proposeToolExecution", "toolExecution", **values)
        moves.append(f"tool-{number} PENDING")
        for move, status in STEPS:
            await user.make(f"{move}ToolExecution", "toolExecution", id=made["id"])
            moves.append(f"tool-{number} {status}")
    return [Write(move, Outcome.ACKNOWLEDGED, began=0) for move in moves]


async def test_moves_of_tools_arrive_through_a_line_that_is_cut_at_random(nodes: Nodes) -> None:
    count, cuts = scaled(40), scaled(20)
    user = await nodes.signed_up()
    conversation = (await user.make("createConversation", "conversation"))["id"]
    line = nodes.all[0].line
    follower = Follower(
        client=user,
        name="follower",
        cursor=(await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"],
        end=f"tool-{count - 1} COMPLETED",
        url=lambda: line.url,
        dice=dice("follower"),
        operation=MOVES,
        value_of=move_of,
    )

    async def cut() -> None:
        own = dice("cuts")
        while line.cuts < cuts:
            await line.cut_one(own)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        cutting = group.create_task(cut())
        group.create_task(follower.follow()).add_done_callback(lambda _: cutting.cancel())
        moves = await move_tools(user, conversation, count)
    connection = await nodes.connect()
    rows = [Stored(*row) for row in await connection.fetch(STORED_MOVES, user.user_id)]
    await connection.close()
    assert check(moves, rows, [follower.view()]) == SOUND
    assert line.cuts > cuts // 4


async def test_a_query_with_the_cursor_and_what_follows_it_are_the_whole_and_share_nothing(nodes: Nodes) -> None:
    # The pages of the query hold them all.
    count, most = 200, scaled(20)
    cast = Cast(users=1, writers=4, followers=0, manners=Manners(pause_seconds=0.01))
    play = await played(nodes, "query, then subscription", cast)
    (part,) = play.parts
    shown: list[tuple[list[str], Follower]] = []

    async def look() -> None:
        for step in range(most):
            await play.until_written(step * count // most)
            viewer = (await part.user.data(STATE))["viewer"]
            contents = [
                message["content"]
                for conversation in viewer["conversations"]["nodes"]
                for message in conversation["messages"]["nodes"]
            ]
            follower = following_from(viewer["feedCursor"], part, nodes)
            shown.append((contents, follower))
            following.create_task(follower.follow())

    async with asyncio.TaskGroup() as following:
        await play.perform(look())
    connection = await nodes.connect()
    rows = await stored(connection, part.user)
    await connection.close()
    views = [whole(contents, follower, rows) for contents, follower in shown]
    assert check(part.writes, rows, views) == SOUND
    assert any(contents for contents, _ in shown)


class Dropping(Follower):
    """A client with a fault: it leaves some events out."""

    def take(self, cursor: str, value: str) -> None:
        if value.endswith("-3"):
            self.cursor = cursor
        else:
            super().take(cursor, value)


class Stale(Follower):
    """A client with a fault: it resumes before the last event that it has seen."""

    def take(self, cursor: str, value: str) -> None:
        super().take(cursor, value)
        epoch, _, _ = cursor.partition(".")
        self.cursor = f"{epoch}.{self.seen[-2].version}" if len(self.seen) > 1 else self.cursor


async def test_clients_that_leave_events_out_or_take_them_twice_are_found(nodes: Nodes) -> None:
    cast = Cast(users=1, writers=2, followers=0, manners=Manners(pause_seconds=0.01))
    play = await played(nodes, "careless clients", cast)
    (part,) = play.parts
    cursor = (await part.user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    part.followers += [following_from(cursor, part, nodes, kind) for kind in (Follower, Dropping, Stale)]
    await play.perform(play.until_written(40))
    found = (await play.judge()).verdict
    assert found == Verdict(lost=found.lost, doubled=found.doubled)
    assert {told.rpartition(" by ")[2] for told in found.lost} == {"Dropping"}
    assert {told.rpartition(" by ")[2] for told in found.doubled} == {"Stale"}


def following_from(cursor: str, part: Part, nodes: Nodes, kind: type[Follower] = Follower) -> Follower:
    """One who joins with a cursor."""
    return kind(
        client=part.user,
        name=kind.__name__,
        cursor=cursor,
        end=end_of(part.conversations[-1]),
        url=lambda: nodes.all[0].process.url,
        dice=dice(cursor),
        hops_after=5,
    )


def whole(contents: list[str], follower: Follower, rows: list[Stored]) -> View:
    """What a query showed, as far as it goes in the order of the commits, and what was seen after it."""
    versions = {row.value: row.version for row in rows}
    before = sorted(Seen(versions[value], value) for value in contents)
    return View(follower.name, [*before, *follower.seen], end=follower.seen[-1].version)
