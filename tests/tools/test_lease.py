"""Leases of tool executions: a dead worker is followed by another, and a late report of the first is refused."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import sys
import tempfile
import uuid
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.environment import without_settings
from tests.kit.refused import Refusal, only_refusal
from tests.kit.serving import PATIENCE_SECONDS, Client, Serving, first, serving_on

ROOT = Path(__file__).parents[2]
SHOWN = "status worker attempt leaseUntil executedAt approvedAt errorMessage"
NOW = f"query($id: ID!) {{ toolExecution(id: $id) {{ {SHOWN} result }} }}"
HISTORY = "query($id: ID!) { toolExecution(id: $id) { transitions { from to actor reason at } } }"
CHANGED = "subscription($after: Cursor) { toolExecutionChanged(after: $after) { fromStatus toStatus } }"
CURSOR = "{ viewer { feedCursor } }"
EXPIRE = "UPDATE leases SET until = clock_timestamp() - interval '1 second' WHERE work_id = $1"
END = "SELECT * FROM end_abandoned_work()"


async def approved(user: Client) -> str:
    """An execution that waits for a worker."""
    conversation = (await user.make("createConversation", "conversation"))["id"]
    proposal = {"conversationId": conversation, "toolName": "run_tests"}
    id: str = (await user.make("proposeToolExecution", "toolExecution", **proposal))["id"]
    await user.make("approveToolExecution", "toolExecution", id=id)
    return id


async def started(user: Client, id: str, worker: str | None = "w1", **values: Any) -> dict[str, Any]:
    return await user.make("startToolExecution", "toolExecution", SHOWN, id=id, worker=worker, **values)


async def now(user: Client, id: str) -> dict[str, Any]:
    execution: dict[str, Any] = (await user.data(NOW, id=id))["toolExecution"]
    return execution


async def expire(superuser: asyncpg.Connection, id: str) -> None:
    """The worker has not renewed its lease in time, and a process notices."""
    assert await superuser.execute(EXPIRE, uuid.UUID(id)) == "UPDATE 1"
    while await superuser.fetchval("SELECT count(*) FROM leases WHERE work_id = $1", uuid.UUID(id)):
        await superuser.fetch(END)


async def refused(user: Client, verb: str, id: str, **values: Any) -> Refusal:
    """Why a move is refused, which must change nothing."""
    before = await now(user, id)
    payload = await user.mutate(f"{verb}ToolExecution", "toolExecution { id }", id=id, **values)
    assert await now(user, id) == before
    return only_refusal(payload)


def time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


# --- a worker and its attempt


async def test_a_start_names_the_worker_and_the_length_of_its_lease(user: Client) -> None:
    id = await approved(user)
    before = await now(user, id)
    assert (before["worker"], before["attempt"], before["leaseUntil"]) == (None, 0, None)
    running = await started(user, id, leaseSeconds=600)
    assert (running["status"], running["worker"], running["attempt"]) == ("EXECUTING", "w1", 1)
    assert time(running["leaseUntil"]) - time(running["executedAt"]) == datetime.timedelta(seconds=600)
    assert (await now(user, id))["leaseUntil"] == running["leaseUntil"]
    done = await user.make("completeToolExecution", "toolExecution", SHOWN, id=id, attempt=1)
    assert (done["status"], done["worker"], done["attempt"], done["leaseUntil"]) == ("COMPLETED", "w1", 1, None)
    assert (await now(user, id))["leaseUntil"] is None


async def test_without_a_length_the_lease_is_that_of_the_server(user: Client) -> None:
    running = await started(user, await approved(user), worker=None)
    assert time(running["leaseUntil"]) - time(running["executedAt"]) == datetime.timedelta(seconds=120)
    assert (running["worker"], running["attempt"]) == (None, 1)


async def test_a_renewal_shows_the_new_end_and_changes_nothing_else(
    user: Client, superuser: asyncpg.Connection
) -> None:
    id = await approved(user)
    running = await started(user, id, leaseSeconds=600)
    await superuser.execute("UPDATE leases SET until = until - interval '5 minutes' WHERE work_id = $1", uuid.UUID(id))
    soon = (await now(user, id))["leaseUntil"]
    renewed = await user.make("renewToolExecution", "toolExecution", SHOWN, id=id, attempt=1)
    assert time(renewed["leaseUntil"]) > time(running["leaseUntil"]) > time(soon)
    assert {**renewed, "leaseUntil": None} == {**running, "leaseUntil": None}
    assert (await now(user, id))["leaseUntil"] == renewed["leaseUntil"]


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"worker": ""}, "worker", "The name of a worker has 1 to 100 characters."),
        ({"worker": "w" * 101}, "worker", "The name of a worker has 1 to 100 characters."),
        ({"leaseSeconds": 4}, "leaseSeconds", "A lease lasts 5 to 3600 seconds."),
        ({"leaseSeconds": 3601}, "leaseSeconds", "A lease lasts 5 to 3600 seconds."),
        ({"leaseSeconds": -(2**31)}, "leaseSeconds", "A lease lasts 5 to 3600 seconds."),
    ],
)
async def test_bad_input_of_a_start_is_refused(user: Client, values: dict[str, Any], field: str, message: str) -> None:
    assert await refused(user, "start", await approved(user), **values) == Refusal("INVALID", field, message)


async def test_what_a_named_worker_runs_is_reported_with_its_attempt(user: Client) -> None:
    id = await approved(user)
    since = (await started(user, id))["executedAt"]
    for verb, values in {"complete": {}, "fail": {"errorMessage": "It broke."}, "renew": {}}.items():
        refusal = await refused(user, verb, id, **values)
        runs = f"attempt 1 of w1 runs since {time(since):%Y-%m-%dT%H:%M:%SZ}"
        message = f"Name the attempt, because a worker with a name was started: {runs}."
        assert refusal == Refusal("INVALID", "attempt", message)
    await user.make("cancelToolExecution", "toolExecution", id=id)


@pytest.mark.parametrize("verb", ["complete", "fail", "renew", "cancel"])
async def test_without_a_name_the_attempt_may_be_left_out_and_must_be_right(user: Client, verb: str) -> None:
    id = await approved(user)
    await started(user, id, worker=None)
    more = {"errorMessage": "It broke."} if verb == "fail" else {}
    refusal = await refused(user, verb, id, attempt=2, **more)
    assert (refusal.code, refusal.field) == ("CONFLICT", "attempt")
    assert refusal.message.startswith("Attempt 2 has not begun: attempt 1 runs since ")
    await user.make(f"{verb}ToolExecution", "toolExecution", id=id, **more)


# --- a worker that dies


async def test_another_worker_follows_one_that_died(user: Client, superuser: asyncpg.Connection) -> None:
    id = await approved(user)
    first_run = await started(user, id, leaseSeconds=5)
    cursor = (await user.data(CURSOR))["viewer"]["feedCursor"]
    await expire(superuser, id)
    waiting = await now(user, id)
    assert (waiting["status"], waiting["worker"], waiting["attempt"]) == ("APPROVED", None, 1)
    assert (waiting["leaseUntil"], waiting["approvedAt"]) == (None, first_run["approvedAt"])
    reason = "The worker w1 did not renew this execution within 5 seconds (attempt 1 of 3)."
    late = Refusal("CONFLICT", "id", f"Attempt 1 has ended: {reason}")
    assert await refused(user, "complete", id, attempt=1, result={"by": "w1"}) == late
    assert await refused(user, "renew", id, attempt=1) == late
    second = await started(user, id, worker="w2")
    assert (second["worker"], second["attempt"]) == ("w2", 2)
    runs = f"attempt 2 of w2 runs since {time(second['executedAt']):%Y-%m-%dT%H:%M:%SZ}"
    late = Refusal("CONFLICT", "attempt", f"Attempt 1 has ended: {runs}.")
    assert await refused(user, "complete", id, attempt=1, result={"by": "w1"}) == late
    assert await refused(user, "fail", id, attempt=1, errorMessage="It broke.") == late
    assert await refused(user, "renew", id, attempt=1) == late
    assert await refused(user, "cancel", id, attempt=1) == late
    await user.make("completeToolExecution", "toolExecution", id=id, attempt=2, result={"by": "w2"})
    assert (await now(user, id))["result"] == {"by": "w2"}
    history = (await user.data(HISTORY, id=id))["toolExecution"]["transitions"]
    assert [(each["from"], each["to"], each["actor"], each["reason"]) for each in history] == [
        (None, "PENDING", "USER", None),
        ("PENDING", "APPROVED", "USER", None),
        ("APPROVED", "EXECUTING", "USER", None),
        ("EXECUTING", "APPROVED", "SYSTEM", reason),
        ("APPROVED", "EXECUTING", "USER", None),
        ("EXECUTING", "COMPLETED", "USER", None),
    ]
    times = [time(each["at"]) for each in history]
    assert times == sorted(set(times))
    async with user.socket() as socket:
        events = await socket.subscribe(CHANGED, after=cursor)
        told = [event["toolExecutionChanged"] for event in await first(events, 3)]
    assert told == [{"fromStatus": each["from"], "toStatus": each["to"]} for each in history[3:]]


async def test_the_third_attempt_is_the_last(user: Client, superuser: asyncpg.Connection) -> None:
    id = await approved(user)
    for number in (1, 2, 3):
        assert (await started(user, id, worker=f"w{number}", leaseSeconds=10))["attempt"] == number
        await expire(superuser, id)
    ended = await now(user, id)
    reason = "The worker w3 did not renew this execution within 10 seconds (attempt 3 of 3)."
    assert (ended["status"], ended["attempt"], ended["errorMessage"]) == ("FAILED", 3, reason)
    refusal = await refused(user, "start", id, worker="w4")
    assert (refusal.code, refusal.field) == ("CONFLICT", "id")


async def test_without_a_name_an_execution_fails_at_once(user: Client, superuser: asyncpg.Connection) -> None:
    id = await approved(user)
    await started(user, id, worker=None, leaseSeconds=7)
    await expire(superuser, id)
    ended = await now(user, id)
    assert (ended["status"], ended["attempt"]) == ("FAILED", 1)
    assert ended["errorMessage"] == "The worker did not renew this execution within 7 seconds."


async def test_what_was_given_back_can_be_cancelled(user: Client, superuser: asyncpg.Connection) -> None:
    id = await approved(user)
    await started(user, id)
    await expire(superuser, id)
    await user.make("cancelToolExecution", "toolExecution", id=id, reason="Enough.")
    history = (await user.data(HISTORY, id=id))["toolExecution"]["transitions"]
    assert [each["to"] for each in history[-2:]] == ["APPROVED", "CANCELLED"]


async def test_a_clock_that_goes_back_does_not_disorder_the_history(
    user: Client, superuser: asyncpg.Connection
) -> None:
    id = await approved(user)
    await started(user, id)
    await expire(superuser, id)
    ahead = "UPDATE tool_transitions SET created_at = created_at + $2 WHERE tool_execution_id = $1 AND from_status = $3"
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(ahead, uuid.UUID(id), datetime.timedelta(minutes=1), "executing")
    await started(user, id, worker="w2")
    history = (await user.data(HISTORY, id=id))["toolExecution"]["transitions"]
    assert [each["to"] for each in history[-2:]] == ["APPROVED", "EXECUTING"]


# --- at the same time


async def test_of_two_workers_that_start_at_once_one_runs(user: Client) -> None:
    id = await approved(user)
    starts = (
        user.mutate("startToolExecution", "toolExecution { worker }", id=id, worker=f"w{number}") for number in range(6)
    )
    payloads = await asyncio.gather(*starts)
    assert sorted(len(each["userErrors"]) for each in payloads) == [0, 1, 1, 1, 1, 1]
    assert (await now(user, id))["attempt"] == 1


async def test_a_renewal_that_races_the_expiry_holds_or_is_refused(
    user: Client, superuser: asyncpg.Connection, database: Database
) -> None:
    """Whoever comes first: never is a lease renewed that has been taken away."""
    looking = await asyncpg.connect(database.runtime_url, server_settings={"search_path": "parley"})
    for _ in range(20):
        id = await approved(user)
        await started(user, id)
        await superuser.execute(EXPIRE, uuid.UUID(id))
        renewal = user.mutate("renewToolExecution", "toolExecution { status }", id=id, attempt=1)
        payload, _ = await asyncio.gather(renewal, looking.fetch(END))
        status = (await now(user, id))["status"]
        assert status == ("APPROVED" if payload["userErrors"] else "EXECUTING")
        held = await superuser.fetchval("SELECT count(*) FROM leases WHERE work_id = $1", uuid.UUID(id))
        assert held == (status == "EXECUTING")
        await user.make("cancelToolExecution", "toolExecution", id=id)
    await looking.close()


# --- what nobody else may do


async def test_only_the_system_gives_back_and_only_what_no_lease_holds(
    user: Client, superuser: asyncpg.Connection, runtime: asyncpg.Connection
) -> None:
    id = await approved(user)
    await started(user, id)
    refusal = await refused(user, "approve", id)
    assert (refusal.code, refusal.field) == ("CONFLICT", "id")
    await runtime.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
    give_back = "UPDATE tool_executions SET status = 'approved' WHERE id = $1"
    for actor in ("", "user", "agent"):
        await runtime.execute("SELECT set_config('app.actor', $1, true)", actor)
        with pytest.raises(asyncpg.CheckViolationError, match="cannot change from executing to approved"):
            async with runtime.transaction():
                await runtime.execute(give_back, uuid.UUID(id))
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute("DELETE FROM leases WHERE work_id = $1", uuid.UUID(id))
    for actor in ("user", "agent"):
        await runtime.execute("SELECT set_config('app.actor', $1, true)", actor)
        with pytest.raises(asyncpg.CheckViolationError, match="cannot change from executing to approved"):
            async with runtime.transaction():
                await runtime.execute(give_back, uuid.UUID(id))


async def test_direct_sql_can_forge_neither_attempt_nor_worker(user: Client, runtime: asyncpg.Connection) -> None:
    id = await approved(user)
    await started(user, id)
    before = await now(user, id)
    await runtime.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
    forged = "attempt = 7, worker = 'forged', lease_seconds = 3600, lease_until = 'infinity'"
    await runtime.execute(f"UPDATE tool_executions SET {forged} WHERE id = $1", uuid.UUID(id))  # noqa: S608
    row = await runtime.fetchrow("SELECT * FROM tool_executions WHERE id = $1", uuid.UUID(id))
    assert row is not None
    assert (row["attempt"], row["worker"]) == (1, "w1")
    assert row["lease_until"] == time(before["leaseUntil"])


# --- processes


@asynccontextmanager
async def worker(url: str, user: Client, id: str, name: str) -> AsyncIterator[Process]:
    """A worker process."""
    assert user.token is not None
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.tools.worker", url, user.token, id, name),
        cwd=ROOT,
        env=without_settings(),
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def said(process: Process) -> str:
    """The next line of a worker."""
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)).decode().strip()


async def test_a_killed_process_is_followed_by_another(database: Database, serving: Serving) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory), lease_seconds=5) as watchful:
            user = await watchful.signed_up()
            id = await approved(user)
            async with (
                worker(watchful.url, user, id, "w1") as killed,
                worker(watchful.url, user, id, "w2") as loser,
            ):
                lines = {await said(killed), await said(loser)}
                assert "attempt 1" in lines
                assert any("This execution cannot be started: it was started by" in line for line in lines)
                holder = killed if (await now(user, id))["worker"] == "w1" else loser
                assert [await said(holder) for _ in range(2)] == ["renewed"] * 2
                cursor = (await user.data(CURSOR))["viewer"]["feedCursor"]
                holder.kill()
                async with user.socket() as socket:
                    events = await socket.subscribe(CHANGED, after=cursor)
                    (event,) = await first(events, 1)
                assert event["toolExecutionChanged"] == {"fromStatus": "EXECUTING", "toStatus": "APPROVED"}
            async with worker(watchful.url, user, id, "w3") as next_one:
                assert await said(next_one) == "attempt 2"
                late = await user.mutate("completeToolExecution", id=id, attempt=1, result={"by": "late"})
                assert [each["code"] for each in late["userErrors"]] == ["CONFLICT"]
                assert next_one.stdin is not None
                next_one.stdin.write(b"\n")
                while (line := await said(next_one)) == "renewed":
                    pass
                assert line == "completed"
            assert (await now(user, id))["result"] == {"by": "w3"}
