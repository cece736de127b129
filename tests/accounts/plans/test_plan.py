"""Plans by subscriptions: what Polar's webhook accepts, and what a user's plan becomes."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import uuid
from itertools import permutations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest

from gateway.http.polar import signature
from gateway.http.polar.webhook import MOST_OF_A_NETWORK
from tests.accounts.plans import polar
from tests.kit.database import Database
from tests.kit.serving import POLAR_SECRET, Client, Serving, first, serving_on

NOBODY = "00000000-0000-7000-8000-000000000000"
"""The id of no user. The same in each process, since it is part of the names of tests."""

NO_TIMES = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59.999999Z",
]
"""Times that do not exist in UTC, or that stand for infinity in the database."""

PLAN = "{ viewer { planType planStatus } }"
SUBSCRIPTIONS = """
{ viewer { planSubscriptions {
    nodes { provider externalId planType status currentPeriodStart currentPeriodEnd cancelAt }
} } }
"""
CHANGED = """
subscription($after: Cursor) { planSubscriptionChanged(after: $after) { op planSubscription { planType status } } }
"""


async def plan(user: Client) -> tuple[str, str]:
    viewer = (await user.data(PLAN))["viewer"]
    return viewer["planType"], viewer["planStatus"]


async def subscriptions(user: Client) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await user.data(SUBSCRIPTIONS))["viewer"]["planSubscriptions"]["nodes"]
    return nodes


async def say(user: Client, **values: Any) -> tuple[int, str]:
    return await polar.send(user.http, user.url, polar.event(user.user_id, **values))


async def test_a_subscription_gives_the_plan_until_it_ends(user: Client) -> None:
    assert await plan(user) == ("FREE", "ACTIVE")
    assert await say(user, status="trialing", minute=1) == (202, "written")
    assert await plan(user) == ("PRO", "TRIALING")
    await say(user, minute=2)
    assert await plan(user) == ("PRO", "ACTIVE")
    await say(user, minute=3, ends_at="2026-02-01T00:00:00Z", cancel_at_period_end=True)
    assert await plan(user) == ("PRO", "ACTIVE")
    assert (await subscriptions(user)) == [
        {
            "provider": "polar",
            "externalId": "sub-1",
            "planType": "PRO",
            "status": "ACTIVE",
            "currentPeriodStart": "2026-01-01T00:00:00.000000Z",
            "currentPeriodEnd": "2026-02-01T00:00:00.000000Z",
            "cancelAt": "2026-02-01T00:00:00.000000Z",
        }
    ]
    await say(user, minute=4, status="past_due")
    assert await plan(user) == ("PRO", "PAST_DUE")
    await say(user, minute=5, status="canceled", current_period_end=None)
    assert await plan(user) == ("FREE", "CANCELLED")


async def test_of_several_subscriptions_the_highest_plan_counts(user: Client) -> None:
    await say(user, subscription="a", product="product-enterprise")
    await say(user, subscription="b", product="product-pro")
    assert await plan(user) == ("ENTERPRISE", "ACTIVE")
    await say(user, subscription="a", product="product-enterprise", status="canceled", minute=1)
    assert await plan(user) == ("PRO", "ACTIVE")
    assert [each["externalId"] for each in await subscriptions(user)] == ["b", "a"]


async def test_the_subscriber_is_told(user: Client) -> None:
    after = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    async with user.socket() as socket:
        events = await socket.subscribe(CHANGED, after=after)
        await say(user)
        (event,) = await first(events, 1)
    changed = event["planSubscriptionChanged"]
    assert changed["op"] == "CREATED"
    assert changed["planSubscription"] == {"planType": "PRO", "status": "ACTIVE"}


async def test_the_last_state_holds_in_whatever_order_the_events_arrive(serving: Serving) -> None:
    states = [("trialing", 1), ("active", 2), ("canceled", 3)]
    for order in permutations(states):
        user = await serving.signed_up()
        outcomes = [(await say(user, status=status, minute=minute))[1] for status, minute in order]
        latest = [max(minute for _, minute in order[: n + 1]) for n in range(3)]
        assert outcomes == [
            "written" if minute == most else "outdated" for (_, minute), most in zip(order, latest, strict=True)
        ]
        assert await plan(user) == ("FREE", "CANCELLED")


async def test_events_at_once_leave_the_last_state(user: Client) -> None:
    minutes = list(range(20))
    random.Random(14).shuffle(minutes)  # noqa: S311 - the order of a test
    statuses = ["active", "past_due", "trialing", "canceled"]
    answers = await asyncio.gather(*(say(user, status=statuses[n % 4], minute=n) for n in minutes))
    assert {status for status, _ in answers} == {202}
    assert [each["status"] for each in await subscriptions(user)] == ["CANCELLED"]


async def test_a_repeated_event_has_no_effect(user: Client) -> None:
    body = orjson.dumps(polar.event(user.user_id))
    sent = polar.headers(body)
    assert await polar.send(user.http, user.url, body, sent) == (202, "written")
    # As Polar repeats it: the same id, at another time, so with another signature.
    again = polar.headers(body, id=sent[signature.ID], at=time.time() + 60)
    before = await subscriptions(user)
    for headers in (sent, again):
        assert await polar.send(user.http, user.url, body, headers) == (202, "repeated")
    other = orjson.dumps(polar.event(user.user_id, status="canceled", minute=9))
    stolen = polar.headers(other, id=sent[signature.ID])
    assert await polar.send(user.http, user.url, other, stolen) == (202, "repeated")
    assert await subscriptions(user) == before


def _flipped(signature: str) -> str:
    version, _, code = signature.partition(",")
    return f"{version},{'A' if code[0] != 'A' else 'B'}{code[1:]}"


@pytest.mark.parametrize(
    "change",
    [
        {signature.SIGNATURE: ""},
        {signature.SIGNATURE: "v1,"},
        {signature.SIGNATURE: "v1,AAAA"},
        {signature.SIGNATURE: "ümlaut"},
        {signature.SIGNATURE: " ".join(["v1,AAAA"] * 1000)},
        {signature.ID: ""},
        {signature.ID: "other"},
        {signature.ID: "x" * 256},
        {signature.TIMESTAMP: ""},
        {signature.TIMESTAMP: "now"},
        {signature.TIMESTAMP: "-1"},
        {signature.TIMESTAMP: "9" * 1000},
    ],
    ids=str,
)
async def test_a_forged_event_is_refused(user: Client, change: dict[str, str]) -> None:
    body = orjson.dumps(polar.event(user.user_id))
    sent = polar.headers(body) | change
    assert (await polar.send(user.http, user.url, body, sent))[0] == 401
    assert await subscriptions(user) == []


async def test_a_changed_body_or_signature_is_refused(user: Client) -> None:
    body = orjson.dumps(polar.event(user.user_id))
    sent = polar.headers(body)
    assert (await polar.send(user.http, user.url, body.replace(b"sub-1", b"sub-2"), sent))[0] == 401
    flipped = sent | {signature.SIGNATURE: _flipped(sent[signature.SIGNATURE])}
    assert (await polar.send(user.http, user.url, body, flipped))[0] == 401
    unversioned = sent | {signature.SIGNATURE: sent[signature.SIGNATURE].replace("v1,", "v2,")}
    assert (await polar.send(user.http, user.url, body, unversioned))[0] == 401
    wrong = polar.headers(body, "another secret of the tests")
    assert (await polar.send(user.http, user.url, body, wrong))[0] == 401
    assert await subscriptions(user) == []


@pytest.mark.parametrize(("seconds", "status"), [(-290, 202), (290, 202), (-310, 401), (310, 401)])
async def test_an_event_counts_for_five_minutes(user: Client, seconds: int, status: int) -> None:
    body = orjson.dumps(polar.event(user.user_id))
    sent = polar.headers(body, at=time.time() + seconds)
    assert (await polar.send(user.http, user.url, body, sent))[0] == status


async def test_one_of_several_signatures_is_enough(user: Client) -> None:
    body = orjson.dumps(polar.event(user.user_id))
    sent = polar.headers(body, "another secret of the tests", POLAR_SECRET)
    assert await polar.send(user.http, user.url, body, sent) == (202, "written")


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"product": "product-unknown"}, "ignored"),
        ({"status": "incomplete"}, "ignored"),
        ({"customer": {"external_id": None}}, "ignored"),
        ({"customer": {"external_id": "not an id"}}, "ignored"),
        ({"customer": {"external_id": NOBODY}}, "unknown"),
    ],
    ids=str,
)
async def test_what_concerns_no_user_is_accepted_without_effect(
    user: Client, values: dict[str, Any], outcome: str
) -> None:
    assert await say(user, **values) == (202, outcome)
    assert await polar.send(user.http, user.url, {"type": "order.paid", "data": {}}) == (202, "ignored")
    assert await subscriptions(user) == []


@pytest.mark.parametrize(
    "content",
    [
        b"no json",
        b"[]",
        b"{}",
        {"type": "subscription.active"},
        {"type": "subscription.active", "data": []},
        polar.event(NOBODY, id=7),
        polar.event(NOBODY, id="x" * 256),
        polar.event(NOBODY, current_period_start="yesterday"),
        polar.event(NOBODY, current_period_start=None),
        polar.event(NOBODY, current_period_start="9999-12-31T23:59:59Z", current_period_end=None),
        *(polar.event(NOBODY, ends_at=time) for time in NO_TIMES),
        *(polar.event(NOBODY) | {"timestamp": time} for time in NO_TIMES),
    ],
    ids=str,
)
async def test_a_signed_event_of_another_form_is_refused(user: Client, content: Any) -> None:
    assert await polar.send(user.http, user.url, content) == (400, "malformed")


async def test_an_event_that_is_too_large_is_refused_before_it_is_read(user: Client) -> None:
    assert (await say(user, note="x" * 200_000)) == (202, "written")
    assert (await say(user, note="x" * 300_000))[0] == 413

    async def without_length() -> Any:
        for _ in range(20):
            yield b"x" * 20_000

    async with user.http.post(f"{user.url}/hooks/polar", data=without_length(), headers=polar.headers(b"")) as response:
        assert response.status == 413


async def begin(user: Client, headers: dict[str, str]) -> bytes:
    """Send an event of which only the first byte ever arrives; returns the first line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(user.url).port)
    lines = {"Host": "parley", "Content-Length": "1000", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"POST /hooks/polar HTTP/1.1\r\n{head}\r\n{{".encode())
    try:
        return await reader.readline()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("header", "value"),
    [(signature.ID, ""), (signature.TIMESTAMP, "1"), (signature.SIGNATURE, ""), (signature.SIGNATURE, "v1,AAAA")],
)
async def test_without_a_signature_nothing_is_read(user: Client, header: str, value: str) -> None:
    assert b" 401 " in await begin(user, polar.headers(b"{}") | {header: value})


