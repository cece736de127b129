"""Those who ask for the same are served by one run; nobody misses anything, gets it twice, or slows others down."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.errors import TimedOut, Unavailable
from gateway.execution.subscribe import MOST_TOGETHER
from gateway.feed import hub as hub_module
from gateway.live import group as group_module
from gateway.live import member as member_module
from gateway.live import run as run_module
from tests.gateway.feed.feeds import Feed
from tests.gateway.live.audience import EVENT, Audience, Seen, Sink


async def commit(audience: Audience, feed: Feed, count: int = 1) -> None:
    await feed.append(count)
    audience.hub.committed(feed.user_id)


async def test_one_run_serves_all_who_ask_for_the_same(audience: Audience, feed: Feed) -> None:
    members = [audience.subscribe(feed.user_id) for _ in range(50)]
    await audience.all_live(50)
    for version in range(1, 4):
        await commit(audience, feed)
        for member in members:
            assert await member.sink.reached(version) == list(range(1, version + 1))
    counts = audience.live.counts
    assert (counts.executions, counts.deliveries, counts.groups) == (3, 150, 1)
    assert sum(counts.latencies.buckets) == 150


async def test_each_cursor_is_where_the_answer_stands(audience: Audience, feed: Feed) -> None:
    member = audience.subscribe(feed.user_id, "1.0")
    await commit(audience, feed, 3)
    await member.sink.reached(3)
    assert [answer["data"]["event"]["cursor"] for answer in member.sink.payloads] == member.sink.cursors


async def test_subscribers_from_different_places_meet_in_one_group(audience: Audience, feed: Feed) -> None:
    await feed.append(40)
    members = [audience.subscribe(feed.user_id, f"1.{version}") for version in (0, 13, 39, 40)]
    without_a_place = audience.subscribe(feed.user_id)
    await audience.all_live(5)
    assert audience.live.counts.groups == 1
    await commit(audience, feed)
    assert await without_a_place.sink.reached(41) == [41]
    for member, version in zip(members, (0, 13, 39, 40), strict=True):
        assert await member.sink.reached(41) == list(range(version + 1, 42))


FIELDS = "subscription($after: String, $size: Int) { event(after: $after) { cursor plus(size: $size) } }"
WHO = "subscription { event { cursor who } }"
CURRENT = "subscription { event { cursor isCurrent } }"
OTHER_SESSION = UUID(int=12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"text": FIELDS, "size": 1}, {"text": FIELDS, "size": 2}, id="variables"),
        pytest.param({"text": FIELDS, "size": 1}, {"text": FIELDS, "size": None}, id="a variable that is null"),
        pytest.param({"text": WHO, "actor": "user"}, {"text": WHO, "actor": "agent"}, id="actors"),
        pytest.param(
            {"text": WHO, "actor": "agent", "scopes": frozenset(["read"])},
            {"text": WHO, "actor": "agent", "scopes": frozenset(["read", "tools:propose"])},
            id="scopes",
        ),
        pytest.param({"text": CURRENT}, {"text": CURRENT, "credential_id": OTHER_SESSION}, id="sessions"),
        pytest.param({"text": EVENT}, {"text": WHO}, id="documents"),
    ],
)
async def test_those_who_may_get_something_else_share_nothing(
    audience: Audience, feed: Feed, one: dict[str, Any], other: dict[str, Any]
) -> None:
    members = [audience.subscribe(feed.user_id, **given) for given in (one, other)]
    await audience.all_live(2)
    assert audience.live.counts.groups == 2
    await commit(audience, feed)
    answers = []
    for member in members:
        await member.sink.reached(1)
        answers += [answer["data"]["event"] for answer in member.sink.payloads]
    assert audience.live.counts.executions == 2
    assert answers[0] != answers[1]


async def test_users_never_share(audience: Audience, superuser: asyncpg.Connection) -> None:
    feeds = [Feed(superuser) for _ in range(2)]
    for each in feeds:
        await each.begin()
    members = [audience.subscribe(each.user_id) for each in feeds]
    await audience.all_live(2)
    await commit(audience, feeds[0])
    await commit(audience, feeds[1], 2)
    assert await members[0].sink.reached(1) == [1]
    assert await members[1].sink.reached(2) == [1, 2]
    assert audience.live.counts.groups == 2


async def test_sessions_share_what_is_the_same_for_all_of_a_users(audience: Audience, feed: Feed) -> None:
    audience.subscribe(feed.user_id)
    audience.subscribe(feed.user_id, session_id=OTHER_SESSION)
    await audience.all_live(2)
    assert audience.live.counts.groups == 1


async def test_one_who_cannot_take_more_gets_the_rest_later_and_holds_nobody_up(audience: Audience, feed: Feed) -> None:
    stalled = audience.subscribe(feed.user_id, sink=Sink(room=2))
    others = [audience.subscribe(feed.user_id) for _ in range(3)]
    await audience.all_live(4)
    for version in range(1, 31):
        await commit(audience, feed)
        for other in others:
            await other.sink.reached(version)
    assert stalled.sink.versions == [1, 2]
    executions = audience.live.counts.executions
    stalled.sink.open(room=10)
    await stalled.sink.until(lambda: len(stalled.sink.versions) == 12)
    stalled.sink.open()
    assert await stalled.sink.reached(30) == list(range(1, 31))
    assert audience.live.counts.executions == executions, "what it had not taken was kept for it"
    assert audience.live.counts.drops == 0


@pytest.mark.parametrize("limit", ["MOST_KEPT", "MOST_KEPT_BYTES"])
async def test_one_who_leaves_too_much_reads_the_feed_again(
    audience: Audience, feed: Feed, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(group_module, limit, 5 if limit == "MOST_KEPT" else 200)
    stalled, other = audience.subscribe(feed.user_id, sink=Sink(room=3)), audience.subscribe(feed.user_id)
    await audience.all_live(2)
    await commit(audience, feed, 20)
    await other.sink.reached(20)
    assert audience.live.counts.drops == 1
    assert audience.live.counts.live == 2, "it has not noticed yet"
    stalled.sink.open()
    assert await stalled.sink.reached(20) == list(range(1, 21))
    await commit(audience, feed)
    assert await stalled.sink.reached(21) == list(range(1, 22))
    assert audience.live.counts.groups == 1


async def test_nothing_is_run_for_one_who_takes_nothing(
    audience: Audience, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_module, "MOST_KEPT", 2)
    alone = audience.subscribe(feed.user_id, sink=Sink(room=1))
    await audience.all_live(1)
    await commit(audience, feed, MOST_TOGETHER * 3)
    await alone.sink.reached(1)
    while audience.live.counts.groups:  # noqa: ASYNC110 - nothing tells of it but the count
        await asyncio.sleep(0)
    assert audience.live.counts.executions == 1
    alone.sink.open()
    assert await alone.sink.reached(MOST_TOGETHER * 3) == list(range(1, MOST_TOGETHER * 3 + 1))


async def fallen_behind(audience: Audience, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """One who was up to date, and has been left far behind: what it missed is in the database alone."""
    monkeypatch.setattr(hub_module, "_REMEMBERED", 2)
    monkeypatch.setattr(group_module, "MOST_KEPT", 2)
    stalled, other = audience.subscribe(feed.user_id, "1.0", sink=Sink(room=2)), audience.subscribe(feed.user_id)
    await audience.all_live(2)
    await commit(audience, feed, 30)
    await other.sink.reached(30)
    return stalled


async def test_one_who_was_up_to_date_and_falls_too_far_behind_is_told_to_start_anew(
    audience: Audience, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_module, "MOST_BEHIND", 20)
    stalled = await fallen_behind(audience, feed, monkeypatch)
    stalled.sink.open()
    last = await stalled.last()
    assert last is not None
    assert last.errors[0]["extensions"] == {"code": "RESYNC", "cursor": "1.2"}
    assert stalled.sink.versions == [1, 2]
    assert audience.live.counts.resyncs == 1


async def test_one_whose_next_event_is_too_old_is_told_to_start_anew(
    audience: Audience, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled = await fallen_behind(audience, feed, monkeypatch)
    await feed.connection.execute(
        "UPDATE parley.changes SET at = at - interval '31 s' WHERE user_id = $1 AND version < 20", feed.user_id
    )
    stalled.sink.open()
    last = await stalled.last()
    assert last is not None
    assert last.code == "RESYNC"


async def test_one_who_comes_back_after_a_long_time_gets_all_that_was_missed(
    audience: Audience, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_module, "MOST_BEHIND", 20)
    await feed.append(2000)
    member = audience.subscribe(feed.user_id, "1.0")
    assert await member.sink.reached(2000) == list(range(1, 2001))
    # The first runs are small, and grow while what comes of them is.
    assert audience.live.counts.executions < 2000 / MOST_TOGETHER / 2


async def test_runs_shrink_where_answers_are_large(
    audience: Audience, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "ROOM_BYTES", 1)
    await feed.append(200)
    member = audience.subscribe(feed.user_id, "1.0")
    await member.sink.reached(200)
    # Half as many events each time, and at last each by itself.
    first = [5, 2]
    assert first[0] == run_module.FIRST_AT_ONCE
    assert audience.live.counts.executions == len(first) + 200 - sum(first)


@pytest.mark.parametrize("after", [None, "1.3"])
async def test_who_asks_is_told_from_where_nothing_is_missed(audience: Audience, feed: Feed, after: str | None) -> None:
    await feed.append(5)
    member = audience.subscribe(feed.user_id, after, extensions={"ready": True})
    cursor = after or "1.5"
    await member.sink.until(lambda: bool(member.sink.payloads))
    assert member.sink.payloads[0] == {"data": None, "extensions": {"ready": {"cursor": cursor}}}
    await commit(audience, feed)
    await member.sink.reached(6)
    assert member.sink.versions == [int(cursor[2:]), *range(int(cursor[2:]) + 1, 7)]


@pytest.mark.parametrize("asked", [None, False, "true", {}])
async def test_who_does_not_ask_is_told_of_events_alone(audience: Audience, feed: Feed, asked: Any) -> None:
    member = audience.subscribe(feed.user_id, extensions={"ready": asked})
    await audience.all_live(1)
    await commit(audience, feed)
    await member.sink.reached(1)
    assert len(member.sink.payloads) == 1


async def test_last_event_id_takes_the_place_of_the_argument(audience: Audience, feed: Feed) -> None:
    await feed.append(5)
    member = audience.subscribe(feed.user_id, "1.1", last_event_id="1.3")
    assert await member.sink.reached(5) == [4, 5]
    refused = await audience.subscribe(feed.user_id, last_event_id="nonsense").last()
    assert refused is not None
    assert refused.errors[0]["message"].startswith("Last-Event-ID: ")


async def test_epoch_that_is_raised_ends_each_with_its_own_cursor(audience: Audience, feed: Feed) -> None:
    await feed.append(5)
    members = [audience.subscribe(feed.user_id, after) for after in ("1.5", None)]
    await audience.all_live(2)
    await feed.raise_epoch()
    audience.hub.hint_all()
    for member in members:
        last = await member.last()
        assert last is not None
        assert last.errors[0]["extensions"] == {"code": "RESYNC", "cursor": "1.5"}
    later = audience.subscribe(feed.user_id, "2.5")
    await commit(audience, feed)
    assert await later.sink.reached(6) == [6]


async def test_sink_that_fails_ends_its_own_subscription_alone(audience: Audience, feed: Feed) -> None:
    broken, other = audience.subscribe(feed.user_id), audience.subscribe(feed.user_id)
    await audience.all_live(2)
    broken.sink.failure = ConnectionResetError("gone")
    await commit(audience, feed)
    with pytest.raises(ConnectionResetError):
        await broken.last()
    assert await other.sink.reached(1) == [1]


async def test_event_that_cannot_be_read_for_now_is_tried_again_and_not_sent_as_null(
    audience: Audience, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "RETRY_SECONDS", 0)
    members = [audience.subscribe(feed.user_id), audience.subscribe(feed.user_id)]
    await audience.all_live(2)
    audience.errors += [Unavailable("away"), Unavailable("away")]
    await commit(audience, feed, 3)
    for member in members:
        assert await member.sink.reached(3) == [1, 2, 3]
        assert not any("errors" in answer for answer in member.sink.payloads)


@pytest.mark.parametrize("error", [Unavailable("away"), TimedOut("too long")])
async def test_event_that_stays_unreadable_ends_the_subscription_behind_the_last_that_was_sent(
    audience: Audience, feed: Feed, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(run_module, "PATIENCE_SECONDS", -1)
    member = audience.subscribe(feed.user_id)
    await audience.all_live(1)
    await commit(audience, feed)
    await member.sink.reached(1)
    audience.errors.append(error)
    await commit(audience, feed)
    last = await member.last()
    assert last is not None
    assert last.code == error.code  # type: ignore[attr-defined]
    assert member.sink.versions == [1]
    assert audience.live.counts.errors == {last.code: 1}


async def test_error_in_an_event_is_the_events_own(audience: Audience, feed: Feed) -> None:
    member = audience.subscribe(feed.user_id)
    await audience.all_live(1)
    audience.errors.append(RuntimeError("a mistake"))
    await commit(audience, feed, 2)
    assert await member.sink.reached(2) == [1, 2]
    assert [answer["data"] is None for answer in member.sink.payloads] == [True, False]
    assert audience.live.counts.errors["INTERNAL"] == 1


async def test_subscriptions_are_counted_by_the_name_of_their_operation(audience: Audience, feed: Feed) -> None:
    named = EVENT.replace("subscription", "subscription Watch")
    members = [audience.subscribe(feed.user_id, text=text) for text in (named, named, EVENT)]
    await audience.all_live(3)
    assert audience.live.counts.running == {"Watch": 2, "": 1}
    members[0].task.cancel()
    members[2].task.cancel()
    await asyncio.wait([members[0].task, members[2].task])
    assert audience.live.counts.running == {"Watch": 1}
