"""Requests that come too late or out of order are refused with the current state, and change nothing."""

from __future__ import annotations

import asyncio
import itertools
import re
import uuid
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from strawberry.utils.str_converters import to_snake_case

from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, mutations, own
from tests.kit.refused import Refusal, only_refusal, refusals
from tests.kit.rows import diff_rows, rows_of, unchanged
from tests.kit.runtime import stamp
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Serving
from tests.tools.sample import MOVES, make_execution

VERBS = {
    "APPROVED": "approve",
    "EXECUTING": "start",
    "COMPLETED": "complete",
    "FAILED": "fail",
    "CANCELLED": "cancel",
}
"""The verb of the mutation that leads to each status. None leads back to PENDING."""

LEGAL = {
    ("PENDING", "APPROVED"),
    ("PENDING", "CANCELLED"),
    ("APPROVED", "EXECUTING"),
    ("APPROVED", "CANCELLED"),
    ("EXECUTING", "COMPLETED"),
    ("EXECUTING", "FAILED"),
    ("EXECUTING", "CANCELLED"),
}

DONE = {"PENDING": "proposed", "EXECUTING": "started"}
"""The participle for a status in messages, where it is not the name of the status."""

NOT_YET = {"PENDING": "approved", "APPROVED": "started"}
"""The step that an execution is still missing if a later one is requested."""

ALL = mutations(graphql_schema())
NAMES = {mutation.name for mutation in ALL}
UPDATES = [mutation for mutation in ALL if mutation.name.startswith("update")]
VERSIONED = [mutation for mutation in ALL if "expectedVersion" in mutation.inputs and not mutation.takes_any_type]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


async def execution(estate: Estate, status: str) -> str:
    """Create a tool execution in a status."""
    return await make_execution(estate.client, status, estate.ids["Message"][0])


async def move(client: Client, id: str, status: str, **values: Any) -> dict[str, Any]:
    """Run the mutation that leads to a status, and return its payload."""
    if status == "FAILED":
        values = {"errorMessage": "it broke", **values}
    wanted = "toolExecution { id status version transitions { from to reason actor } }"
    return await client.mutate(f"{VERBS[status]}ToolExecution", wanted, id=id, **values)


def reason_in(payload: dict[str, Any]) -> Refusal:
    """The only user error of a payload."""
    return only_refusal(payload)


# --- the state machine


@pytest.mark.parametrize(("before", "after"), list(itertools.product(MOVES, VERBS)))
async def test_a_move_is_made_or_refused_by_the_table(
    estate: Estate, superuser: asyncpg.Connection, before: str, after: str
) -> None:
    id = await execution(estate, before)
    rows = await rows_of(superuser, estate.user_id)
    payload = await move(estate.client, id, after, reason="because")
    if (before, after) in LEGAL:
        assert payload["userErrors"] == []
        assert payload["toolExecution"]["status"] == after
        last = payload["toolExecution"]["transitions"][-1]
        assert last == {"from": before, "to": after, "reason": "because", "actor": "USER"}
        return
    refusal = reason_in(payload)
    assert (refusal.code, refusal.field) == ("CONFLICT", "id")
    requested, done = (DONE.get(status, status.lower()) for status in (after, before))
    state = rf"it was {done} by the user at \d{{4}}-"
    if before in NOT_YET and after != before:
        state = rf"it is not {NOT_YET[before]} yet\.$"
    assert re.match(rf"This execution cannot be {requested}: {state}", refusal.message)
    assert payload["toolExecution"]["status"] == before
    assert diff_rows(rows, await rows_of(superuser, estate.user_id)) == []


@pytest.mark.parametrize(("before", "after"), list(itertools.product(MOVES, MOVES)))
async def test_the_database_lets_the_same_moves_through(
    estate: Estate, runtime: asyncpg.Connection, before: str, after: str
) -> None:
    """The trigger applies to every statement of every role."""
    id = uuid.UUID(await execution(estate, before))
    await stamp(runtime, estate.user_id)
    text = "UPDATE tool_executions SET status = $2 WHERE id = $1 RETURNING status"
    if before == after or (before, after) in LEGAL:
        assert await runtime.fetchval(text, id, after.lower()) == after.lower()
        return
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await runtime.fetchval(text, id, after.lower())
    assert refused.value.constraint_name == "tool_executions_status_move"


