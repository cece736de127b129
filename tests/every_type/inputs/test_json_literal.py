"""A variable inside a JSON literal is replaced by the value that was sent for it.

Each JSON input of the schema is tried with variables of every input type.
"""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type, is_input_type

from tests.every_type.inputs.test_bad_value import fresh_input
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, mutations, value
from tests.kit.refused import only_refusal
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Serving

pytestmark = pytest.mark.parametrize("executor", ["breadth_first", "depth_first"], indirect=True, scope="module")

SCHEMA = graphql_schema()
SHAPED = {
    "keyboardShortcuts": "an object of texts",
    "autoApprovalSettings": "an object of some settings",
    "arguments": "an object of patterns by JSON pointers",
    "parametersSchema": "an object that replaces no other",
}
"""Inputs that take only JSON of a certain shape."""

NAMED = {"settings": "refuses names of secrets: see tests/accounts/providers/test_provider_config.py"}
"""Inputs that refuse certain names."""

INPUTS = [
    (mutation, name)
    for mutation in mutations(SCHEMA)
    for name, field in mutation.inputs.items()
    if str(get_named_type(field.type)) == "JSON" and name not in (*SHAPED, *NAMED)
]
LISTS = ("images", "files")
"""Inputs that take a list; all others take an object."""

TYPES: dict[str, Any] = {
    name: of for name, of in SCHEMA.type_map.items() if is_input_type(of) and not name.startswith("__")
}

Sent = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


def sample(name: str, of: Any) -> Any:
    """A valid value of the type, as a client would send it."""
    if isinstance(of, GraphQLEnumType):
        return next(iter(of.values))
    if isinstance(of, GraphQLInputObjectType):
        # Only the required fields, or the first field if none is required: no defaults are added to the value.
        first = next(iter(of.fields))
        needed = {key: value(key, field) for key, field in of.fields.items() if str(field.type).endswith("!")}
        return needed or {first: value(first, of.fields[first])}
    values = {
        "ID": "007",
        "String": "text",
        "Int": 28,
        "Float": 0.5,
        "Boolean": False,
        "BigInt": "28",
        "Decimal": "0.50",
        "Cursor": "1.1",
        "JSON": {"any key": [None, 2**63]},
        "DateTime": "2026-01-31t12:00:00+02:00",
        "Date": "2026-01-31",
    }
    return values[name]


async def stored(
    client: Client, mutation: Mutation, valid: Sent, name: str, literal: str, declared: str, sent: Sent
) -> Any:
    """Run a mutation with a literal for one field and values for its variables, and return what was stored there."""
    inputs = {key: f"${key}: {mutation.inputs[key].type}" for key in valid if key != name}
    arguments = ", ".join([*(f"{key}: ${key}" for key in inputs), f"{name}: {literal}"])
    operation = (
        f"mutation({', '.join([*inputs.values(), declared])}) {{ {mutation.name}(input: {{{arguments}}})"
        f" {{ {mutation.object} {{ {name} }} userErrors {{ message }} }} }}"
    )
    payload = (await client.data(operation, **{key: valid[key] for key in inputs}, **sent))[mutation.name]
    assert payload["userErrors"] == []
    return payload[mutation.object][name]


@pytest.mark.parametrize(("mutation", "name"), INPUTS, ids=str)
async def test_each_input_of_json_takes_variables_of_every_type_as_they_were_sent(
    estate: Estate, mutation: Mutation, name: str
) -> None:
    every = list(TYPES)
    # An operation with variables of all types at once would be too long.
    for types in (every[start : start + 20] for start in range(0, len(every), 20)):
        values = {f"v{number}": sample(of, TYPES[of]) for number, of in enumerate(types)}
        declared = ", ".join(f"${variable}: {of}" for variable, of in zip(values, types, strict=True))
        members = ", ".join(
            f"{of}: [${variable}, {{inner: ${variable}}}]" for variable, of in zip(values, types, strict=True)
        )
        expected: Any = {of: [sent, {"inner": sent}] for of, sent in zip(types, values.values(), strict=True)}
        literal = f"{{{members}}}"
        if name in LISTS:
            literal, expected = f"[{literal}]", [expected]
        valid = await fresh_input(estate, mutation)
        assert await stored(estate.client, mutation, valid, name, literal, declared, values) == expected


@pytest.mark.parametrize(
    ("declared", "sent", "literal", "expected"),
    [
        ("$t: String", {}, "{a: $t}", {}),
        ("$t: String", {}, "{a: [$t, 1, {b: $t}], c: {d: $t}}", {"a": [None, 1, {}], "c": {}}),
        ("$t: String", {"t": None}, "{a: $t, b: [$t]}", {"a": None, "b": [None]}),
        ('$t: String = "x"', {}, "{a: $t, b: [$t]}", {"a": "x", "b": ["x"]}),
        ('$t: String = "x"', {"t": None}, "{a: $t}", {"a": None}),
        ("$t: ToolStatus = PENDING", {}, "{a: $t}", {"a": "PENDING"}),
        ("$t: [ToolStatus!] = [PENDING]", {}, "{a: $t}", {"a": ["PENDING"]}),
        ("$t: [ToolStatus!]", {"t": ["FAILED", "PENDING"]}, "{a: [$t]}", {"a": [["FAILED", "PENDING"]]}),
        ("$t: Decimal = 0.5", {}, "{a: $t}", {"a": 0.5}),
        ('$t: ID = "007"', {}, "{a: $t}", {"a": "007"}),
        ("$t: ConversationFilter = {isPinned: true}", {}, "{a: $t}", {"a": {"isPinned": True}}),
        ("$t: JSON = {a: [1]}", {}, "{a: $t}", {"a": {"a": [1]}}),
        ("$t: JSON", {"t": {"x": 1}}, "$t", {"x": 1}),
    ],
    ids=str,
)
async def test_a_variable_in_json_is_what_was_sent_or_its_default(
    estate: Estate, declared: str, sent: Sent, literal: str, expected: Any
) -> None:
    (create,) = (mutation for mutation, name in INPUTS if (mutation.name, name) == ("createConversation", "metadata"))
    assert await stored(estate.client, create, {}, "metadata", literal, declared, sent) == expected


async def test_a_variable_that_makes_json_too_deep_is_refused(estate: Estate) -> None:
    deep = json.loads("[" * 60 + "]" * 60)
    literal = "{a: " * 5 + "$t" + "}" * 5
    operation = f"mutation($t: JSON) {{ createConversation(input: {{metadata: {literal}}}) {{ __typename }} }}"
    refusal = only_refusal(await estate.client.run(operation, t=deep))
    assert refusal.code == "BAD_REQUEST"
    assert "64 levels" in refusal.message


@pytest.mark.parametrize("literal", ["18446744073709551616", "[1, 1e400]", "{a: {b: [-9223372036854775809]}}"])
async def test_a_number_in_json_that_is_refused_is_located(estate: Estate, literal: str) -> None:
    operation = f"mutation {{ createConversation(input: {{metadata: {{n: {literal}}}}}) {{ __typename }} }}"
    (error,) = (await estate.client.run(operation))["errors"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert error["locations"]
