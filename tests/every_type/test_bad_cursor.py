"""Invalid cursors and pages are refused by argument; a feed that cannot be resumed fails with RESYNC."""

from __future__ import annotations

import base64
import json
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.estate import Estate, make_estate
from tests.kit.refused import Refusal, only_refusal, refusals
from tests.kit.serving import Client, Ended, Serving, first

ADDED = "subscription($after: Cursor) { messageAdded(after: $after) { cursor message { content } } }"
RESYNC = "the feed cannot resume from this cursor. Read the current state and continue from its feedCursor."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


async def page(client: Client, arguments: str, of: str = "conversations", **variables: Any) -> dict[str, Any]:
    """Request a page of one of the viewer's lists."""
    declared = "($cursor: Cursor)" if variables else ""
    operation = f"query{declared} {{ viewer {{ {of}({arguments}) {{ edges {{ cursor }} nodes {{ id }} }} }} }}"
    return await client.run(operation, **variables)


def forged_cursor(*parts: Any) -> str:
    """A well-formed cursor that the gateway did not issue."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


# --- pages


@pytest.mark.parametrize(
    ("arguments", "at_fault"),
    [
        ("first: 201", "first"),
        ("first: -1", "first"),
        ("first: -2147483648", "first"),
        ("last: 201", "last"),
        ("last: -1", "last"),
        ("first: 1, last: 1", "last"),
        ("first: 0, last: 0", "last"),
        ('first: 1, before: "x"', "before"),
        ('before: "x"', "before"),
        ('last: 1, after: "x"', "after"),
    ],
)
async def test_a_page_that_is_none_is_refused_by_its_argument(estate: Estate, arguments: str, at_fault: str) -> None:
    refusal = only_refusal(await page(estate.client, arguments))
    assert (refusal.code, refusal.field) == ("BAD_REQUEST", at_fault)
    assert refusal.message.startswith((f"{at_fault}: ", "first, last: "))


@pytest.mark.parametrize(
    "arguments", ["first: 2147483648", 'first: "1"', "first: 1.5", "after: 5", 'after: ""', "of: 1"]
)
async def test_a_page_of_another_type_is_refused(estate: Estate, arguments: str) -> None:
    (refusal,) = refusals(await page(estate.client, arguments))
    assert refusal.code == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("arguments", ["first: 0", "last: 0", "first: 200", "last: 200", "first: null", "after: null"])
async def test_the_bounds_themselves_are_pages(estate: Estate, arguments: str) -> None:
    answer = await page(estate.client, arguments)
    assert "errors" not in answer, answer


# --- list cursors


TIME, ID = "2026-01-31T12:00:00+00:00", "01a2012b-6464-7207-905d-ba5174d62cc5"
GARBAGE = [
    "x",
    "x" * 1024,
    "====",
    "1.0",
    "é",
    "' OR true --",
    base64.b64encode(b"\xff\xfe").decode(),
    base64.b64encode(b"[" * 500).decode(),
    forged_cursor(),
    forged_cursor("-active_since"),
    forged_cursor("-active_since", TIME),
    forged_cursor("-active_since", TIME, ID, 1),
    forged_cursor("-active_since", TIME, "not a uuid"),
    forged_cursor("-active_since", TIME, 5),
    forged_cursor("-active_since", None, ID),
    forged_cursor("-active_since", 5, ID),
    forged_cursor("-active_since", True, ID),
    forged_cursor("-active_since", [TIME], ID),
    forged_cursor("-active_since", "2026-01-31T12:00:00", ID),
    forged_cursor("-active_since", "yesterday", ID),
    forged_cursor("-active_since", "infinity", ID),
    forged_cursor("-active_since", "0001-01-01T00:00:00+23:59", ID),
    forged_cursor("-active_since", "9999-12-31T23:59:59-23:59", ID),
    forged_cursor("-active_since", TIME + "\0", ID),
    forged_cursor(["-active_since"], TIME, ID),
    forged_cursor({"-active_since": 1}, TIME, ID),
]


@pytest.mark.parametrize("cursor", GARBAGE, ids=range(len(GARBAGE)))
async def test_a_text_that_is_no_cursor_is_refused_by_its_argument(estate: Estate, cursor: str) -> None:
    for size, argument in (("first", "after"), ("last", "before")):
        refusal = only_refusal(await page(estate.client, f"{size}: 1, {argument}: $cursor", cursor=cursor))
        reason = f"{argument}: this cursor does not belong to this list in this order."
        assert refusal == Refusal("BAD_REQUEST", argument, reason)


@pytest.mark.parametrize(
    "cursor", ["", "x" * 1025, "x" * 1_000_000, 5, True, ["x"]], ids=lambda cursor: str(cursor)[:9]
)
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_what_no_cursor_can_look_like_is_refused(estate: Estate, cursor: Any) -> None:
    refusal = only_refusal(await page(estate.client, "first: 1, after: $cursor", cursor=cursor))
    assert (refusal.code, "Cursor" in refusal.message) == ("BAD_REQUEST", True)
    assert len(refusal.message) < 200


async def test_a_cursor_of_another_order_is_refused(estate: Estate) -> None:
    answer = await page(estate.client, "first: 1, orderBy: NEWEST")
    cursor = answer["data"]["viewer"]["conversations"]["edges"][0]["cursor"]
    for arguments in ("", "orderBy: OLDEST, ", "orderBy: LAST_ACTIVITY, "):
        refusal = only_refusal(await page(estate.client, f"{arguments}after: $cursor", cursor=cursor))
        assert (refusal.code, refusal.field) == ("BAD_REQUEST", "after")
    assert "errors" not in await page(estate.client, "orderBy: NEWEST, after: $cursor", cursor=cursor)


async def test_a_cursor_of_a_list_in_another_order_is_refused(estate: Estate) -> None:
    answer = await page(estate.client, "first: 1", of="usageDays")
    cursor = answer["data"]["viewer"]["usageDays"]["edges"][0]["cursor"]
    refusal = only_refusal(await page(estate.client, "after: $cursor", cursor=cursor))
    assert (refusal.code, refusal.field) == ("BAD_REQUEST", "after")


# --- feed cursors


async def refused_subscription(client: Client, after: str) -> Refusal:
    """Subscribe from a cursor that is refused, and return the error."""
    async with client.socket() as socket:
        with pytest.raises(Ended) as ended:
            await first(await socket.subscribe(ADDED, after=after), 1)
    return only_refusal({"errors": ended.value.args[0]})


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "1",
        "1.",
        ".1",
        "1.x",
        "x.1",
        "1.1.1",
        "-1.1",
        "1.-1",
        "+1.1",
        "1 .1",
        "1.1 ",
        "\u0661.\u0661",
        "1e1.1",
        "01.1",
        "1.01",
        "1." + "9" * 19,
    ],
)
async def test_a_text_that_is_no_cursor_of_the_feed_is_refused(estate: Estate, cursor: str) -> None:
    refusal = await refused_subscription(estate.client, cursor)
    assert refusal == Refusal("BAD_REQUEST", "after", "after: this is not a feed cursor.")


async def test_a_cursor_of_a_list_is_none_of_the_feed(estate: Estate) -> None:
    answer = await page(estate.client, "first: 1")
    refusal = await refused_subscription(estate.client, answer["data"]["viewer"]["conversations"]["edges"][0]["cursor"])
    assert (refusal.code, refusal.field) == ("BAD_REQUEST", "after")


@pytest.mark.parametrize("cursor", ["1.999999", "1." + "9" * 18, "2.0", "2.1", "0.1", "9" * 18 + ".1"])
async def test_a_cursor_of_the_future_or_of_another_epoch_asks_for_a_new_start(estate: Estate, cursor: str) -> None:
    assert await refused_subscription(estate.client, cursor) == Refusal("RESYNC", None, f"after: {RESYNC}")


async def test_a_cursor_from_before_what_is_kept_asks_for_a_new_start(
    serving: Serving, superuser: asyncpg.Connection
) -> None:
    estate = await make_estate(serving, superuser)
    head = (await estate.client.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    pruned = int(head.split(".")[1]) - 1
    await superuser.execute("UPDATE feeds SET pruned = $2 WHERE user_id = $1", estate.user_id, pruned)
    for version in (0, 1, pruned - 1):
        assert await refused_subscription(estate.client, f"1.{version}") == Refusal("RESYNC", None, f"after: {RESYNC}")
    async with estate.client.socket() as socket:
        events = await socket.subscribe(ADDED, after=f"1.{pruned}")
        await add_message(estate, "still here")
        (event,) = await first(events, 1)
    assert event["messageAdded"]["message"]["content"] == "still here"


async def test_a_raised_epoch_asks_for_a_new_start_and_its_own_cursor_goes_on(
    serving: Serving, superuser: asyncpg.Connection
) -> None:
    estate = await make_estate(serving, superuser)
    head = (await estate.client.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    await superuser.execute("UPDATE feeds SET epoch = epoch + 1 WHERE user_id = $1", estate.user_id)
    assert await refused_subscription(estate.client, head) == Refusal("RESYNC", None, f"after: {RESYNC}")
    fresh = (await estate.client.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    assert fresh == "2." + head.split(".")[1]
    async with estate.client.socket() as socket:
        events = await socket.subscribe(ADDED, after=fresh)
        await add_message(estate, "a new time")
        (event,) = await first(events, 1)
    assert event["messageAdded"]["message"]["content"] == "a new time"


async def test_a_subscription_that_is_refused_leaves_its_socket_open(estate: Estate) -> None:
    async with estate.client.socket() as socket:
        for after in ("x", "2.0", "1.999999"):
            with pytest.raises(Ended):
                await first(await socket.subscribe(ADDED, after=after), 1)
        (event,) = await first(await socket.subscribe(ADDED, after="1.0"), 1)
    assert event["messageAdded"]["message"]["content"] == estate.canary


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        ('conversationId: "x"', "INVALID", "conversationId"),
        (f'conversationId: "{ID}"', "NOT_FOUND", "conversationId"),
        ('conversationId: "x", after: "1.0"', "INVALID", "conversationId"),
        ("conversationId: {}", "GRAPHQL_VALIDATION_FAILED", None),
        ("after: 5", "GRAPHQL_VALIDATION_FAILED", None),
        ('after: ""', "GRAPHQL_VALIDATION_FAILED", None),
        ('nothing: "1"', "GRAPHQL_VALIDATION_FAILED", None),
    ],
)
async def test_a_bad_argument_of_a_subscription_is_refused_by_name(
    estate: Estate, arguments: str, code: str, field: str | None
) -> None:
    for name in ("messageAdded", "toolExecutionChanged"):
        async with estate.client.socket() as socket:
            with pytest.raises(Ended) as ended:
                await first(await socket.subscribe(f"subscription {{ {name}({arguments}) {{ cursor }} }}"), 1)
        refusal = only_refusal({"errors": ended.value.args[0]})
        assert (refusal.code, refusal.field) == (code, field)


async def add_message(estate: Estate, content: str) -> None:
    conversation = estate.ids["Conversation"][0]
    await estate.client.make("addMessage", "message", conversationId=conversation, role="USER", content=content)