@pytest.mark.parametrize("status", [status for status in MOVES if status != "PENDING"])
async def test_the_database_lets_none_begin_further_on(
    estate: Estate, runtime: asyncpg.Connection, status: str
) -> None:
    await stamp(runtime, estate.user_id)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await runtime.execute(
            "INSERT INTO tool_executions (user_id, conversation_id, tool_name, status) VALUES ($1, $2, 'word', $3)",
            uuid.UUID(estate.user_id),
            uuid.UUID(estate.ids["Conversation"][0]),
            status.lower(),
        )
    assert refused.value.constraint_name == "tool_executions_status_first"


async def test_of_two_decisions_one_stands_and_the_other_is_told(estate: Estate) -> None:
    for _ in range(10):
        id = await execution(estate, "PENDING")
        wishes = {"APPROVED": "yes please", "CANCELLED": "no thanks"}
        payloads = dict(
            zip(
                wishes,
                await asyncio.gather(*(move(estate.client, id, to, reason=why) for to, why in wishes.items())),
                strict=True,
            )
        )
        # An approved execution can still be cancelled, so approval fails only if the cancellation came first.
        won = [to for to, payload in payloads.items() if not payload["userErrors"]]
        if won == ["CANCELLED"]:
            refusal = reason_in(payloads["APPROVED"])
            assert (refusal.code, refusal.field) == ("CONFLICT", "id")
            assert "it was cancelled by the user at" in refusal.message
            assert refusal.message.endswith("(no thanks).")
            assert payloads["APPROVED"]["toolExecution"]["status"] == "CANCELLED"
        else:
            assert won == ["APPROVED", "CANCELLED"]


@pytest.mark.parametrize(
    ("verdicts", "code"), [(("APPROVED", "CANCELLED"), "expectedVersion"), (("APPROVED",) * 5, "id")]
)
async def test_of_decisions_on_what_was_seen_exactly_one_stands(
    estate: Estate, verdicts: tuple[str, ...], code: str
) -> None:
    """If both devices send the version they saw, neither can overrule a decision that it has not seen."""
    for _ in range(5):
        id = await execution(estate, "PENDING")
        seen = (await estate.client.data("query($id: ID!) { node(id: $id) { version } }", id=id))["node"]["version"]
        versions = {"expectedVersion": seen} if code == "expectedVersion" else {}
        payloads = await asyncio.gather(*(move(estate.client, id, to, reason=to, **versions) for to in verdicts))
        won = [payload["toolExecution"] for payload in payloads if not payload["userErrors"]]
        lost = [payload for payload in payloads if payload["userErrors"]]
        assert (len(won), len(lost)) == (1, len(verdicts) - 1)
        for payload in lost:
            refusal = reason_in(payload)
            assert (refusal.code, refusal.field) == ("CONFLICT", code)
            assert payload["toolExecution"]["status"] == won[0]["status"]
            assert str(seen) in refusal.message or won[0]["status"].lower() in refusal.message
        assert [step["to"] for step in won[0]["transitions"]] == ["PENDING", won[0]["status"]]


async def test_of_agents_that_begin_at_once_one_runs(estate: Estate) -> None:
    id = await execution(estate, "APPROVED")
    payloads = await asyncio.gather(*(move(estate.client, id, "EXECUTING") for _ in range(10)))
    assert [payload["userErrors"] for payload in payloads].count([]) == 1
    assert {reason_in(payload).code for payload in payloads if payload["userErrors"]} == {"CONFLICT"}


