"""The life of a tool execution, its history, and that neither can be had otherwise than move by move."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.rows import NO_ROW
from tests.kit.runtime import acting_as
from tests.kit.serving import Client, first
from tests.tools.sample import MOVES as WAY

LEGAL = {
    "PENDING": {"approve": "APPROVED", "cancel": "CANCELLED"},
    "APPROVED": {"start": "EXECUTING", "cancel": "CANCELLED"},
    "EXECUTING": {"complete": "COMPLETED", "fail": "FAILED", "cancel": "CANCELLED"},
    "COMPLETED": {},
    "FAILED": {},
    "CANCELLED": {},
}
"""From each status, the moves that can be made and where they lead."""

MOVES = ("approve", "start", "complete", "fail", "cancel")
HISTORY = """
    query($id: ID!) {
        toolExecution(id: $id) { status transitions { from to actor reason at session { id } agentToken { id } } }
    }
"""


async def _conversation(user: Client) -> str:
    id: str = (await user.make("createConversation", "conversation"))["id"]
    return id


async def _proposed(user: Client, **values: Any) -> str:
    conversation = values.get("conversationId") or await _conversation(user)
    given = {"toolName": "run_tests", **values, "conversationId": conversation}
    id: str = (await user.make("proposeToolExecution", "toolExecution", **given))["id"]
    return id


async def _at(user: Client, status: str) -> str:
    """An execution that has come to a status."""
    id = await _proposed(user)
    for move in WAY[status]:
        await _move(user, move, id)
    return id


async def _move(user: Client, move: str, id: str, selection: str = "status", **values: Any) -> dict[str, Any]:
    needed = {"errorMessage": "It broke."} if move == "fail" else {}
    return await user.mutate(f"{move}ToolExecution", f"toolExecution {{ {selection} }}", id=id, **needed, **values)


@pytest_asyncio.fixture(loop_scope="module")
async def direct(user: Client, database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the role that serves, as the user: what somebody could do who got hold of it."""
    async with acting_as(database, user.user_id) as connection:
        yield connection


async def test_an_execution_lives_from_proposal_to_result(user: Client) -> None:
    conversation = await _conversation(user)
    message = await user.make(
        "addMessage", "message", conversationId=conversation, role="ASSISTANT", content="May I run the tests?"
    )
    made = await user.make(
        "proposeToolExecution",
        "toolExecution",
        "id status toolName parameters approvedAt conversation { id } message { id }",
        messageId=message["id"],
        toolName="run_tests",
        parameters={"suite": ["all"]},
    )
    id = made.pop("id")
    assert made == {
        "status": "PENDING",
        "toolName": "run_tests",
        "parameters": {"suite": ["all"]},
        "approvedAt": None,
        "conversation": {"id": conversation},
        "message": {"id": message["id"]},
    }
    await _move(user, "approve", id)
    await _move(user, "start", id)
    ended = await _move(
        user,
        "complete",
        id,
        "status result costUsd executionTimeMs approvalRequestedAt approvedAt executedAt completedAt",
        result={"passed": 412},
        costUsd="0.0125",
    )
    ended = ended["toolExecution"]
    assert (ended["status"], ended["result"], ended["costUsd"]) == ("COMPLETED", {"passed": 412}, "0.0125")
    times = [ended[name] for name in ("approvalRequestedAt", "approvedAt", "executedAt", "completedAt")]
    assert times == sorted(times)
    started, stopped = (datetime.datetime.fromisoformat(time) for time in times[2:])
    microseconds = (stopped - started) // datetime.timedelta(microseconds=1)
    assert ended["executionTimeMs"] == (microseconds + 500) // 1000  # half a millisecond is rounded up


@pytest.mark.parametrize("days", [24, 25, 36500])
@pytest.mark.parametrize("move", ["complete", "fail", "cancel"])
async def test_an_execution_that_ran_for_days_can_be_ended(
    user: Client, superuser: asyncpg.Connection, move: str, days: int
) -> None:
    id = await _at(user, "EXECUTING")
    await _shift_clock(superuser, id, -datetime.timedelta(days=days))
    ended = await _move(user, move, id, "status executionTimeMs")
    assert ended["userErrors"] == []
    assert ended["toolExecution"]["executionTimeMs"] // 86_400_000 == days
    assert (await user.data("query($id: ID!) { toolExecution(id: $id) { status executionTimeMs } }", id=id))[
        "toolExecution"
    ] == ended["toolExecution"]


