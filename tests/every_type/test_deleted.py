"""Nothing can be added to a deleted object; what belongs to it is deleted and restored with it."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.chat.growing import appended, watching
from tests.kit.derived import make
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, fields_of, mutations, own, tables, types_of_rows
from tests.kit.refused import refusals
from tests.kit.rows import differences, rows_of, unchanged
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Serving, first
from tests.sql.test_write_path import Writer, until_waiting, writer
from tests.tools.sample import MOVES, make_execution

__all__ = ["writer"]

SCHEMA = graphql_schema()
SQL = Path(__file__).parents[2] / "sql" / "schema.sql"
NAMES = {mutation.name for mutation in mutations(SCHEMA)}
KINDS = sorted(kind for kind in types_of_rows(SCHEMA) if {f"delete{kind}", f"restore{kind}"} <= NAMES)
"""The types whose objects are deleted by a mutation of their own."""
AS_ASKED = {"Conversation": {"cancelMessage"}, "Message": {"cancelMessage"}}
"""Further mutations that succeed and change nothing, because what they ask for is already so."""

INBOX = "{ viewer { toolExecutions(filter: { status: [PENDING] }) { nodes { id } } } }"
TOOL = "query($id: ID!) { toolExecution(id: $id) { status deletedAt transitions { to reason } } }"
CHANGED = """
subscription($in: ID!, $after: Cursor!) {
    toolExecutionChanged(conversationId: $in, after: $after) { toStatus toolExecution { id deletedAt } }
}
"""


MARKED = re.compile(r"^CREATE TRIGGER mark .* ON parley\.(\w+) .*EXECUTE FUNCTION parley\.\w+\((.*)\);$", re.MULTILINE)
"""Matches the triggers that delete the rows that belong to a row along with it."""


def marked_with(kind: str) -> set[str]:
    """The types whose objects are deleted along with one of this type. Rows of join tables are of no type."""
    of = tables()
    triggers = MARKED.findall(SQL.read_text(encoding="utf-8"))
    children = {child for parent, keys in triggers if of[parent] == kind for child in re.findall(r"(\w+)\.\w+", keys)}
    return {of[child] for child in children & of.keys()}


def within(kind: str) -> set[str]:
    """This type, and the types whose objects belong to one of it."""
    kinds, found = set[str](), {kind}
    while found - kinds:
        kinds |= found
        for each in kinds:
            found |= marked_with(each) | {name for name in types_of_rows(SCHEMA) if lies_in(name, each)}
    return kinds


def lies_in(name: str, kind: str) -> bool:
    """Whether each object of a type has one of another."""
    owner = fields_of(SCHEMA.type_map[name]).get(kind[0].lower() + kind[1:])
    return owner is not None and str(owner.type) == f"{kind}!"


def naming(kind: str) -> list[Mutation]:
    """The mutations that refer to an object of this type, or to one that belongs to it."""
    kinds = within(kind)
    named = [each for each in mutations(SCHEMA) if kinds & set(each.ids.values()) and not each.takes_any_type]
    return [each for each in named if each.name != f"restore{kind}"]


def as_asked(kind: str) -> set[str]:
    """The mutations that succeed and change nothing once an object of this type is deleted."""
    marked = {kind, *marked_with(kind)}
    others = within(kind) - marked
    return {f"delete{each}" for each in marked} | {f"restore{each}" for each in others} | AS_ASKED.get(kind, set())


def named_objects(estate: Estate, kind: str) -> list[str]:
    """The objects of a type that mutations refer to: the default one of each state."""
    return [*dict.fromkeys([estate.ids[kind][0], *estate.states.get(kind, {}).values()])]


async def lie_elsewhere(estate: Estate, kind: str, mutation: Mutation) -> None:
    """If the mutation's object only links to one of this type, point it at another one, so that linking it is a change.

    Does nothing if the mutation creates its object, or if the object belongs to one of this type.
    """
    links = [name for name, of in mutation.ids.items() if of == kind and name != "id"]
    if mutation.makes or mutation.joins or not links or mutation.kind in within(kind):
        return
    another = [id for id in estate.ids[kind] if id not in named_objects(estate, kind)]
    another = another or [await make(estate.client, Mutation(SCHEMA, f"create{kind}"), estate.known, estate.canary)]
    values = mutation.least(own(estate, mutation.name), dict.fromkeys(links, another[0]))
    assert refusals(await estate.client.run(mutation.operation, input=values)) == []


Thrown = Callable[[str], Awaitable[Estate]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def thrown(serving: Serving, superuser: asyncpg.Connection) -> Thrown:
    """Returns a user whose objects of a type are deleted, the same one for each type: refusals change nothing."""
    made: dict[str, Estate] = {}

    async def with_deleted(kind: str) -> Estate:
        if kind not in made:
            estate = made[kind] = await make_estate(serving, superuser)
            for mutation in naming(kind):
                await lie_elsewhere(estate, kind, mutation)
            for id in named_objects(estate, kind):
                answer = await estate.client.run(Mutation(SCHEMA, f"delete{kind}").operation, input={"id": id})
                assert refusals(answer) == []
        return made[kind]

    return with_deleted


def test_the_mutations_are_found() -> None:
    assert {"addMessage", "updateMessage", "approveToolExecution", "recordUsage", "signalPresence"} <= {
        each.name for each in naming("Conversation")
    }
    assert {"addMessage", "appendMessage", "proposeToolExecution", "recordContextOptimization"} <= {
        each.name for each in naming("Message")
    }


@pytest.mark.parametrize(
    ("kind", "mutation"), [(kind, each) for kind in KINDS for each in naming(kind)], ids=lambda each: str(each)
)
async def test_nothing_comes_into_what_is_deleted(
    superuser: asyncpg.Connection, thrown: Thrown, kind: str, mutation: Mutation
) -> None:
    """`test_the_same_input_is_good_for_the_owner` shows that the same input is accepted of what is not deleted."""
    estate = await thrown(kind)
    async with unchanged(superuser, estate.user_id):
        answer = await estate.client.run(mutation.operation, input=mutation.values(own(estate, mutation.name)))
        refused = refusals(answer)
        assert {each.code for each in refused} <= {"NOT_FOUND", "CONFLICT", "INVALID"}
        assert bool(refused) == (mutation.name not in as_asked(kind)), answer


@pytest.mark.parametrize("name", ["updateMessage", "deleteMessage", "restoreMessage"])
async def test_a_message_of_a_deleted_conversation_does_not_change(
    serving: Serving, superuser: asyncpg.Connection, name: str
) -> None:
    estate = await make_estate(serving, superuser)
    message = estate.ids["Message"][0]
    if name == "restoreMessage":
        await estate.client.make("deleteMessage", "message", id=message)
    await estate.client.make("deleteConversation", "conversation", id=estate.ids["Conversation"][0])
    values = {"content": "new"} if name == "updateMessage" else {}
    async with unchanged(superuser, estate.user_id):
        payload = await estate.client.mutate(name, "message { id }", id=message, **values)
    (refusal,) = refusals({"data": {name: payload}})
    assert (refusal.code, refusal.field) == ("CONFLICT", "id")
    assert refusal.message == "This message cannot be changed while its conversation is deleted."


async def tools_of(client: Client, message: str) -> dict[str, str]:
    """Create a tool execution in each status."""
    return {status: await make_execution(client, status, message) for status in MOVES}


async def shown(client: Client, tools: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The tool executions as the API shows them, by their first status."""
    return {was: (await client.data(TOOL, id=id))["toolExecution"] for was, id in tools.items()}