@pytest.mark.parametrize("status", ["COMPLETE", "FAILED", "CANCELLED"])
async def test_a_message_that_has_ended_does_not_go_on(
    estate: Estate, superuser: asyncpg.Connection, status: str
) -> None:
    values = {"conversationId": estate.ids["Conversation"][0], "role": "ASSISTANT", "content": "x", "status": status}
    id = (await estate.client.make("addMessage", "message", **values))["id"]
    for other in {"COMPLETE", "STREAMING", "FAILED", "CANCELLED"} - {status}:
        async with unchanged(superuser, estate.user_id):
            payload = await estate.client.mutate("updateMessage", "message { id }", id=id, status=other)
            refusal = reason_in(payload)
            assert (refusal.code, refusal.field) == ("CONFLICT", "status")
            assert refusal.message == f"The status of a message cannot change from {status.lower()} to {other.lower()}."


# --- versions


@pytest.mark.parametrize("mutation", VERSIONED, ids=str)
async def test_what_has_changed_since_is_not_changed(
    serving: Serving, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    estate = await make_estate(serving, superuser)
    values = mutation.values(own(estate, mutation.name))
    operation = "query($id: ID!) { node(id: $id) { version } }"
    id = values.get("id") or own(estate)(mutation.kind)
    present = int((await estate.client.data(operation, id=id))["node"]["version"])
    async with unchanged(superuser, estate.user_id):
        for expected in (0, present - 1, present + 1, present + 10**9):
            answer = await estate.client.run(mutation.operation, input=values | {"expectedVersion": expected})
            refusal = only_refusal(answer)
            assert (refusal.code, refusal.field) == ("CONFLICT", "expectedVersion")
            assert refusal.message.endswith(f"has changed since version {expected}: it is at version {present}.")
            assert answer["data"][mutation.name][mutation.object]["version"] == present
    answer = await estate.client.run(mutation.operation, input=values | {"expectedVersion": present})
    assert refusals(answer) == []


@pytest.mark.parametrize("mutation", [each for each in UPDATES if f"delete{each.kind}" in NAMES], ids=str)
async def test_what_is_deleted_is_not_changed(
    serving: Serving, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    estate = await make_estate(serving, superuser)
    kind, values = mutation.kind, mutation.values(own(estate, mutation.name))
    delete = Mutation(mutation.schema, f"delete{kind}").operation
    named = {"id": values["id"]}
    assert refusals(await estate.client.run(delete, input=named)) == []
    async with unchanged(superuser, estate.user_id):
        refusal = only_refusal(await estate.client.run(mutation.operation, input=values))
        assert refusal == Refusal("CONFLICT", "id", f"This {to_snake_case(kind).replace('_', ' ')} is deleted.")
        # Deleting it again succeeds and changes nothing.
        assert refusals(await estate.client.run(delete, input=named)) == []
    if f"restore{kind}" not in NAMES:
        return
    restore = Mutation(mutation.schema, f"restore{kind}").operation
    assert refusals(await estate.client.run(restore, input=named)) == []
    async with unchanged(superuser, estate.user_id):
        assert refusals(await estate.client.run(restore, input=named)) == []
    assert refusals(await estate.client.run(mutation.operation, input=values)) == []


async def test_nothing_new_comes_into_what_is_deleted(serving: Serving, superuser: asyncpg.Connection) -> None:
    estate = await make_estate(serving, superuser)
    conversation = estate.ids["Conversation"][0]
    await estate.client.make("deleteConversation", "conversation", id=conversation)
    async with unchanged(superuser, estate.user_id):
        values = {"conversationId": conversation, "role": "USER", "content": "late"}
        refusal = reason_in(await estate.client.mutate("addMessage", "message { id }", **values))
        assert refusal == Refusal("NOT_FOUND", "conversationId", "There is no such conversation.")


@pytest.mark.parametrize("mutation", UPDATES, ids=str)
async def test_an_update_of_nothing_is_refused(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    async with unchanged(superuser, estate.user_id):
        refusal = only_refusal(await estate.client.run(mutation.operation, input=mutation.least(own(estate))))
        assert refusal == Refusal("INVALID", None, "Set at least one value to change.")