async def test_a_clock_that_is_set_back_turns_no_time_back(user: Client, superuser: asyncpg.Connection) -> None:
    id = await _proposed(user)
    for status, move in (("APPROVED", "approve"), ("EXECUTING", "start"), ("COMPLETED", "complete")):
        await _shift_clock(superuser, id, datetime.timedelta(hours=1))
        moved = await _move(user, move, id)
        assert moved == {"toolExecution": {"status": status}, "userErrors": []}
    times = "approvalRequestedAt approvedAt executedAt completedAt executionTimeMs transitions { to at }"
    found = (await user.data(f"query($id: ID!) {{ toolExecution(id: $id) {{ {times} }} }}", id=id))["toolExecution"]
    history = found.pop("transitions")
    assert found.pop("executionTimeMs") >= 0
    assert list(found.values()) == sorted(set(found.values()))
    assert [each["to"] for each in history] == ["PENDING", "APPROVED", "EXECUTING", "COMPLETED"]
    refused = await _move(user, "approve", id)
    assert "it was completed by the user" in refused["userErrors"][0]["message"], "the last move is known as the last"


async def _shift_clock(superuser: asyncpg.Connection, id: str, by: datetime.timedelta) -> None:
    """Have all that has happened to an execution have happened at another time."""
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(
            "UPDATE tool_executions SET approval_requested_at = approval_requested_at + $2,"
            " approved_at = approved_at + $2, executed_at = executed_at + $2 WHERE id = $1",
            uuid.UUID(id),
            by,
        )
        await superuser.execute(
            "UPDATE tool_transitions SET created_at = created_at + $2 WHERE tool_execution_id = $1", uuid.UUID(id), by
        )


async def test_the_history_keeps_who_when_why_and_from_where(user: Client) -> None:
    id = await _proposed(user)
    session = (await user.data("{ viewer { sessions { nodes { id isCurrent } } } }"))["viewer"]["sessions"]["nodes"]
    assert [each["isCurrent"] for each in session] == [True]
    agent = await user.agent("tools:execute")
    await _move(user, "approve", id, reason="Looks harmless.")
    await _move(agent, "start", id)
    await _move(agent, "fail", id, reason="Gave up.")
    found = (await user.data(HISTORY, id=id))["toolExecution"]["transitions"]
    assert [(t["from"], t["to"], t["actor"], t["reason"]) for t in found] == [
        (None, "PENDING", "USER", None),
        ("PENDING", "APPROVED", "USER", "Looks harmless."),
        ("APPROVED", "EXECUTING", "AGENT", None),
        ("EXECUTING", "FAILED", "AGENT", "Gave up."),
    ]
    by_person, by_agent = {"id": session[0]["id"]}, {"id": agent.agent_token_id}
    assert [t["session"] for t in found] == [by_person, by_person, None, None]
    assert [t["agentToken"] for t in found] == [None, None, by_agent, by_agent]
    assert [t["at"] for t in found] == sorted({t["at"] for t in found})


@pytest.mark.parametrize("status", WAY)
@pytest.mark.parametrize("move", MOVES)
async def test_only_legal_moves_are_made(user: Client, status: str, move: str) -> None:
    id = await _at(user, status)
    payload = await _move(user, move, id)
    history = (await user.data(HISTORY, id=id))["toolExecution"]
    if move in LEGAL[status]:
        assert payload == {"toolExecution": {"status": LEGAL[status][move]}, "userErrors": []}
        assert len(history["transitions"]) == len(WAY[status]) + 2
        return
    assert payload["toolExecution"] == {"status": status}, "the payload holds the object as it stands"
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("CONFLICT", ["id"])]
    assert history["status"] == status
    assert len(history["transitions"]) == len(WAY[status]) + 1


@pytest.mark.parametrize(("move", "done"), [("approve", "approved"), ("cancel", "cancelled")])
async def test_of_two_devices_that_decide_at_once_one_is_told_who_was_first(user: Client, move: str, done: str) -> None:
    id = await _proposed(user)
    payloads = await asyncio.gather(*(_move(user, move, id, reason="Mine.") for _ in range(2)))
    errors = [error["message"] for payload in payloads for error in payload["userErrors"]]
    assert len(errors) == 1
    assert f"it was {done} by the user at 2" in errors[0]
    assert "(Mine.)" in errors[0]
    assert len((await user.data(HISTORY, id=id))["toolExecution"]["transitions"]) == 2


