"""Growing messages: what is appended is stored once, whole and in order, until the message ends, and nothing after."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from tests.chat.growing import MESSAGE, append, appended, content, how_it_ends, refusal_in, started, watching
from tests.kit.database import Database
from tests.kit.refused import Refusal
from tests.kit.serving import Client, Serving


async def test_what_grows_is_read_whole_by_every_way(user: Client) -> None:
    id = await started(user)
    text = "".join(f"word {n} " for n in range(700))
    parts = [text[start : start + 97] for start in range(0, len(text), 97)]
    await appended(user, id, *parts)
    assert await content(user, id) == text
    found = await user.data(
        "query($id: ID!) { message(id: $id) { conversation { lastMessage { content }"
        " messages { nodes { content } edges { node { content } } } } }"
        " nodes(ids: [$id]) { ... on Message { content } } }",
        id=id,
    )
    conversation = found["message"]["conversation"]
    assert conversation["lastMessage"]["content"] == text
    assert conversation["messages"] == {"nodes": [{"content": text}], "edges": [{"node": {"content": text}}]}
    assert found["nodes"] == [{"content": text}]
    changed = await user.make("updateMessage", "message", "content status", id=id, tokenCount=3)
    assert changed == {"content": text, "status": "STREAMING"}
    assert (await append(user, id, len(text), "", "message { content }"))["message"] == {"content": text}
    await user.make("finishMessage", "message", id=id)
    assert await content(user, id) == text


@pytest.mark.parametrize("length", [3, 1025, 16384])
async def test_a_repeat_has_the_same_answer_and_appends_nothing(user: Client, length: int) -> None:
    id = await started(user)
    text = "xyz" * 6000
    payload = await append(user, id, 0, text[:length])
    assert await append(user, id, 0, text[:length]) == payload == {"length": length, "userErrors": []}
    await appended(user, id, "more", offset=length)
    assert await append(user, id, 0, text[:length]) == payload, "also when the message has gone on"
    assert await append(user, id, 1, text[1:length]) == payload, "or in other parts"
    assert await content(user, id) == text[:length] + "more"


async def test_a_text_that_goes_on_from_what_is_there_adds_only_the_rest(user: Client) -> None:
    id = await started(user)
    await appended(user, id, "one two")
    assert await append(user, id, 4, "two three") == {"length": 13, "userErrors": []}
    assert await content(user, id) == "one two three"


@pytest.mark.parametrize("offset", [0, 5, 2**31 - 1])
async def test_a_gap_is_refused_and_says_where_the_text_ends(user: Client, offset: int) -> None:
    id = await started(user)
    length = await appended(user, id, "four"[:offset])
    payload = await append(user, id, max(offset, 1), "after")
    assert payload["length"] == length
    reason = f"There is a gap before this text: the message ends at {length}."
    assert refusal_in(payload) == Refusal("CONFLICT", "offset", reason)
    assert await content(user, id) == "four"[:offset]


@pytest.mark.parametrize(("offset", "text"), [(0, "ONE"), (4, "to"), (6, "o three"[1:]), (0, "one two" + "x" * 5000)])
async def test_another_text_at_an_offset_is_refused(user: Client, offset: int, text: str) -> None:
    id = await started(user)
    await appended(user, id, "one two" + "y" * 2000)
    payload = await append(user, id, offset, text)
    assert payload["length"] == 2007
    reason = "The message has different text at this offset: it ends at 2007."
    assert refusal_in(payload) == Refusal("CONFLICT", "offset", reason)
    assert await content(user, id) == "one two" + "y" * 2000


async def test_a_negative_offset_is_refused(user: Client) -> None:
    id = await started(user)
    assert refusal_in(await append(user, id, -1, "x")) == Refusal("INVALID", "offset", "An offset cannot be negative.")


@pytest.mark.parametrize("text", ["x" * 16385, "é" * 8193, "x" * 300_000], ids=["x", "é", "many"])
async def test_too_much_at_once_is_refused(user: Client, text: str) -> None:
    id = await started(user)
    await appended(user, id, "before")
    reason = "At most 16 KiB of text can be appended at once."
    assert refusal_in(await append(user, id, 6, text)) == Refusal("INVALID", "text", reason)
    assert await content(user, id) == "before"


async def test_a_message_grows_to_its_limit_and_no_further(user: Client) -> None:
    id = await started(user)
    length = await appended(user, id, *["x" * 16384] * 15, "x" * 16380)
    assert length == 262140
    reason = "A message has at most 262144 characters."
    assert refusal_in(await append(user, id, length, "12345")) == Refusal("INVALID", "text", reason)
    await appended(user, id, "1234", offset=length)
    ended = await user.make("finishMessage", "message", "content", id=id)
    assert ended["content"] == "x" * 262140 + "1234"


ENDS: dict[str, Callable[[Client, str], Any]] = {
    "complete": lambda user, id: user.make("finishMessage", "message", id=id),
    "failed": lambda user, id: user.make("finishMessage", "message", id=id, failed=True),
    "cancelled": lambda user, id: user.make("cancelMessage", "message", id=id),
    "complete by an update": lambda user, id: user.make("updateMessage", "message", id=id, status="COMPLETE"),
    "cancelled by being deleted": lambda user, id: user.make("deleteMessage", "message", id=id),
}


@pytest.mark.parametrize("end", ENDS)
async def test_what_has_ended_keeps_what_has_grown_and_takes_no_more(user: Client, end: str) -> None:
    status = end.partition(" ")[0]
    id = await started(user)
    async with watching(user, id) as watcher:
        await appended(user, id, "x" * 3000, "some more")
        await ENDS[end](user, id)
    whole = "x" * 3000 + "some more"
    assert watcher.text == whole
    assert watcher.end == {"content": whole, "status": status.upper()}
    for offset, text in ((0, "x"), (3009, "late"), (5000, "later")):
        payload = await append(user, id, offset, text, "length message { status content }")
        assert payload["length"] == 3009
        assert payload["message"] == {"status": status.upper(), "content": whole}
        reason = f"This message is {status} and accepts no more text."
        assert refusal_in(payload) == Refusal("CONFLICT", "id", reason)
    assert await content(user, id) == whole


async def test_a_message_that_never_grew_ends_empty(user: Client) -> None:
    id = await started(user)
    async with watching(user, id) as watcher:
        await user.make("cancelMessage", "message", id=id)
    assert watcher.end == {"content": "", "status": "CANCELLED"}


async def test_an_end_sent_again_does_no_harm_and_another_is_refused(user: Client) -> None:
    id = await started(user)
    finished = {"id": id, "tokenCount": 3, "providerMetadata": {"a": [1]}}
    made = await user.make("finishMessage", "message", "version status", **finished)
    assert await user.make("finishMessage", "message", "version status", **finished) == made
    others: list[tuple[str, dict[str, Any]]] = [
        ("cancelMessage", {"id": id}),
        ("finishMessage", {**finished, "failed": True}),
        ("finishMessage", {**finished, "tokenCount": 4}),
    ]
    for field, values in others:
        payload = await user.mutate(field, "message { version status }", **values)
        assert refusal_in(payload) == Refusal("CONFLICT", "id", "This message has already ended: it is complete.")
        assert payload["message"] == made


async def test_a_start_sent_again_gives_the_message_however_far_it_has_come(user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    values = {"id": str(uuid.uuid4()), "conversationId": conversation}
    await user.make("startMessage", "message", **values)
    await appended(user, values["id"], "so far")
    assert await user.make("startMessage", "message", "content status", **values) == {
        "content": "so far",
        "status": "STREAMING",
    }
    await user.make("finishMessage", "message", id=values["id"])
    assert await user.make("startMessage", "message", "content status", **values) == {
        "content": "so far",
        "status": "COMPLETE",
    }
    payload = await user.mutate("startMessage", "message { id }", **values, model="other")
    assert refusal_in(payload).code == "CONFLICT"


async def test_a_message_added_as_streaming_grows_from_what_it_says(user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    values = {"conversationId": conversation, "role": "ASSISTANT", "content": "Already ", "status": "STREAMING"}
    id = (await user.make("addMessage", "message", **values))["id"]
    assert await user.make("updateMessage", "message", "content", id=id, content="So far ") == {"content": "So far "}
    assert refusal_in(await append(user, id, 0, "Else")).field == "offset"
    async with watching(user, id) as watcher, watching(user, id, 3) as late:
        assert await append(user, id, 3, "far good.") == {"length": 12, "userErrors": []}
        await user.make("finishMessage", "message", id=id)
    assert await content(user, id) == watcher.text == "So far good."
    assert late.text == "far good."


async def test_what_grows_is_not_overwritten(user: Client) -> None:
    id = await started(user)
    await appended(user, id, "Mine.")
    for status in ({}, {"status": "COMPLETE"}):
        payload = await user.mutate("updateMessage", "message { id }", id=id, content="Yours.", **status)
        assert (refusal_in(payload).code, refusal_in(payload).field) == ("CONFLICT", "content")
    assert await content(user, id) == "Mine."


async def test_nobody_grows_ends_or_watches_what_is_anothers(user: Client, stranger: Client) -> None:
    id = await started(user)
    await appended(user, id, "private")
    for nobodys in (id, str(uuid.uuid4())):
        for field, values in {
            "appendMessage": {"offset": 7, "text": "x"},
            "finishMessage": {},
            "cancelMessage": {},
        }.items():
            payload = await stranger.mutate(field, "message { id }", id=nobodys, **values)
            assert payload["message"] is None
            assert refusal_in(payload) == Refusal("NOT_FOUND", "id", "There is no such message.")
        assert (await how_it_ends(stranger, nobodys, 0))["code"] == "NOT_FOUND"
    assert await user.data(MESSAGE.replace("version", ""), id=id) == {
        "message": {"content": "private", "status": "STREAMING"}
    }


# --- at the same time


async def test_of_those_who_append_at_one_place_one_is_first(user: Client) -> None:
    id = await started(user)
    for turn in range(5):
        offset = turn * 2
        payloads = await asyncio.gather(*(append(user, id, offset, f"{n % 3} ") for n in range(6)))
        told = await content(user, id)
        for n, payload in enumerate(payloads):
            if told[offset:] == f"{n % 3} ":
                assert payload == {"length": offset + 2, "userErrors": []}
            else:
                assert refusal_in(payload).field == "offset"


@pytest.mark.parametrize("end", ["finishMessage", "cancelMessage"])
async def test_what_is_acknowledged_while_it_ends_is_kept_and_nothing_else(user: Client, end: str) -> None:
    for before in (0, 1, 3, 8):
        id = await started(user)
        length = 0

        async def write(id: str = id) -> int:
            offset = 0
            while (payload := await append(user, id, offset, "word "))["userErrors"] == []:
                offset += 5
            assert refusal_in(payload).field == "id"
            return offset

        async with watching(user, id) as watcher:
            writing = asyncio.create_task(write())
            await watcher.until("word " * before)
            await user.make(end, "message", id=id)
            length = await writing
        assert len(await content(user, id)) == length
        assert watcher.text == await content(user, id)


# --- the feed


async def test_appends_take_no_version_of_the_feed(user: Client, superuser: asyncpg.Connection) -> None:
    async def versions(appends: int) -> list[tuple[str, str]]:
        conversation = (await user.make("createConversation", "conversation"))["id"]
        before = await superuser.fetchval("SELECT version FROM feeds WHERE user_id = $1", user.user_id)
        id = (await user.make("startMessage", "message", conversationId=conversation))["id"]
        await appended(user, id, *["twenty characters..."] * appends)
        await user.make("finishMessage", "message", id=id)
        found = await superuser.fetch(
            "SELECT entity, op FROM changes WHERE user_id = $1 AND version > $2 ORDER BY version", user.user_id, before
        )
        return [(row["entity"], row["op"]) for row in found]

    grown = await versions(100)
    assert grown == await versions(0)
    assert [op for entity, op in grown if entity == "messages"] == ["insert", "update"]


async def test_nothing_is_left_of_what_has_ended(user: Client, superuser: asyncpg.Connection) -> None:
    id = await started(user)
    await appended(user, id, *["x" * 2000] * 3)
    tables = ("message_growths", "message_pieces")
    counted = [f"SELECT count(*) FROM {table} WHERE message_id = $1" for table in tables]  # noqa: S608
    assert [await superuser.fetchval(text, id) for text in counted] == [1, 3]
    await user.make("finishMessage", "message", id=id)
    assert [await superuser.fetchval(text, id) for text in counted] == [0, 0]


async def test_an_append_is_one_statement_that_wakes_nobody(serving: Serving, user: Client) -> None:
    id = await started(user)
    await appended(user, id, "warm ")
    serving.statements.texts.clear()
    await appended(user, id, "up", offset=5)
    (sent,) = serving.statements.texts
    assert "message_append" in sent


READS = """
SELECT relname, seq_scan, idx_scan FROM pg_stat_xact_user_tables
WHERE schemaname = 'parley' AND relname IN ('messages', 'message_growths', 'message_pieces')
"""


async def test_appending_and_reading_go_by_indexes(user: Client, database: Database) -> None:
    id = await started(user)
    await appended(user, id, *["x" * 2000] * 3)
    runtime = await asyncpg.connect(database.runtime_url, server_settings={"search_path": "parley"})
    try:
        async with runtime.transaction():
            # These tables are so small that they would rather be read whole.
            await runtime.execute("SET LOCAL enable_seqscan = off")
            await runtime.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
            for text in (
                "SELECT message_append($1, $2, 6000, 'more')",
                "SELECT message_append($1, $2, 3000, 'x')",
                "SELECT message_grown($1, $2, 100)",
                "UPDATE messages SET status = 'complete' WHERE user_id = $1 AND id = $2",
            ):
                await runtime.execute(text, uuid.UUID(user.user_id), uuid.UUID(id))
            reads = {row["relname"]: row for row in await runtime.fetch(READS)}
    finally:
        await runtime.close()
    assert {name: row["seq_scan"] for name, row in reads.items()} == dict.fromkeys(reads, 0)
    assert all(row["idx_scan"] > 0 for row in reads.values())
    assert len(reads) == 3