@pytest.mark.parametrize("kind", ["Conversation", "Message"])
async def test_tools_go_and_come_back_with_what_they_belong_to(
    user: Client, superuser: asyncpg.Connection, kind: str
) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    values = {"conversationId": conversation, "role": "ASSISTANT", "content": "May I?"}
    kept, gone = [(await user.make("addMessage", "message", **values))["id"] for _ in range(2)]
    tools, others = await tools_of(user, gone), await tools_of(user, kept)
    object, id = kind.lower(), {"Conversation": conversation, "Message": gone}[kind]
    if kind == "Conversation":
        await user.make("deleteMessage", "message", id=kept)
    before = await shown(user, others)
    async with user.socket() as socket:
        cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        events = await socket.subscribe(CHANGED, **{"in": conversation, "after": cursor})
        deleted = await user.make(f"delete{kind}", object, "deletedAt", id=id)
        changes = [event["toolExecutionChanged"] for event in await first(events, 3)]
    assert {change["toStatus"] for change in changes} == {"CANCELLED"}
    assert {change["toolExecution"]["deletedAt"] for change in changes} == {deleted["deletedAt"]}
    unfinished = {tools[status] for status in ("PENDING", "APPROVED", "EXECUTING")}
    assert unfinished == {change["toolExecution"]["id"] for change in changes}
    for was, tool in (await shown(user, tools)).items():
        assert tool["deletedAt"] == deleted["deletedAt"]
        ended = was in ("COMPLETED", "FAILED", "CANCELLED")
        assert tool["status"] == (was if ended else "CANCELLED")
        assert (tool["transitions"][-1]["reason"] == "It was deleted.") is not ended
    inbox = {each["id"] for each in (await user.data(INBOX))["viewer"]["toolExecutions"]["nodes"]}
    assert inbox == ({others["PENDING"]} if kind == "Message" else set())
    assert await shown(user, others) == before
    await user.make(f"restore{kind}", object, id=id)
    assert {tool["deletedAt"] for tool in (await shown(user, tools)).values()} == {None}
    assert await shown(user, others) == before
    assert await differences(superuser) == []