async def test_of_many_agents_that_start_at_once_one_may(user: Client) -> None:
    id = await _at(user, "APPROVED")
    payloads = await asyncio.gather(*(_move(user, "start", id) for _ in range(8)))
    assert sorted(len(payload["userErrors"]) for payload in payloads) == [0] + [1] * 7
    history = (await user.data(HISTORY, id=id))["toolExecution"]["transitions"]
    assert [t["to"] for t in history] == ["PENDING", "APPROVED", "EXECUTING"]


async def test_a_move_from_an_older_version_is_refused(user: Client) -> None:
    id = await _proposed(user)
    version = (await user.data("query($id: ID!) { toolExecution(id: $id) { version } }", id=id))["toolExecution"][
        "version"
    ]
    await _move(user, "approve", id)
    payload = await _move(user, "start", id, expectedVersion=version)
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("CONFLICT", ["expectedVersion"])]
    assert payload["toolExecution"] == {"status": "APPROVED"}


async def test_a_proposal_sent_again_makes_nothing_new(user: Client) -> None:
    given = {"id": str(uuid.uuid4()), "conversationId": await _conversation(user), "toolName": "run_tests"}
    made = await user.make("proposeToolExecution", "toolExecution", "id version", **given)
    assert await user.make("proposeToolExecution", "toolExecution", "id version", **given) == made
    assert len((await user.data(HISTORY, id=made["id"]))["toolExecution"]["transitions"]) == 1


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"conversationId": None}, "INVALID", "messageId"),
        ({"conversationId": NO_ROW}, "NOT_FOUND", "conversationId"),
        ({"conversationId": None, "messageId": NO_ROW}, "NOT_FOUND", "messageId"),
        ({"messageId": NO_ROW}, "NOT_FOUND", "messageId"),
        ({"toolName": ""}, "INVALID", "toolName"),
        ({"toolName": "x" * 101}, "INVALID", "toolName"),
        ({"parameters": {"x": "y" * 300_000}}, "INVALID", "parameters"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_bad_proposal_is_refused_by_name(user: Client, values: dict[str, Any], code: str, field: str) -> None:
    given = {"conversationId": await _conversation(user), "toolName": "run_tests", **values}
    payload = await user.mutate("proposeToolExecution", "toolExecution { id }", **given)
    assert payload["toolExecution"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, [field])]


async def test_what_waits_for_approval_is_one_list_of_all_conversations(user: Client) -> None:
    waiting = [await _proposed(user, toolName=name) for name in ("a", "b")]
    await _at(user, "APPROVED")
    operation = "{ viewer { toolExecutions(filter: { status: [PENDING] }) { totalCount nodes { id } } } }"
    found = (await user.data(operation))["viewer"]["toolExecutions"]
    assert found == {"totalCount": 2, "nodes": [{"id": id} for id in reversed(waiting)]}


async def test_each_move_reaches_a_subscriber_once_and_in_order(user: Client) -> None:
    conversation = await _conversation(user)
    async with user.socket() as socket:
        events = await socket.subscribe(
            "subscription($id: ID, $after: Cursor) { toolExecutionChanged(conversationId: $id, after: $after)"
            " { fromStatus toStatus at toolExecution { id toolName } } }",
            id=conversation,
            after="1.0",
        )
        await _proposed(user)
        id = await _proposed(user, conversationId=conversation)
        for move in WAY["COMPLETED"]:
            await _move(user, move, id)
        got = [event["toolExecutionChanged"] for event in await first(events, 4)]
    steps = [None, "PENDING", "APPROVED", "EXECUTING", "COMPLETED"]
    assert [(event["fromStatus"], event["toStatus"]) for event in got] == list(itertools.pairwise(steps))
    assert {event["toolExecution"]["id"] for event in got} == {id}
    history = (await user.data(HISTORY, id=id))["toolExecution"]["transitions"]
    assert [step["to"] for step in history] == [event["toStatus"] for event in got]


