"""The number of SQL statements of an operation depends on its depth, never on the number of rows."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, get_named_type

from tests.kit import derived, generated
from tests.kit.database import Database
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, mutations, own
from tests.kit.plans import LINKED
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Serving, first

FILL = """
INSERT INTO conversations (user_id, title)
SELECT tenant(), 'Talk ' || n FROM generate_series(1, current_setting('fill.rows')::integer) AS n;

INSERT INTO messages (user_id, conversation_id, role, content)
SELECT user_id, id, 'user', 'Message ' || n
FROM conversations, generate_series(1, current_setting('fill.rows')::integer) AS n
WHERE user_id = tenant();

INSERT INTO tool_executions (user_id, conversation_id, message_id, tool_name)
SELECT user_id, conversation_id, id, 'tool' FROM messages WHERE user_id = tenant();

INSERT INTO context_optimizations (
    user_id, conversation_id, trigger_reason, optimization_type, tokens_before, tokens_after)
SELECT user_id, id, 'auto', 'truncation', 2, 1 FROM conversations WHERE user_id = tenant();

INSERT INTO usage_logs (user_id, conversation_id, message_id, provider, model, input_tokens)
SELECT user_id, conversation_id, id, 'openai', 'gpt-4o-mini', 10 FROM messages WHERE user_id = tenant();
"""


async def _with_rows(serving: Serving, database: Database, rows: int) -> Client:
    """A new user with this many conversations of this many messages each, and rows of all types linked to them."""
    client = await serving.signed_up()
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    try:
        for name, value in {"app.user_id": client.user_id, "fill.rows": str(rows)}.items():
            await owner.execute("SELECT set_config($1, $2, false)", name, value)
        await owner.execute(FILL)
    finally:
        await owner.close()
    return client


async def _sent(client: Client, operation: str, **variables: Any) -> tuple[dict[str, Any], list[str]]:
    """The data of an operation and the statements it takes, once the driver knows the types of its parameters."""
    await client.data(operation, **variables)
    client.statements.texts.clear()
    data = await client.data(operation, **variables)
    return data, list(client.statements.texts)


async def test_twenty_by_twenty_rows_take_as_many_statements_as_two_by_two(
    serving: Serving, database: Database
) -> None:
    for rows in (2, 20):
        data, sent = await _sent(await _with_rows(serving, database, rows), LINKED)
        conversations = data["viewer"]["conversations"]["nodes"]
        assert len(conversations) == rows
        for conversation in conversations:
            assert conversation["usage"]["totalTokens"] == rows * 10
            assert [len(m["toolExecutions"]["nodes"]) for m in conversation["messages"]["nodes"]] == [1] * rows
        # conversations, lastMessage, messages, toolExecutions, transitions, contextOptimizations. The viewer's own row
        # is not read, because no field of it is selected.
        assert len(sent) == 6, "\n\n".join(sent)


async def test_the_same_link_asked_for_in_two_places_is_read_once(serving: Serving, database: Database) -> None:
    client = await _with_rows(serving, database, 3)
    operation = (
        "{ viewer { conversations { nodes { messages { nodes { conversation { title } } }"
        " lastMessage { conversation { title } } } } } }"
    )
    _, sent = await _sent(client, operation)
    assert len(sent) == 4, "\n\n".join(sent)


async def test_an_object_reached_twice_with_the_same_fields_is_read_once(serving: Serving, database: Database) -> None:
    client = await _with_rows(serving, database, 2)
    id = (await client.data("{ viewer { conversations(first: 1) { nodes { id } } } }"))["viewer"]["conversations"]
    operation = "query($id: ID!) { a: conversation(id: $id) { title } b: conversation(id: $id) { title } }"
    data, sent = await _sent(client, operation, id=id["nodes"][0]["id"])
    assert data["a"] == data["b"]
    assert len(sent) == 1, "\n\n".join(sent)


async def test_a_total_is_counted_in_one_statement_for_all_parents_and_only_when_asked(
    serving: Serving, database: Database
) -> None:
    client = await _with_rows(serving, database, 3)
    _, without = await _sent(client, "{ viewer { conversations { nodes { messages { nodes { seq } } } } } }")
    data, counted = await _sent(client, "{ viewer { conversations { nodes { messages { totalCount } } } } }")
    assert [node["messages"]["totalCount"] for node in data["viewer"]["conversations"]["nodes"]] == [3, 3, 3]
    assert not any("count(*)" in text for text in without)
    assert sum("count(*)" in text for text in counted) == 1


async def test_nothing_is_asked_for_typename_alone(user: Client) -> None:
    await user.check("{ __typename }", expect={"__typename": "Query"}, statements=0)


async def test_fifty_ids_of_a_named_type_take_one_statement(serving: Serving, database: Database) -> None:
    client = await _with_rows(serving, database, 7)
    listed = await client.data("{ viewer { conversations { nodes { messages { nodes { id } } } } } }")
    conversations = listed["viewer"]["conversations"]["nodes"]
    ids = [message["id"] for conversation in conversations for message in conversation["messages"]["nodes"]]
    operation = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Message { seq } } }"
    for requested in (ids[:1], ids):
        data, sent = await _sent(client, operation, ids=requested)
        assert len(data["nodes"]) == len(requested)
        assert len(sent) == 1, "\n\n".join(sent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


async def _made(estate: Estate, name: str) -> dict[str, Any]:
    """A valid input for a mutation, which names a new object if the mutation ends what others need."""
    mutation = Mutation(graphql_schema(), name)
    choose = own(estate, name)
    if mutation.makes:
        return mutation.least(choose, {name: choose(of) for name, of in mutation.ids.items() if not name.endswith("s")})
    values = mutation.values(choose) | await estate.begin(mutation)
    if name.startswith(("delete", "restore")):
        create = next(each for each in mutations(mutation.schema) if each.kind == mutation.kind and each.takes_new_id)
        values["id"] = await derived.make(estate.client, create, estate.known, estate.canary)
    if name.startswith("restore"):
        await estate.client.make(f"delete{mutation.kind}", mutation.object, id=values["id"])
    return values


ELSEWHERE = {
    *("signUp", "signIn", "refreshSession", "signOut", "appendMessage", "signalPresence"),
    *("deleteAccount", "restoreAccount", "restore", "purge", "emptyTrash", "suggestToolRisk"),
    *("createProviderKey", "testProviderKey"),
}
"""Mutations whose statements are counted in the tests of what they are about."""

OTHERS = {
    "createAgentToken": ["SELECT", "INSERT"],
    "recordContextOptimization": ["BEGIN;", "INSERT", "INSERT", "COMMIT;"],
    "removeMessageFeedback": ["SELECT"] * 2,
    "removeReaction": ["SELECT"] * 3,
    "renewToolExecution": ["SELECT"],
    # The rules of a base URL come before the check of its address.
    "updateProviderConfig": ["SELECT", "UPDATE"],
    "replaceProviderKey": ["SELECT", "SELECT", "UPDATE"],
}
"""The statements of mutations that are not a single INSERT or UPDATE, or the call that inserts a list."""


def _mutations() -> list[Any]:
    """Each mutation with the payload field that holds its object."""
    root = graphql_schema().mutation_type
    assert root is not None
    payloads = {name: get_named_type(field.type) for name, field in root.fields.items() if name not in ELSEWHERE}
    return [
        pytest.param(name, next(iter(of.fields)), id=name)
        for name, of in payloads.items()
        if isinstance(of, GraphQLObjectType)
    ]


@pytest.mark.parametrize(("mutation", "of"), _mutations())
async def test_a_mutation_is_one_statement(
    serving: Serving, superuser: asyncpg.Connection, estate: Estate, mutation: str, of: str
) -> None:
    if mutation.startswith("remove"):
        estate = await make_estate(serving, superuser)  # another test may have removed the same
    user, values = estate.client, await _made(estate, mutation)
    user.statements.texts.clear()
    await user.make(mutation, of, **values)
    sent = [_verb(text) for text in user.statements.texts if "typeinfo_tree" not in text]
    if Mutation(graphql_schema(), mutation).joins:
        assert sent == ["SELECT", "SELECT"]  # the call, and the object as it is afterwards
        return
    usual = "UPDATE" if mutation.startswith("update") or "id" in values else "INSERT"
    # What an object's secrets are sealed for comes before they are written.
    kinds = {kind for kind, _ in generated.secrets()} if mutation.startswith(("create", "update")) else set()
    sealing = ["SELECT"] if Mutation(graphql_schema(), mutation).kind in kinds else []
    assert sent == OTHERS.get(mutation, ["SELECT"] if "items" in values else [*sealing, usual])


async def test_a_message_sent_again_takes_one_more_statement(estate: Estate) -> None:
    user, values = estate.client, {**await _made(estate, "addMessage"), "id": str(uuid.uuid4())}
    await user.make("addMessage", "message", **values)
    user.statements.texts.clear()
    await user.make("addMessage", "message", **values)
    assert [_verb(text) for text in user.statements.texts] == ["INSERT", "SELECT"]


def _verb(statement: str) -> str:
    """The first word of a statement, after the comment with its purpose."""
    return next(line for line in statement.splitlines() if not line.startswith("--")).split()[0]


@pytest.mark.parametrize("cursor", [False, True], ids=["without feedCursor", "with feedCursor"])
async def test_only_an_operation_that_asks_for_the_feed_cursor_opens_a_snapshot(user: Client, cursor: bool) -> None:
    _, sent = await _sent(user, f"{{ viewer {{ email {'feedCursor' if cursor else ''} }} }}")
    assert any(text.startswith("BEGIN") for text in sent) is cursor


async def test_missed_events_are_read_together(serving: Serving) -> None:
    """Their messages form one level, so they take one statement, however many were missed."""
    client = await serving.signed_up()
    conversation = (await client.make("createConversation", "conversation"))["id"]
    cursor = (await client.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    for number in range(5):
        await client.make("addMessage", "message", conversationId=conversation, role="USER", content=str(number))
    operation = "subscription($after: Cursor!) { messageAdded(after: $after) { message { content } } }"
    async with client.socket() as socket:
        client.statements.texts.clear()
        events = await first(await socket.subscribe(operation, after=cursor), 5)
    assert [event["messageAdded"]["message"]["content"] for event in events] == list("01234")
    assert len([text for text in client.statements.texts if "FROM messages AS t" in text]) == 1


async def test_json_is_passed_through_as_the_database_holds_it(serving: Serving, database: Database) -> None:
    """This includes numbers that Python's JSON libraries cannot represent exactly."""
    client = await serving.signed_up()
    id = (await client.make("createConversation", "conversation"))["id"]
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    try:
        await owner.execute("SELECT set_config('app.user_id', $1, false)", client.user_id)
        held = '{"big": 123456789012345678901234567890, "exact": 0.1000000000000000000001}'
        await owner.execute("UPDATE conversations SET metadata = $2 WHERE id = $1", uuid.UUID(id), held)
    finally:
        await owner.close()
    body = {"query": f'{{ conversation(id: "{id}") {{ metadata }} }}'}
    async with client.http.post(f"{client.url}/graphql", json=body, headers=client.headers) as response:
        assert f'"metadata":{held}' in await response.text()


@pytest.mark.parametrize("refused", ["messages(first: 500) { nodes { id } }", 'messages(after: "x") { nodes { id } }'])
async def test_an_object_is_not_read_again_because_what_is_asked_below_it_is_refused(
    serving: Serving, database: Database, refused: str
) -> None:
    client = await _with_rows(serving, database, 1)
    data = await client.data("{ viewer { conversations { nodes { id } } } }")
    (conversation,) = data["viewer"]["conversations"]["nodes"]
    operation = f"query($id: ID!) {{ conversation(id: $id) {{ title {refused} }} }}"
    for _ in range(2):
        client.statements.texts.clear()
        answer = await client.run(operation, id=conversation["id"])
    assert [error["path"] for error in answer["errors"]] == [["conversation", "messages"]]
    assert len(client.statements.texts) == 1


async def test_a_link_without_a_key_is_not_asked(user: Client) -> None:
    id = (await user.make("createConversation", "conversation"))["id"]
    data, sent = await _sent(user, "query($id: ID!) { conversation(id: $id) { lastMessage { content } } }", id=id)
    assert data == {"conversation": {"lastMessage": None}}
    assert len(sent) == 1
