"""Reading feeds: several users in one statement, each a prefix, and cursors."""

from __future__ import annotations

import uuid

import asyncpg
import pytest

from gateway.data.pool import Pool
from gateway.errors import BadRequest
from gateway.feed.changes import MOST_CHANGES, FeedCursor, read_waiting
from tests.gateway.feed.feeds import Feed


def test_a_cursor_is_read_as_it_was_written() -> None:
    assert FeedCursor.read("3.14") == FeedCursor(epoch=3, version=14)
    assert str(FeedCursor(3, 14)) == "3.14"


def test_places_go_up_by_epoch_then_by_version() -> None:
    assert FeedCursor(1, 9) < FeedCursor(1, 10) < FeedCursor(2, 0)


@pytest.mark.parametrize(
    "cursor", ["", "1", "1.", ".1", "1.2.3", "a.b", "-1.2", "1.-2", "1 .2", "\uff11.\uff12", "1." + "9" * 19]
)
def test_what_is_no_cursor_is_refused_by_the_arguments_name(cursor: str) -> None:
    with pytest.raises(BadRequest, match=r"^after: "):
        FeedCursor.read(cursor)


async def test_each_user_gets_what_follows_the_users_own_place(pool: Pool, superuser: asyncpg.Connection) -> None:
    feeds = [Feed(superuser) for _ in range(3)]
    for count, feed in enumerate(feeds):
        await feed.begin()
        await feed.append(count * 2)
    found = await read_waiting(pool, {feed.user_id: count for count, feed in enumerate(feeds)})
    assert {id: [change.version for change in reading.changes] for id, reading in found.items()} == {
        feeds[0].user_id: [],
        feeds[1].user_id: [2],
        feeds[2].user_id: [3, 4],
    }
    assert [found[feed.user_id].head for feed in feeds] == [0, 2, 4]


async def test_a_long_feed_is_read_piece_by_piece(pool: Pool, feed: Feed) -> None:
    await feed.append(MOST_CHANGES + 7)
    reading = (await read_waiting(pool, {feed.user_id: 0}))[feed.user_id]
    assert [change.version for change in reading.changes] == list(range(1, MOST_CHANGES + 1))
    assert reading.head == MOST_CHANGES + 7


async def test_a_user_without_a_feed_is_left_out(pool: Pool, feed: Feed) -> None:
    assert (await read_waiting(pool, {feed.user_id: 0, uuid.uuid4(): 0})).keys() == {feed.user_id}
