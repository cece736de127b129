"""A client that comes back with its last cursor gets every event that it missed, once, in order, and goes on live."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from gateway.feed.broker import NoBroker
from tests.database import Database
from tests.faults.follower import END, MESSAGES, TOOLS, Follower, message_of, move_of
from tests.faults.history import RANDOM, SOUND, Seen, Writes, report, scaled
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.writer import WRITERS, Writer
from tests.serving import Client, Serving, serving_on

STATE = """
query {
  viewer {
    conversations(first: 50) { nodes { messages(first: 200) { nodes { content } } } }
    feedCursor
  }
}
"""

COMMITTED = """
SELECT c.version, m.content
FROM parley.changes AS c
JOIN parley.messages AS m ON m.user_id = c.user_id AND m.id = c.entity_id
WHERE c.user_id = $1 AND c.entity = 'messages' AND c.op = 'insert' AND m.content <> $2
ORDER BY c.version
"""


async def conversations_of(user: Client, count: int = 1) -> list[str]:
    return [(await user.make("createConversation", "conversation"))["id"] for _ in range(count)]


async def cursor_of(user: Client) -> str:
    cursor: str = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    return cursor


async def committed(database: Database, user: Client) -> list[Seen]:
    """What a reader must have seen, by the database's own account."""
    connection = await asyncpg.connect(database.owner_url)
    try:
        return [Seen(*row) for row in await connection.fetch(COMMITTED, user.user_id, END)]
    finally:
        await connection.close()


async def move_tools(user: Client, conversation: str, count: int) -> Writes:
    """Let so many tool executions come and go."""
    moves = Writes()
    for number in range(count):
        values = {"conversationId": conversation, "toolName": f"tool {number}"}
        made = await user.make("proposeToolExecution", "toolExecution", **values)
        for move, status in (("approve", "APPROVED"), ("start", "EXECUTING"), ("complete", "COMPLETED")):
            await user.make(f"{move}ToolExecution", "toolExecution", id=made["id"])
            moves.acknowledged.add(f"tool {number} {status}")
        moves.acknowledged.add(f"tool {number} PENDING")
    return moves


async def cut_at_random(proxy: Proxy, follower: Follower, *, cuts: int, events: int) -> None:
    """Cut the follower's connection in the middle of something, so many times on its way through so many events."""
    step = events // (cuts + 1)
    for number in range(cuts):
        await follower.until(number * step + RANDOM.randrange(max(1, step // 2)))
        await proxy.cut(after=RANDOM.randrange(1, 600))


async def test_subscribers_that_are_cut_off_at_random_miss_nothing(
    serving: Serving, database: Database, user: Client
) -> None:
    cuts, count, tools = scaled(20), scaled(1000), scaled(60)
    conversations, start = await conversations_of(user), await cursor_of(user)
    writer = Writer(user, conversations)
    async with proxy_to(serving.url) as to_messages, proxy_to(serving.url) as to_tools:
        messages = Follower(user, MESSAGES, message_of, start, lambda: to_messages.url)
        moves = Follower(user, TOOLS, move_of, start, lambda: to_tools.url)
        async with asyncio.TaskGroup() as group:
            group.create_task(messages.follow())
            group.create_task(moves.follow())
            both = ((to_messages, messages, count), (to_tools, moves, tools * 4))
            for proxy, follower, events in both:
                group.create_task(cut_at_random(proxy, follower, cuts=cuts, events=events))
            writing = group.create_task(writer.write(count))
            moved = await move_tools(user, conversations[0], tools)
            await user.make("proposeToolExecution", "toolExecution", conversationId=conversations[0], toolName=END)
            await writing
            await writer.end()
    assert report("cut at random, messages", writer.writes, messages.seen, cuts=to_messages.cuts) == SOUND
    assert report("cut at random, tool moves", moved, moves.seen, cuts=to_tools.cuts) == SOUND
    assert messages.seen == await committed(database, user)
    assert to_messages.cuts == to_tools.cuts == cuts


async def test_a_query_with_the_cursor_and_what_follows_it_are_the_whole_and_share_nothing(
    database: Database, user: Client
) -> None:
    count, most = scaled(400), scaled(25)
    writer = Writer(user, await conversations_of(user, WRITERS))
    read: list[tuple[set[str], Follower]] = []
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(writer.write(count))
        for step in range(most):
            await writer.until(step * count // most)
            viewer = (await user.data(STATE))["viewer"]
            contents = {
                message["content"]
                for conversation in viewer["conversations"]["nodes"]
                for message in conversation["messages"]["nodes"]
            }
            follower = Follower(user, MESSAGES, message_of, viewer["feedCursor"], lambda: user.url)
            read.append((contents, follower))
            group.create_task(follower.follow())
        await writing
        await writer.end()
    everything = await committed(database, user)
    for contents, follower in read:
        first = len(contents)
        assert contents == {seen.value for seen in everything[:first]}
        assert follower.seen == everything[first:]
    handed = sum(len(follower.seen) for _, follower in read)
    verdict = report("query, then subscription", writer.writes, everything, handovers=len(read), handed_over=handed)
    assert verdict == SOUND


@pytest.fixture
async def two(database: Database) -> AsyncIterator[list[Serving]]:
    """Two gateways on one database, as two processes are."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield [await stack.enter_async_context(serving_on(database, directory)) for _ in range(2)]


async def test_a_subscriber_that_hops_between_two_gateways_misses_nothing(
    two: list[Serving], database: Database
) -> None:
    count = scaled(600)
    user = await two[0].signed_up()
    writers = [Writer(at(user, gateway), await conversations_of(user), name=gateway.url) for gateway in two]
    hopper = Follower(
        user,
        MESSAGES,
        message_of,
        await cursor_of(user),
        lambda: RANDOM.choice(two).url,
        hop_after=lambda: RANDOM.randrange(1, max(2, count // 10)),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(hopper.follow())
        async with asyncio.TaskGroup() as writing:
            for writer in writers:
                writing.create_task(writer.write(count // 2))
        await writers[0].end()
    writes = Writes(acknowledged=writers[0].writes.acknowledged | writers[1].writes.acknowledged)
    assert report("hopping between two gateways", writes, hopper.seen, hops=hopper.connections - 1) == SOUND
    assert hopper.seen == await committed(database, user)


async def test_without_any_hints_the_slow_clock_finds_everything(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.app.PostgresBroker", lambda url: NoBroker())
    async with (
        serving_on(database, tmp_path) as here,
        serving_on(database, tmp_path, feed_poll_seconds=0.2) as there,
    ):
        user = await here.signed_up()
        writer = Writer(user, await conversations_of(user))
        follower = Follower(user, MESSAGES, message_of, await cursor_of(user), lambda: there.url)
        async with asyncio.TaskGroup() as group:
            group.create_task(follower.follow())
            await writer.write(scaled(200))
            await writer.end()
    assert report("two gateways without hints", writer.writes, follower.seen) == SOUND
    assert follower.seen == await committed(database, user)


def at(user: Client, gateway: Serving) -> Client:
    """The same user at another gateway."""
    return Client(user.http, gateway.url, user.statements, user.token, user.refresh_token, user.user_id)