@pytest.mark.parametrize(
    ("status", "change"),
    [
        ("PENDING", "status = 'executing'"),
        ("PENDING", "status = 'completed'"),
        ("APPROVED", "status = 'pending'"),
        ("COMPLETED", "status = 'pending'"),
        ("CANCELLED", "status = 'approved'"),
        ("FAILED", "status = 'nonsense'"),
        ("COMPLETED", "result = '{\"forged\": true}'"),
        ("FAILED", "error_message = 'nothing went wrong'"),
        ("COMPLETED", "cost_usd = 0"),
        ("PENDING", 'parameters = \'{"path": "/"}\''),
        ("APPROVED", "tool_name = 'delete_everything'"),
        ("APPROVED", 'parameters = \'{"path": "/"}\''),
        ("EXECUTING", "message_id = NULL, conversation_id = uuid7()"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_direct_sql_can_neither_skip_a_move_nor_change_what_was_agreed(
    user: Client, direct: asyncpg.Connection, status: str, change: str
) -> None:
    id = await _at(user, status)
    before = await direct.fetchrow("SELECT * FROM tool_executions WHERE id = $1", uuid.UUID(id))
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.ForeignKeyViolationError)):
        await direct.execute(f"UPDATE tool_executions SET {change} WHERE id = $1", uuid.UUID(id))  # noqa: S608
    assert await direct.fetchrow("SELECT * FROM tool_executions WHERE id = $1", uuid.UUID(id)) == before


async def test_direct_sql_cannot_set_the_times_of_the_moves(user: Client, direct: asyncpg.Connection) -> None:
    times = "approval_requested_at, approved_at, executed_at, completed_at, execution_time_ms"
    id = uuid.UUID(await _at(user, "COMPLETED"))
    before = await direct.fetchrow(f"SELECT {times} FROM tool_executions WHERE id = $1", id)  # noqa: S608
    await direct.execute(
        "UPDATE tool_executions SET approval_requested_at = '2000-01-01', approved_at = '2000-01-01',"
        " executed_at = NULL, completed_at = NULL, execution_time_ms = 0 WHERE id = $1",
        id,
    )
    assert await direct.fetchrow(f"SELECT {times} FROM tool_executions WHERE id = $1", id) == before  # noqa: S608


async def test_direct_sql_cannot_begin_an_execution_half_way(user: Client, direct: asyncpg.Connection) -> None:
    conversation = uuid.UUID(await _conversation(user))
    insert = "INSERT INTO tool_executions (user_id, conversation_id, tool_name, status) VALUES (tenant(), $1, 'x', $2)"
    for status in ("approved", "executing", "completed", "failed", "cancelled"):
        with pytest.raises(asyncpg.CheckViolationError):
            await direct.execute(insert, conversation, status)
    await direct.execute(insert, conversation, "pending")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO tool_transitions (user_id, tool_execution_id, conversation_id, to_status)"
        " SELECT user_id, id, conversation_id, 'approved' FROM tool_executions",
        "UPDATE tool_transitions SET actor = 'agent'",
        "UPDATE tool_transitions SET created_at = '2000-01-01'",
        "DELETE FROM tool_transitions",
        "DELETE FROM tool_executions",
        "TRUNCATE tool_transitions",
        "INSERT INTO changes SELECT user_id, version + 1000, entity, entity_id, op, data, at FROM changes",
        "UPDATE changes SET data = '{}'",
        "DELETE FROM changes",
    ],
    ids=lambda statement: " ".join(statement.split()[:3]),
)
async def test_direct_sql_cannot_write_history(user: Client, direct: asyncpg.Connection, statement: str) -> None:
    await _at(user, "APPROVED")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await direct.execute(statement)


async def test_a_strangers_execution_is_not_there(user: Client, stranger: Client) -> None:
    id = await _proposed(user)
    payload = await _move(stranger, "approve", id)
    assert payload["toolExecution"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("NOT_FOUND", ["id"])]
    assert (await stranger.data(HISTORY, id=id))["toolExecution"] is None
    assert (await user.data(HISTORY, id=id))["toolExecution"]["status"] == "PENDING"


async def test_an_agent_cannot_approve_what_it_proposed(user: Client) -> None:
    agent, other = [await user.agent("tools:propose", "tools:approve") for _ in range(2)]
    id = await _proposed(agent, conversationId=await _conversation(user))
    payload = await _move(agent, "approve", id)
    assert [(error["code"], error["field"], error["message"]) for error in payload["userErrors"]] == [
        ("CONFLICT", ["id"], "An agent cannot approve what it has proposed itself.")
    ]
    assert (await _move(other, "approve", id))["userErrors"] == []
    found = await user.data(HISTORY, id=id)
    moves = [(each["to"], each["agentToken"]) for each in found["toolExecution"]["transitions"]]
    assert moves == [("PENDING", {"id": agent.agent_token_id}), ("APPROVED", {"id": other.agent_token_id})]


async def test_an_agent_approves_what_a_person_proposed(user: Client) -> None:
    agent = await user.agent("tools:approve")
    assert (await _move(agent, "approve", await _proposed(user)))["userErrors"] == []
