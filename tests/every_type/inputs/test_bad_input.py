"""Invalid input is refused with the field and the reason, and changes nothing.

Each field of each mutation is tried with values of the wrong type, values that cannot be stored, and unknown ids.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type

from gateway.work.afterwards import Afterwards
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, is_required, mutations, own
from tests.kit.refused import only_refusal, refusals
from tests.kit.rows import unchanged
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Serving

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

MUTATIONS = mutations(graphql_schema())
FIELDS = [(mutation, name) for mutation in MUTATIONS for name in mutation.inputs]
NAMING = [(mutation, name) for mutation in MUTATIONS for name in ("id", *mutation.ids) if name in mutation.inputs]
TEXTS = [(m, name) for m, name in FIELDS if str(get_named_type(m.inputs[name].type)) in ("String", "ID", "JSON")]

ODD_DIGITS = [
    " 1",
    "1 ",
    "1\n",
    "+1",
    "1_000",
    "1,000",
    "01",
    "\u0661",
    "\uff11",
    "\u00b2",
    "--1",
    "-",
    "1e",
    "\u22121",
]
"""Spellings of numbers that some languages accept and JSON does not."""

MISFITS: dict[str, list[Any]] = {
    "String": [5, True, ["text"], {"text": "text"}],
    "Int": ["1", 1.5, True, 2**31, -(2**31) - 1, 10**30, [1]],
    "Float": ["NaN", "1", True, [1.5]],
    "Boolean": ["true", 1, [True]],
    "BigInt": [*ODD_DIGITS, "1.5", "28.0", "one", "", 1.5, 2.0**53, True, 2**63, 2**64, 1e30, "9" * 5000, [1, 2]],
    "Decimal": [*ODD_DIGITS, "NaN", "Infinity", "1e400", "1,5", "", True, "1" * 13, ".5", "5.", "0x1", {"amount": 1}],
    "DateTime": ["tomorrow", "", "2026-01-31", "2026-13-01T00:00:00Z", 5, True, ["2026-01-31T12:00:00Z"]],
    "ID": [True, 1.5, {"id": 1}],
}
"""Invalid values, by type. JSON has none: it accepts any value."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


@asynccontextmanager
async def nothing_happens(
    superuser: asyncpg.Connection, estate: Estate, afterwards: Afterwards | None = None
) -> AsyncIterator[None]:
    """Check that the block changes no row of the user, as `unchanged` does, and creates no other user."""
    users = await superuser.fetchval("SELECT count(*) FROM users")
    async with unchanged(superuser, estate.user_id, afterwards=afterwards):
        yield
    assert await superuser.fetchval("SELECT count(*) FROM users") == users


def valid_input(mutation: Mutation, estate: Estate) -> dict[str, Any]:
    """A valid input, which would change something if the invalid part were accepted."""
    values = mutation.values(own(estate, mutation.name))
    return values | estate.credentials(mutation)


def wrapped(mutation: Mutation, name: str, value: Any) -> Any:
    """The value, in a list if the field takes one."""
    return [value] if "[" in str(mutation.inputs[name].type) else value


async def send(client: Client, operation: str, variables: str) -> dict[str, Any]:
    """Run an operation with variables as JSON text, which can hold values that Python cannot encode."""
    body = f'{{"query": {json.dumps(operation)}, "variables": {variables}}}'
    headers = {**client.headers, "Content-Type": "application/json"}
    async with client.http.post(f"{client.url}/graphql", data=body.encode(), headers=headers) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
        return answer


# --- types


