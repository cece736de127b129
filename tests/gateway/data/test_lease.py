"""Work whose worker went silent ends as failed, once, is told everywhere, and the late worker is refused."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.chat.growing import MESSAGE, append, appended, refusal_in, started, watching
from tests.kit.database import Database
from tests.kit.rows import differences
from tests.kit.serving import Client, Serving, first, serving_on
from tests.sql.test_write_path import until_waiting
from tests.tools.sample import make_execution

END = "SELECT * FROM end_abandoned_work()"
SILENT = "UPDATE leases SET until = clock_timestamp() - interval '1 second' WHERE work_id = ANY($1::uuid[])"
SINCE = "SELECT until - clock_timestamp() AS left, length FROM leases WHERE work_id = $1"
VERSION = "SELECT version FROM feeds WHERE user_id = $1"
TOOL = """
query($id: ID!) { toolExecution(id: $id) { status errorMessage transitions { from to actor reason session { id } } } }
"""
CURSOR = "{ viewer { feedCursor } }"
CHANGED = "subscription($after: Cursor!) { toolExecutionChanged(after: $after) { toStatus toolExecution { id } } }"
REASON = "The worker did not renew this execution within 80000 seconds."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(database: Database) -> AsyncIterator[Serving]:
    """A gateway that gives long leases, and so hardly ever looks. It hears of changes by hints alone."""
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory), lease_seconds=80_000, feed_poll_seconds=60) as made:
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def worker(patient: Serving) -> Client:
    return await patient.signed_up()


@pytest_asyncio.fixture(loop_scope="module")
async def watchful(database: Database) -> AsyncIterator[Serving]:
    """Another gateway on the same database, which looks all the time."""
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory), lease_seconds=5) as made:
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def processes(database: Database) -> AsyncIterator[list[asyncpg.Connection]]:
    """Connections as those of several processes that look for abandoned work."""
    settings = {"search_path": "parley"}
    made = [await asyncpg.connect(database.runtime_url, server_settings=settings) for _ in range(6)]
    yield made
    for each in made:
        await each.close()


async def running(client: Client) -> str:
    """A tool execution that runs."""
    conversation = (await client.make("createConversation", "conversation"))["id"]
    said = {"conversationId": conversation, "role": "ASSISTANT", "content": "May I?"}
    return await make_execution(client, "EXECUTING", (await client.make("addMessage", "message", **said))["id"])


async def silence(superuser: asyncpg.Connection, *ids: str) -> None:
    """The workers have not renewed their leases in time."""
    assert await superuser.execute(SILENT, list(map(uuid.UUID, ids))) == f"UPDATE {len(ids)}"


# --- what the others see


async def test_an_abandoned_message_keeps_its_text_and_its_watchers_elsewhere_are_told(
    worker: Client, watchful: Serving, superuser: asyncpg.Connection
) -> None:
    id = await started(worker)
    async with watching(worker, id) as watcher:
        await appended(worker, id, "x" * 2000, " so far")
        await watcher.until(" so far")
        await silence(superuser, id)
    assert watcher.end == {"content": "x" * 2000 + " so far", "status": "FAILED"}
    found = await worker.data("query($id: ID!) { message(id: $id) { finishReason } }", id=id)
    assert found["message"] == {"finishReason": "lease_expired"}


async def test_an_abandoned_execution_fails_and_its_watchers_elsewhere_are_told(
    worker: Client, watchful: Serving, superuser: asyncpg.Connection
) -> None:
    id = await running(worker)
    cursor = (await worker.data(CURSOR))["viewer"]["feedCursor"]
    async with worker.socket() as socket:
        events = await socket.subscribe(CHANGED, after=cursor)
        await silence(superuser, id)
        (event,) = await first(events, 1)
    assert event["toolExecutionChanged"] == {"toStatus": "FAILED", "toolExecution": {"id": id}}
    found = (await worker.data(TOOL, id=id))["toolExecution"]
    assert (found["status"], found["errorMessage"]) == ("FAILED", REASON)
    last = {"from": "EXECUTING", "to": "FAILED", "actor": "SYSTEM", "reason": REASON, "session": None}
    assert found["transitions"][-1] == last
    assert await differences(superuser) == []


async def test_the_late_worker_is_refused(
    worker: Client, processes: list[asyncpg.Connection], superuser: asyncpg.Connection
) -> None:
    message, tool = await started(worker), await running(worker)
    await appended(worker, message, "so far")
    await silence(superuser, message, tool)
    ended = await processes[0].fetch(END)
    assert {str(row["ended_id"]) for row in ended} == {message, tool}
    state = "failed (nothing was appended to it in time)"
    refusal = refusal_in(await append(worker, message, 6, " late"))
    assert (refusal.code, refusal.field) == ("CONFLICT", "id")
    assert refusal.message == f"This message is {state} and accepts no more text."
    refusal = refusal_in(await worker.mutate("finishMessage", "message { id }", id=message))
    assert (refusal.code, refusal.message) == ("CONFLICT", f"This message has already ended: it is {state}.")
    for move, asked in {"complete": "completed", "renew": "renewed", "fail": "failed"}.items():
        values = {"errorMessage": "It broke."} if move == "fail" else {}
        refusal = refusal_in(await worker.mutate(f"{move}ToolExecution", "toolExecution { id }", id=tool, **values))
        assert (refusal.code, refusal.field) == ("CONFLICT", "id")
        assert refusal.message.startswith(f"This execution cannot be {asked}: it was failed by the system at ")
        assert refusal.message.endswith(f"({REASON}).")
    assert (await worker.data(MESSAGE, id=message))["message"]["content"] == "so far"


# --- leases


@pytest.mark.parametrize("way", ["first", "next", "long", "empty", "content"])
async def test_whoever_writes_a_message_renews_its_lease(
    worker: Client, superuser: asyncpg.Connection, way: str
) -> None:
    id = await started(worker)
    if way in ("next", "long", "empty"):
        await appended(worker, id, "so far")
        await superuser.execute("UPDATE message_growths SET renew_at = now() WHERE message_id = $1", uuid.UUID(id))
    await silence(superuser, id)
    if way == "content":
        await worker.make("updateMessage", "message", id=id, content="so far")
    else:
        text = {"first": "so far", "next": "!", "long": "x" * 5000, "empty": ""}[way]
        await appended(worker, id, text, offset=0 if way == "first" else 6)
    ((left, length),) = await superuser.fetch(SINCE, uuid.UUID(id))
    assert length.total_seconds() == 80_000
    assert left.total_seconds() > 79_000


async def test_a_renewal_is_no_change(worker: Client, superuser: asyncpg.Connection) -> None:
    id = await running(worker)
    await silence(superuser, id)
    before = await superuser.fetchval(VERSION, uuid.UUID(worker.user_id))
    for _ in range(2):
        assert await worker.make("renewToolExecution", "toolExecution", "id status", id=id) == {
            "id": id,
            "status": "EXECUTING",
        }
    assert (await superuser.fetchval(SINCE, uuid.UUID(id))).total_seconds() > 79_000
    assert await superuser.fetchval(VERSION, uuid.UUID(worker.user_id)) == before


@pytest.mark.parametrize("status", ["PENDING", "APPROVED", "COMPLETED"])
async def test_only_what_runs_is_renewed(worker: Client, superuser: asyncpg.Connection, status: str) -> None:
    said = {"conversationId": (await worker.make("createConversation", "conversation"))["id"], "role": "ASSISTANT"}
    message = (await worker.make("addMessage", "message", content="May I?", **said))["id"]
    id = await make_execution(worker, status, message)
    refusal = refusal_in(await worker.mutate("renewToolExecution", "toolExecution { id }", id=id))
    assert (refusal.code, refusal.field) == ("CONFLICT", "id")
    state = {"PENDING": "it is not approved yet.", "APPROVED": "it is not started yet."}
    assert state.get(status, "it was completed by the user") in refusal.message
    assert await superuser.fetchval("SELECT count(*) FROM leases WHERE work_id = $1", uuid.UUID(id)) == 0


async def test_anothers_execution_is_neither_found_nor_renewed(
    worker: Client, patient: Serving, superuser: asyncpg.Connection
) -> None:
    id = await running(worker)
    await silence(superuser, id)
    stranger = await patient.signed_up()
    refusal = refusal_in(await stranger.mutate("renewToolExecution", "toolExecution { id }", id=id))
    assert (refusal.code, refusal.message) == ("NOT_FOUND", "There is no such tool execution.")
    assert (await superuser.fetchval(SINCE, uuid.UUID(id))).total_seconds() < 0
    await worker.make("renewToolExecution", "toolExecution", id=id)


# --- many who look at once


async def test_each_work_is_ended_once_however_many_look(
    patient: Serving, processes: list[asyncpg.Connection], superuser: asyncpg.Connection
) -> None:
    workers = [await patient.signed_up() for _ in range(8)]
    work = [id for each in workers for id in (await started(each), await running(each), await running(each))]
    await silence(superuser, *work)

    async def look(connection: asyncpg.Connection) -> list[str]:
        found = []
        while rows := await connection.fetch(END):
            assert len({row["ended_user_id"] for row in rows}) == 1
            found += [str(row["ended_id"]) for row in rows]
        return found

    ended: list[str] = [id for found in await asyncio.gather(*map(look, processes)) for id in found]
    assert sorted(ended) == sorted(work)
    users = [uuid.UUID(each.user_id) for each in workers]
    failed = "SELECT count(*) FROM tool_transitions WHERE user_id = ANY($1) AND to_status = 'failed'"
    assert await superuser.fetchval(failed, users) == 16
    assert await superuser.fetchval("SELECT count(*) FROM leases WHERE user_id = ANY($1)", users) == 0
    assert await differences(superuser) == []


async def test_who_is_writing_is_not_waited_for(
    worker: Client, processes: list[asyncpg.Connection], superuser: asyncpg.Connection
) -> None:
    id = await running(worker)
    await silence(superuser, id)
    async with superuser.transaction():
        await superuser.execute("SELECT FROM feeds WHERE user_id = $1 FOR UPDATE", uuid.UUID(worker.user_id))
        assert await processes[0].fetch(END) == []
    assert [str(row["ended_id"]) for row in await processes[0].fetch(END)] == [id]


async def test_an_append_under_way_keeps_its_message_alive(
    worker: Client, processes: list[asyncpg.Connection], superuser: asyncpg.Connection
) -> None:
    id = await started(worker)
    await appended(worker, id, "so far")
    await superuser.execute("UPDATE message_growths SET renew_at = now() WHERE message_id = $1", uuid.UUID(id))
    await silence(superuser, id)
    appending, looking, *_ = processes
    await appending.execute("SELECT set_config('app.user_id', $1, false)", worker.user_id)
    async with asyncio.timeout(20):
        async with appending.transaction():
            text = "SELECT outcome FROM message_append($1, $2, 6, ', so good')"
            assert await appending.fetchval(text, uuid.UUID(worker.user_id), uuid.UUID(id)) == "appended"
            ending = asyncio.create_task(looking.fetch(END))
            await until_waiting(superuser, looking)
        assert await ending == []
    assert (await worker.data(MESSAGE, id=id))["message"]["status"] == "STREAMING"


async def test_the_caller_stays_who_it_was(
    worker: Client, processes: list[asyncpg.Connection], superuser: asyncpg.Connection
) -> None:
    id = await running(worker)
    await silence(superuser, id)
    stamp = "SELECT current_setting('app.user_id', true) || current_setting('app.actor', true)"
    caller, *_ = processes
    await caller.execute("SELECT set_config('app.user_id', 'me ', false), set_config('app.actor', 'agent', false)")
    async with caller.transaction():
        assert [str(row["ended_id"]) for row in await caller.fetch(END)] == [id]
        assert await caller.fetchval(stamp) == "me agent"
    assert await caller.fetchval(stamp) == "me agent"


@pytest.mark.parametrize("first_kind", ["message", "tool"])
async def test_a_message_and_an_execution_of_the_same_id_have_a_lease_each(
    worker: Client, superuser: asyncpg.Connection, first_kind: str
) -> None:
    id = str(uuid.uuid4())
    conversation = (await worker.make("createConversation", "conversation"))["id"]
    proposal = {"id": id, "conversationId": conversation, "toolName": "search"}
    await worker.make("proposeToolExecution", "toolExecution", **proposal)
    await worker.make("approveToolExecution", "toolExecution", id=id)
    begins = {
        "message": ("startMessage", "message", {"id": id, "conversationId": conversation}),
        "tool": ("startToolExecution", "toolExecution", {"id": id}),
    }
    for kind in sorted(begins, key=lambda kind: kind != first_kind):
        field, of, values = begins[kind]
        await worker.make(field, of, **values)
    await worker.make("cancelMessage", "message", id=id)
    kinds = "SELECT array_agg(kind) FROM leases WHERE work_id = $1"
    assert await superuser.fetchval(kinds, uuid.UUID(id)) == ["tool_executions"]
    assert (await worker.mutate("renewToolExecution", id=id))["userErrors"] == []
    await worker.make("completeToolExecution", "toolExecution", id=id)
    assert await superuser.fetchval(kinds, uuid.UUID(id)) is None


async def test_of_a_message_and_an_execution_of_the_same_id_one_is_ended(
    worker: Client, processes: list[asyncpg.Connection], superuser: asyncpg.Connection
) -> None:
    execution = await running(worker)
    conversation = (await worker.make("createConversation", "conversation"))["id"]
    await worker.make("startMessage", "message", id=execution, conversationId=conversation)
    silent = SILENT + " AND kind = 'tool_executions'"
    assert await superuser.execute(silent, [uuid.UUID(execution)]) == "UPDATE 1"
    assert [row["ended_kind"] for row in await processes[0].fetch(END)] == ["tool_executions"]
    await appended(worker, execution, "still there")
    assert (await worker.data(MESSAGE, id=execution))["message"]["status"] == "STREAMING"


async def test_work_that_cannot_be_ended_holds_up_no_other(
    worker: Client, processes: list[asyncpg.Connection], superuser: asyncpg.Connection
) -> None:
    """As where a rule is younger than the row."""
    stuck, other = await running(worker), await running(worker)
    await silence(superuser, stuck, other)
    await superuser.execute("UPDATE leases SET until = '-infinity' WHERE work_id = $1", uuid.UUID(stuck))
    rule = f"ALTER TABLE tool_executions ADD CONSTRAINT rule CHECK (id <> '{stuck}' OR status <> 'failed') NOT VALID"
    await superuser.execute(rule)
    try:
        assert [str(row["ended_id"]) for row in await processes[0].fetch(END)] == [other]
        assert await processes[0].fetch(END) == []
    finally:
        await superuser.execute("ALTER TABLE tool_executions DROP CONSTRAINT rule")
    await worker.make("renewToolExecution", "toolExecution", id=stuck)


async def test_an_index_finds_what_is_abandoned(superuser: asyncpg.Connection) -> None:
    async with superuser.transaction():
        await superuser.execute("SET LOCAL enable_seqscan = off")
        text = "EXPLAIN SELECT user_id FROM leases WHERE until < now() ORDER BY until LIMIT 1"
        plan: list[Any] = await superuser.fetch(text)
    assert any("leases_by_end" in row[0] for row in plan)


async def test_what_is_in_progress_has_a_lease(superuser: asyncpg.Connection) -> None:
    """Each message that grows and each execution that runs, and nothing else."""
    work = """
        SELECT id, 'messages' AS kind FROM messages WHERE status = 'streaming'
        UNION ALL SELECT id, 'tool_executions' FROM tool_executions WHERE status = 'executing'
    """
    leases = "SELECT work_id, kind FROM leases"
    for one, other in ((work, leases), (leases, work)):
        assert await superuser.fetch(f"({one}) EXCEPT ({other})") == []
