"""Old changes are pruned, and nobody who follows a feed loses anything by it."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from resolvers.work.feed import prune_feed
from tests.kit.database import Database
from tests.kit.serving import Client, Ended, Serving, first
from tests.work.running import ran

AGE = """
UPDATE changes SET at = at - make_interval(days => $2) WHERE user_id = $1 AND version <= $3
"""
STATE = "SELECT version, pruned FROM feeds WHERE user_id = $1"
KEPT = "SELECT min(version), max(version), count(*) FROM changes WHERE user_id = $1"
WATCH = "subscription($after: Cursor) { messageChanged(after: $after) { cursor message { content } } }"


async def aged(superuser: asyncpg.Connection, user_id: str | None, days: int, upto: int) -> None:
    """Make the first changes of a user older."""
    await superuser.execute(AGE, user_id, days, upto)
    await superuser.execute(
        "UPDATE feed_ages SET oldest_at = (SELECT min(at) FROM changes WHERE user_id = $1) WHERE user_id = $1", user_id
    )


async def cursor_of(user: Client) -> str:
    """The user's present cursor."""
    cursor: str = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    return cursor


async def talk(user: Client, count: int) -> str:
    """A conversation with so many messages."""
    id: str = (await user.make("createConversation", "conversation"))["id"]
    for number in range(count):
        await user.make("addMessage", "message", conversationId=id, role="USER", content=str(number))
    return id


async def test_changes_are_kept_for_thirty_days(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    await talk(user, 5)
    (head, _) = await superuser.fetchrow(STATE, user.user_id)  # type: ignore[misc]
    await aged(superuser, user.user_id, 31, head - 4)
    await aged(superuser, user.user_id, 29, head)
    await superuser.execute(
        "UPDATE changes SET at = at + interval '29 days' WHERE user_id = $1 AND version <= $2", user.user_id, head - 4
    )
    await ran(prune_feed, database)
    assert tuple(await superuser.fetchrow(STATE, user.user_id)) == (head, head - 4)  # type: ignore[arg-type]
    assert tuple(await superuser.fetchrow(KEPT, user.user_id)) == (head - 3, head, 4)  # type: ignore[arg-type]


async def test_a_setting_keeps_them_longer(user: Client, database: Database, superuser: asyncpg.Connection) -> None:
    await talk(user, 2)
    (head, _) = await superuser.fetchrow(STATE, user.user_id)  # type: ignore[misc]
    await aged(superuser, user.user_id, 31, head)
    await ran(prune_feed, database, feed_days=60)
    assert await superuser.fetchval("SELECT pruned FROM feeds WHERE user_id = $1", user.user_id) == 0


async def test_an_old_cursor_gets_resync_and_a_young_one_goes_on(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    await talk(user, 3)
    old = await cursor_of(user)
    id = await talk(user, 3)
    young = await cursor_of(user)
    await aged(superuser, user.user_id, 31, int(young.partition(".")[2]))
    await ran(prune_feed, database)
    await user.make("addMessage", "message", conversationId=id, role="USER", content="after")
    async with user.socket() as socket:
        events = await first(await socket.subscribe(WATCH, after=young), 1)
        assert events[0]["messageChanged"]["message"] == {"content": "after"}
    async with user.socket() as socket:
        with pytest.raises(Ended, match="RESYNC"):
            await first(await socket.subscribe(WATCH, after=old), 1)


async def test_a_feed_is_looked_at_again_only_when_it_can_have_old_changes(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    await talk(user, 3)
    (head, _) = await superuser.fetchrow(STATE, user.user_id)  # type: ignore[misc]
    await aged(superuser, user.user_id, 31, head - 2)
    await ran(prune_feed, database)
    oldest, noted = await superuser.fetchrow(  # type: ignore[misc]
        "SELECT (SELECT min(at) FROM changes WHERE user_id = $1), oldest_at FROM feed_ages WHERE user_id = $1",
        user.user_id,
    )
    assert oldest == noted
    await superuser.execute("SELECT set_config('app.work', 'on', false)")
    assert not await superuser.fetchval("SELECT count(*) FROM feed_prune('30 days', 10)")


async def test_a_new_user_has_an_age(user: Client, superuser: asyncpg.Connection) -> None:
    assert await superuser.fetchval(
        "SELECT oldest_at <= (SELECT min(at) FROM changes WHERE user_id = $1) FROM feed_ages WHERE user_id = $1",
        user.user_id,
    )


async def test_writers_and_subscribers_go_on_while_a_long_feed_is_pruned(
    serving: Serving, database: Database, superuser: asyncpg.Connection
) -> None:
    user = await serving.signed_up()
    id = await talk(user, 1)
    # Older changes below the first one, as if the feed had begun long ago.
    await superuser.execute("UPDATE feeds SET version = version + 5000 WHERE user_id = $1", user.user_id)
    await superuser.execute("UPDATE changes SET version = version + 5000 WHERE user_id = $1", user.user_id)
    await superuser.execute(
        "INSERT INTO changes SELECT $1, n, 'messages', gen_random_uuid(), 'insert', '{}', now() - interval '40 days'"
        " FROM generate_series(1, 5000) AS n",
        user.user_id,
    )
    await superuser.execute("UPDATE feed_ages SET oldest_at = '-infinity' WHERE user_id = $1", user.user_id)
    start = await cursor_of(user)

    async def write(writer: int) -> None:
        for number in range(10):
            content = f"{writer}.{number}"
            await user.make("addMessage", "message", conversationId=id, role="USER", content=content)

    async def heard() -> list[str]:
        async with user.socket() as socket:
            events = await first(await socket.subscribe(WATCH, after=start), 40)
        return [event["messageChanged"]["message"]["content"] for event in events]

    listeners = [asyncio.create_task(heard()) for _ in range(3)]
    await asyncio.gather(ran(prune_feed, database), *(write(writer) for writer in range(4)))
    for contents in await asyncio.gather(*listeners):
        assert sorted(contents) == sorted(f"{writer}.{number}" for writer in range(4) for number in range(10))
    assert await superuser.fetchval("SELECT pruned FROM feeds WHERE user_id = $1", user.user_id) == 5000
    assert not await superuser.fetchval(
        "SELECT count(*) FROM changes WHERE user_id = $1 AND version <= 5000", user.user_id
    )