@pytest.mark.parametrize(("mutation", "name"), FIELDS, ids=str)
async def test_a_value_of_another_type_is_refused_at_its_place(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    of: Any = get_named_type(mutation.inputs[name].type)
    misfits = ["NOBODY", 1, True] if isinstance(of, GraphQLEnumType) else MISFITS.get(str(of), [])
    misfits = [5, "text"] if isinstance(of, GraphQLInputObjectType) else misfits
    assert misfits or str(of) == "JSON", f"add values that are not a valid {of} to MISFITS"
    async with nothing_happens(superuser, estate):
        for misfit in misfits:
            values = valid_input(mutation, estate) | {name: wrapped(mutation, name, misfit)}
            # An object may lack some fields and have others that do not exist.
            found = refusals(await estate.client.run(mutation.operation, input=values))
            assert found
            assert all(refusal.code == "BAD_REQUEST" and f".{name}" in refusal.message for refusal in found)


@pytest.mark.parametrize(("mutation", "name"), [(m, n) for m, n in FIELDS if is_required(m.inputs[n])], ids=str)
async def test_what_is_needed_is_asked_for(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    values = valid_input(mutation, estate)
    missing = {key: content for key, content in values.items() if key != name}
    async with nothing_happens(superuser, estate):
        for less in (values | {name: None}, missing):
            refusal = only_refusal(await estate.client.run(mutation.operation, input=less))
            assert refusal.code == "BAD_REQUEST"
            assert name in refusal.message


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
async def test_what_is_not_known_is_refused_without_quoting_the_rest(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    """Clients log errors, and the input may also contain a password."""
    secrets = {name: "hush hush hush" for name in ("password", "refreshToken", "content") if name in mutation.inputs}
    values = valid_input(mutation, estate) | secrets
    async with nothing_happens(superuser, estate):
        refusal = only_refusal(await estate.client.run(mutation.operation, input=values | {"nothing": 1}))
        assert (refusal.code, "'nothing'" in refusal.message) == ("BAD_REQUEST", True)
        assert "hush" not in refusal.message
        literal = ", ".join(f"{name}: {json.dumps(content)}" for name, content in (*secrets.items(), ("nothing", 1)))
        refused = refusals(
            await estate.client.run(f"mutation {{ {mutation.name}(input: {{{literal}}}) {{ __typename }} }}")
        )
        assert refused
        assert all("hush" not in refusal.message for refusal in refused)


@pytest.mark.parametrize(
    "arguments", ["", "(input: null)", "(input: 5)", "(input: [])", "(input: {})", "(inputs: {id: 1})", "(input: $no)"]
)
async def test_an_input_that_is_none_is_refused(estate: Estate, superuser: asyncpg.Connection, arguments: str) -> None:
    async with nothing_happens(superuser, estate):
        for mutation in MUTATIONS:
            if arguments == "(input: {})" and not any(map(is_required, mutation.inputs.values())):
                continue
            refused = refusals(await estate.client.run(f"mutation {{ {mutation.name}{arguments} {{ __typename }} }}"))
            assert {refusal.code for refusal in refused} == {"GRAPHQL_VALIDATION_FAILED"}, mutation.name


# --- text


@pytest.mark.parametrize(("mutation", "name"), TEXTS, ids=str)
async def test_text_that_cannot_be_stored_is_refused_at_its_place(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    bad = ['"a\\u0000b"', '"\\u0000"']
    if str(get_named_type(mutation.inputs[name].type)) == "JSON":
        bad += ['{"a": [{"b": "\\u0000"}]}', '{"a\\u0000": 1}']
    async with nothing_happens(superuser, estate):
        for text in bad:
            marked = valid_input(mutation, estate) | {name: wrapped(mutation, name, "HERE")}
            variables = json.dumps({"input": marked}).replace('"HERE"', text)
            refusal = only_refusal(await send(estate.client, mutation.operation, variables))
            assert refusal.code == "BAD_REQUEST"
            assert refusal.message.startswith(f"variables.input.{name}")
            assert "NUL" in refusal.message


@pytest.mark.parametrize(("mutation", "name"), TEXTS, ids=str)
async def test_half_a_character_is_refused(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    async with nothing_happens(superuser, estate):
        marked = valid_input(mutation, estate) | {name: wrapped(mutation, name, "HERE")}
        for text in ('"\\ud800"', '"a\\udc00"', '"\\udc00\\ud800"'):
            variables = json.dumps({"input": marked}).replace('"HERE"', text)
            assert only_refusal(await send(estate.client, mutation.operation, variables)).code == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("literal", "reason"),
    [
        ('"a\\u0000b"', "NUL"),
        ('{a: "a\\u0000b"}', "NUL"),
        ('"\\ud800"', "Unicode"),
        ('"\\u{110000}"', "Unicode"),
        ("99999999999999999999", "64 bits"),
        ("[{a: -9223372036854775809}]", "64 bits"),
        ("1e400", "too large"),
        ("[" * 65 + "]" * 65, "64 levels"),
        ("{a: " * 65 + "1" + "}" * 65, "64 levels"),
        ("[" * 400 + "]" * 400, "nested"),
    ],
    ids=lambda text: text[:20],
)
async def test_a_literal_that_cannot_be_stored_is_refused(
    estate: Estate, superuser: asyncpg.Connection, literal: str, reason: str
) -> None:
    message = estate.ids["Message"][0]
    async with nothing_happens(superuser, estate):
        for field in (f'updateMessage(input: {{id: "{message}", providerMetadata: {literal}}})',):
            refusal = only_refusal(await estate.client.run(f"mutation {{ {field} {{ __typename }} }}"))
            assert refusal.code in ("BAD_REQUEST", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED")
            assert reason in refusal.message


NUMBERS = [(m, name) for m, name in FIELDS if str(get_named_type(m.inputs[name].type)) in ("JSON", "BigInt", "Decimal")]
LARGE = (str(2**64), str(-(2**63) - 1), "9" * 40)


@pytest.mark.parametrize(("mutation", "name"), NUMBERS, ids=str)
async def test_a_whole_number_that_would_become_another_one_is_refused_at_its_place(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    values: list[tuple[str, Any]] = [("", "HERE")]
    if str(get_named_type(mutation.inputs[name].type)) == "JSON":
        values += [(".a[0].b", {"a": [{"b": "HERE"}]}), ("[1]", ["9" * 40, "HERE"])]
    async with nothing_happens(superuser, estate):
        for (below, value), number in itertools.product(values, LARGE):
            variables = json.dumps({"input": valid_input(mutation, estate) | {name: value}}).replace('"HERE"', number)
            path = f"variables.input.{name}{below}"
            for answer in (
                await send(estate.client, mutation.operation, variables),
                await send_on_a_socket(estate.client, mutation.operation, variables),
            ):
                refusal = only_refusal(answer)
                message = f"{path} contains an integer of more than 64 bits"
                assert (refusal.code, refusal.message) == ("BAD_REQUEST", message)


async def send_on_a_socket(client: Client, operation: str, variables: str) -> dict[str, Any]:
    """Like `send`, on a websocket, which must stay usable afterwards."""
    async with client.socket() as socket:
        payload = f'{{"query": {json.dumps(operation)}, "variables": {variables}}}'
        await socket.connection.send_str(f'{{"type": "subscribe", "id": "1", "payload": {payload}}}')
        answer = await socket.connection.receive_json(timeout=20)
        await socket.connection.send_json({"type": "ping"})
        assert (await socket.connection.receive_json(timeout=20))["type"] == "pong"
        return {"errors": answer["payload"]}


async def test_a_whole_number_that_would_become_another_one_is_refused_in_a_url(estate: Estate) -> None:
    parameters = {"query": "{ __typename }", "variables": f'{{"after": {2**64}}}'}
    url = f"{estate.client.url}/graphql"
    async with estate.client.http.get(url, params=parameters, headers=estate.client.headers) as response:
        refusal = only_refusal(await response.json(content_type=None))
    assert refusal.message == "variables.after contains an integer of more than 64 bits"


async def test_numbers_of_64_bits_and_long_digits_in_texts_come_back_as_they_were(estate: Estate) -> None:
    kept = {"a": [2**63 - 1, -(2**63), 2**64 - 1, 0.1, "9" * 40], "9" * 30: 1.5}
    changed = await estate.client.make(
        "updateMessage", "message", "providerMetadata", id=estate.ids["Message"][1], providerMetadata=kept
    )
    assert changed["providerMetadata"] == kept


@pytest.mark.parametrize(
    ("mutation", "name"), [(m, n) for m, n in FIELDS if str(get_named_type(m.inputs[n].type)) == "BigInt"], ids=str
)
async def test_a_whole_number_may_be_written_with_a_point(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    async with nothing_happens(superuser, estate):
        values = valid_input(mutation, estate)
        answers = []
        for number in ("1000028", "1000028.0", "1.000028e6", '"1000028"'):
            variables = json.dumps({"input": values | {name: "HERE"}}).replace('"HERE"', number)
            answers.append(await send(estate.client, mutation.operation, variables))
        assert only_refusal(answers[0]).code == "CONFLICT"
        assert answers == [answers[0]] * 4


@pytest.mark.parametrize("member", ["id", "query", "operationName", "documentId", "variables", "extensions", "more"])
async def test_a_large_number_elsewhere_in_a_request_is_no_failure_of_ours(estate: Estate, member: str) -> None:
    body = json.dumps({"query": "{ __typename }", member: 2**70})
    headers = {**estate.client.headers, "Content-Type": "application/json"}
    async with estate.client.http.post(f"{estate.client.url}/graphql", data=body, headers=headers) as response:
        answer = await response.json(content_type=None)
    assert answer.get("data") or only_refusal(answer).code == "BAD_REQUEST"


async def test_a_value_as_deep_as_allowed_comes_back_as_it_was(estate: Estate) -> None:
    deep: Any = "the bottom"
    for _ in range(30):
        deep = [{"a": deep}]
    id = estate.ids["Message"][1]
    for value in ({"a": deep}, {"number": 2**63 - 1, "small": -(2**63), "half": 0.5, "é\U0001f600": "\u2028\x01"}):
        changed = await estate.client.make(
            "updateMessage", "message", "providerMetadata", id=id, providerMetadata=value
        )
        assert changed["providerMetadata"] == value


@pytest.mark.parametrize("text", ["x" * 1_000_000, "é" * 300_000], ids=["x", "é"])
@pytest.mark.parametrize(
    ("mutation", "name"), [(m, n) for m, n in TEXTS if str(get_named_type(m.inputs[n].type)) == "String"], ids=str
)
async def test_far_too_long_a_text_is_refused_by_name(
    estate: Estate, superuser: asyncpg.Connection, serving: Serving, mutation: Mutation, name: str, text: str
) -> None:
    afterwards = await estate.recorder(mutation, serving)
    async with nothing_happens(superuser, estate, afterwards):
        values = valid_input(mutation, estate) | {name: wrapped(mutation, name, text)}
        refusal = only_refusal(await estate.client.run(mutation.operation, input=values))
        at = f"{name}.0" if "[" in str(mutation.inputs[name].type) else name
        # The error of a sign-in does not say whether the address or the password was wrong.
        hidden = mutation.takes_credentials and name in ("email", "password")
        assert (refusal.code, refusal.field) == ("INVALID", None if hidden else at)
        assert len(refusal.message) < 200


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    estate: Estate, superuser: asyncpg.Connection
) -> None:
    async with nothing_happens(superuser, estate):
        values = {"id": estate.ids["Message"][0], "content": "x" * 2_500_000}
        answer = await estate.client.run(
            "mutation($input: UpdateMessageInput!) { updateMessage(input: $input) }", input=values
        )
        assert (only_refusal(answer).code, "too large" in only_refusal(answer).message) == ("BAD_REQUEST", True)


# --- ids


@pytest.mark.parametrize(("mutation", "name"), NAMING, ids=str)
async def test_what_is_no_id_is_refused_by_name(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    async with nothing_happens(superuser, estate):
        for text in (
            "",
            "7",
            7,
            "null",
            "not a uuid",
            "x" * 100_000,
            str(uuid.uuid4())[:-1],
            f"{uuid.uuid4()}0",
            uuid.uuid4().hex,
            f"{{{uuid.uuid4()}}}",
            uuid.uuid4().urn,
            f" {uuid.uuid4()}",
            "0198a00000007000-8000-0000-00000000-1",
            "\uff10" + str(uuid.uuid4())[1:],
            "é" * 36,
        ):
            values = valid_input(mutation, estate) | {name: wrapped(mutation, name, text)}
            refusal = only_refusal(await estate.client.run(mutation.operation, input=values))
            assert (refusal.code, refusal.field) == ("INVALID", ".".join(mutation.place(name)))
            assert "is not a UUID" in refusal.message
            assert len(refusal.message) < 500


@pytest.mark.parametrize(("mutation", "name"), [(m, n) for m in MUTATIONS for n in m.ids], ids=str)
async def test_an_id_of_nothing_is_refused_by_name(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    async with nothing_happens(superuser, estate):
        of_another_kind = estate.ids["User"][0]
        for id in (str(uuid.uuid4()), str(uuid.UUID(int=0)), of_another_kind):
            values = valid_input(mutation, estate) | {name: wrapped(mutation, name, id)}
            refusal = only_refusal(await estate.client.run(mutation.operation, input=values))
            assert (refusal.code in ("NOT_FOUND", "INVALID"), refusal.field) == (True, ".".join(mutation.place(name)))


@pytest.mark.parametrize("text", ["", "7", "not a uuid", "x" * 5000, "' OR true --"], ids=lambda text: text[:12])
async def test_a_query_says_which_argument_is_no_id(estate: Estate, text: str) -> None:
    for field in ("node(id: $id)", "conversation(id: $id)", "message(id: $id)", "toolExecution(id: $id)"):
        refusal = only_refusal(await estate.client.run(f"query($id: ID!) {{ {field} {{ id }} }}", id=text))
        assert (refusal.code, refusal.field) == ("INVALID", "id")
    refusal = only_refusal(await estate.client.run("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[text]))
    assert (refusal.code, refusal.field) == ("INVALID", "ids")


async def test_too_many_ids_are_refused(estate: Estate) -> None:
    ids = [str(uuid.uuid4()) for _ in range(101)]
    operation = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    refusal = only_refusal(await estate.client.run(operation, ids=ids))
    assert (refusal.code, refusal.field) == ("BAD_REQUEST", "ids")
    assert (await estate.client.data(operation, ids=ids[1:]))["nodes"] == [None] * 100