async def test_a_message_that_grows_ends_with_its_conversation(user: Client, superuser: asyncpg.Connection) -> None:
    conversation, other = [(await user.make("createConversation", "conversation"))["id"] for _ in range(2)]
    id, apart = [
        (await user.make("startMessage", "message", conversationId=each))["id"] for each in (conversation, other)
    ]
    await user.make("startMessage", "message", conversationId=conversation)
    async with watching(user, id) as watcher:
        await appended(user, id, "So far ", "so good")
        await user.make("deleteConversation", "conversation", id=conversation)
    assert watcher.end == {"content": "So far so good", "status": "CANCELLED"}
    await appended(user, apart, "goes on")
    await user.make("restoreConversation", "conversation", id=conversation)
    found = await user.data("query($id: ID!) { message(id: $id) { status content deletedAt } }", id=id)
    assert found["message"] == {"status": "CANCELLED", "content": "So far so good", "deletedAt": None}
    rows = await rows_of(superuser, user.user_id)
    assert [row["work_id"] for row in rows["leases"]] == [apart]
    assert await differences(superuser) == []


async def test_usage_stays(serving: Serving, superuser: asyncpg.Connection) -> None:
    estate: Estate = await make_estate(serving, superuser)
    before = (await rows_of(superuser, estate.user_id))["usage_logs"]
    await estate.client.make("deleteConversation", "conversation", id=estate.ids["Conversation"][0])
    assert (await rows_of(superuser, estate.user_id))["usage_logs"] == before


# --- concurrent writes

PROPOSE = "INSERT INTO tool_executions (user_id, conversation_id, tool_name) VALUES ($1, $2, 'word') RETURNING id"
DELETE = "UPDATE conversations SET deleted_at = clock_timestamp() WHERE user_id = $1 AND id = $2 RETURNING deleted_at"
LIVING = "SELECT count(*) FROM tool_executions WHERE user_id = $1 AND (deleted_at IS NULL OR status = 'pending')"


async def test_a_tool_that_waits_for_a_deletion_is_refused(writer: Writer, superuser: asyncpg.Connection) -> None:
    async with asyncio.timeout(20):
        async with writer.another.transaction():
            await writer.another.execute(DELETE, writer.user_id, writer.conversation_id)
            proposing = asyncio.create_task(writer.connection.execute(PROPOSE, writer.user_id, writer.conversation_id))
            await until_waiting(superuser, writer.connection)
        with pytest.raises(asyncpg.ForeignKeyViolationError) as refused:
            await proposing
    assert refused.value.constraint_name == "tool_executions_conversation_id_exists"


async def test_a_deletion_that_waits_for_a_tool_takes_it_along(writer: Writer, superuser: asyncpg.Connection) -> None:
    async with asyncio.timeout(20):
        async with writer.another.transaction():
            id = await writer.another.fetchval(PROPOSE, writer.user_id, writer.conversation_id)
            deleting = asyncio.create_task(writer.connection.fetchval(DELETE, writer.user_id, writer.conversation_id))
            await until_waiting(superuser, writer.connection)
        deleted_at = await deleting
    found = "SELECT status, deleted_at FROM tool_executions WHERE user_id = $1 AND id = $2"
    (tool,) = await writer.connection.fetch(found, writer.user_id, id)
    assert tuple(tool) == ("cancelled", deleted_at)


async def test_of_tools_and_deletions_at_once_none_is_left_behind(
    user: Client, writer: Writer, superuser: asyncpg.Connection
) -> None:
    async def propose(conversation: str) -> list[str]:
        payload = await user.mutate("proposeToolExecution", conversationId=conversation, toolName="word")
        return [error["code"] for error in payload["userErrors"]]

    for _ in range(10):
        conversation = (await user.make("createConversation", "conversation"))["id"]
        proposals = [propose(conversation) for _ in range(6)]
        deletion = user.make("deleteConversation", "conversation", id=conversation)
        *codes, _ = await asyncio.gather(*proposals, deletion)
        assert {code for each in codes for code in each} <= {"NOT_FOUND"}
    assert await superuser.fetchval(LIVING, uuid.UUID(user.user_id)) == 0
    assert await differences(superuser) == []