async def test_a_network_that_sends_slowly_keeps_out_only_itself(database: Database) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory), trusted_proxies=1) as proxied:
            user = await proxied.signed_up()
            slow = polar.headers(b"{}") | {"X-Forwarded-For": "2001:db8::1"}
            running = [asyncio.create_task(begin(user, slow)) for _ in range(MOST_OF_A_NETWORK + 1)]
            (refused,), waiting = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            assert b" 503 " in refused.result()
            body = orjson.dumps(polar.event(user.user_id))
            for address, status in ("2001:db8::2", 503), ("2001:db8:1::1", 202), ("192.0.2.1", 202):
                sent = polar.headers(body) | {"X-Forwarded-For": address}
                assert (await polar.send(user.http, user.url, body, sent))[0] == status
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)


async def test_without_a_secret_there_is_no_webhook(database: Database) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory), polar_webhook_secret="") as off:
            assert (await polar.send(off.http, off.url, polar.event(None)))[0] == 404


async def test_the_secret_changes_without_a_break(database: Database) -> None:
    new = "whsec_bmV3IHNlY3JldCBvZiB0aGUgdGVzdHM="
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory), polar_webhook_secret=f"{POLAR_SECRET}, {new}") as both:
            user = await both.signed_up()
            for minute, secret in enumerate((POLAR_SECRET, new)):
                body = orjson.dumps(polar.event(user.user_id, minute=minute))
                sent = polar.headers(body, secret)
                assert await polar.send(user.http, user.url, body, sent) == (202, "written")
            body = orjson.dumps(polar.event(user.user_id))
            assert (await polar.send(user.http, user.url, body, polar.headers(body, new[6:])))[0] == 401


async def test_the_serving_role_can_write_no_plan_for_a_user(user: Client, runtime: asyncpg.Connection) -> None:
    await runtime.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
    record = """
        SELECT plan_subscription_state(
            'polar', 'e', now(), $1, 's', 'enterprise', 'active', now(), now() + interval '1 day', null)
    """
    assert await runtime.fetchval(record, uuid.UUID(user.user_id)) is None
    for text in (
        "UPDATE users SET plan_type = 'enterprise'",
        "UPDATE users SET is_plan_set = true",
        "UPDATE plan_subscriptions SET status = 'active'",
        "SELECT plan_set(tenant(), 'enterprise', 'active')",
        "SELECT * FROM webhook_events",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with runtime.transaction():
                await runtime.execute(text)
    assert await plan(user) == ("FREE", "ACTIVE")
