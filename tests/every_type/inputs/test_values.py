"""What an omitted field, a null and a value mean in each field of each input that creates or updates an object.

| | omitted | null | a value |
| --- | --- | --- | --- |
| create | the default | the default | the value |
| update | unchanged | cleared, or reset to the default if the column may not be null | the value |

Each is read back from the API and from the database. Mutations and fields come from the schema, columns and defaults
from the catalogue, so new ones are tested without being listed.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
import pytest
import pytest_asyncio
from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type
from strawberry.utils.str_converters import to_snake_case

from tests.kit import generated, samples
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, fields_of, is_required, mutations, own
from tests.kit.refused import Refusal, only_refusal, refusals
from tests.kit.schema import graphql_schema
from tests.kit.serving import Serving

ALL = mutations(graphql_schema())
TABLES = {kind: table for table, kind in generated.tables().items()}

WITHOUT_COLUMN = {"affectedMessageIds": "the rows of a join table: see tests/context/test_optimization.py"}
"""Fields that are not a column of the object's table."""

EITHER = {"createProviderKey": "it takes one of two fields: see tests/accounts/providers/test_provider_key.py"}
"""Mutations of which not every field can be left out by itself."""

NEEDING_A_KEY = {("recordUsage", "usedOwnApiKey"), ("reserveUsage", "usedOwnApiKey")}
"""It is true only if the user has a key of the provider: see tests/usage/quotas."""

CREATED = [
    (mutation, name)
    for mutation in ALL
    if mutation.takes_new_id and mutation.name not in EITHER
    for name, field in mutation.inputs.items()
    if name not in ("id", *WITHOUT_COLUMN) and not is_required(field) and (mutation.name, name) not in NEEDING_A_KEY
]
UPDATED = [
    (mutation, name)
    for mutation in ALL
    if mutation.name.startswith("update")
    for name in mutation.inputs
    if name not in ("id", "expectedVersion") and (mutation.kind, name) not in generated.secrets()
]

NOT_FREE = {
    ("updateMessage", "status"): "a state machine: see tests/chat/test_growth.py",
    ("updateConversation", "contextWindow"): "null resets it to the model's: see tests/chat/test_context_window.py",
    (
        "updateProviderKey",
        "keyName",
    ): "its default is the name of one key: see tests/accounts/providers/test_provider_key.py",
}
"""Fields of updates whose values depend on the object's state, or on other objects."""

NEEDED = "A value is needed here: it cannot be null."

COLUMNS = """
SELECT attname AS name, attnotnull AS required, format_type(atttypid, atttypmod) AS type,
    pg_get_expr(adbin, adrelid) AS standard
FROM pg_attribute
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
"""


@dataclass(frozen=True, slots=True)
class State:
    """One field of an object: what the API shows, and what its column holds."""

    shown: Any
    held: Any


@dataclass(frozen=True, slots=True)
class Subject:
    """A field of a mutation, and the object that the mutation creates or updates."""

    estate: Estate
    superuser: asyncpg.Connection
    mutation: Mutation
    name: str

    @property
    def table(self) -> str:
        return TABLES[self.mutation.kind]

    @property
    def column(self) -> str:
        return to_snake_case(self.name)

    async def sent(self, values: dict[str, Any]) -> str:
        """Run the mutation, which must succeed, and return the object's id."""
        answer = await self.estate.client.run(self.mutation.operation, input=values)
        assert refusals(answer) == [], (values, answer)
        id: str = answer["data"][self.mutation.name][self.mutation.object]["id"]
        return id

    async def made(self, values: dict[str, Any]) -> str:
        """Run a create with these values and what else it needs, and return the object's id."""
        choose = own(self.estate, self.mutation.name)
        beside = samples.needs_of(self.mutation.kind, self.name) if self.name in values else ()
        least = self.mutation.least(choose, {name: self.mutation.values(choose)[name] for name in beside} | values)
        links = {
            key: choose(kind) for key, kind in self.mutation.ids.items() if key.endswith("Id") and key != self.name
        }
        answer = await self.estate.client.run(self.mutation.operation, input=least)
        if not refusals(answer):
            id: str = answer["data"][self.mutation.name][self.mutation.object]["id"]
            return id
        if any(refusal.field in (*links, self.name) for refusal in refusals(answer)):
            least = {**links, **least}  # it needs another link beside this one
        return await self.sent(least)

    async def state(self, id: str) -> State:
        """The field of the object with this id."""
        row = await self._row(id)
        return State(await self._shown(id), self._comparable(row[self.column]))

    async def others(self, id: str) -> dict[str, Any]:
        """The columns that the mutation can set, without that of this field."""
        row = await self._row(id)
        names = {to_snake_case(name) for name in self.mutation.inputs} - {self.column, "id", "expected_version"}
        return {name: row[name] for name in sorted(names)}

    async def default(self) -> tuple[bool, str | None, Any]:
        """Whether the column must not be null, and its default: the expression and the value."""
        columns = {row["name"]: row for row in await self.superuser.fetch(COLUMNS, self.table)}
        column = columns[self.column]
        standard, of = column["standard"], column["type"]
        value = None if standard is None else await self.superuser.fetchval(f"SELECT ({standard})::{of}")
        return column["required"], standard, self._comparable(value)

    async def _row(self, id: str) -> asyncpg.Record:
        row = await self.superuser.fetchrow(f"SELECT * FROM {self.table} WHERE id = $1", uuid.UUID(id))  # noqa: S608
        assert row is not None
        return row

    def expected(self, value: Any) -> State:
        """The state after the field was set to a value of the input."""
        of = self.mutation.inputs[self.name].type
        return State(_shown(of, value), _held(of, value))

    async def _shown(self, id: str) -> Any:
        kind = self.mutation.kind
        fields = fields_of(self.mutation.payload[self.mutation.object].type)
        named = self.name if self.name in fields else self.name.removesuffix("Id")
        if named not in fields:
            return None
        below = generated.selection(fields[named].type, depth=0)
        operation = f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ value: {named} {below} }} }} }}"
        value = (await self.estate.client.data(operation, id=id))["node"]["value"]
        return _shown(self.mutation.inputs[self.name].type, value["id"] if named != self.name and value else value)

    def _comparable(self, held: Any) -> Any:
        of: Any = get_named_type(self.mutation.inputs[self.name].type)
        if held is not None and (of.name == "JSON" or isinstance(of, GraphQLInputObjectType) or self.is_list):
            return orjson.loads(held)
        return held

    @property
    def is_list(self) -> bool:
        return "[" in str(self.mutation.inputs[self.name].type)


def _shown(of: Any, value: Any) -> Any:
    """A value of the API in a form that can be compared."""
    if isinstance(value, list):
        return [_shown(of, item) for item in value]
    named: Any = get_named_type(of)
    if value is not None and isinstance(named, GraphQLInputObjectType):
        return {key: _shown(named.fields[key].type, item) for key, item in value.items() if key in named.fields}
    return _parsed(named.name, value)


def _held(of: Any, value: Any) -> Any:
    """What a column holds for a value of an input."""
    named: Any = get_named_type(of)
    if isinstance(value, list) and named.name != "JSON":
        return [_member(named, item) for item in value]
    if isinstance(named, GraphQLEnumType):
        member = named.values[value].value
        return getattr(member, "value", member)
    return _parsed(named.name, value)


def _member(of: Any, value: Any) -> Any:
    """What a list in a column holds for an item of an input."""
    if isinstance(of, GraphQLInputObjectType):
        return {to_snake_case(key): _held(of.fields[key].type, item) for key, item in value.items() if item is not None}
    return _held(of, value)


def _parsed(name: str, value: Any) -> Any:
    match value:
        case str() if name == "ID":
            return uuid.UUID(value)
        case str() if name == "Decimal":
            return decimal.Decimal(value)
        case str() if name == "DateTime":
            return datetime.datetime.fromisoformat(value)
        case str() if name == "Date":
            return datetime.date.fromisoformat(value)
    return value


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


def values_for(subject: Subject) -> tuple[Any, ...]:
    """One or two valid values of the field."""
    mutation, name, estate = subject.mutation, subject.name, subject.estate
    if name in mutation.ids:
        # The second object of its own type is the one that is updated.
        ids = estate.ids[mutation.ids[name]][: 1 if name in mutation.to_own_type else 2]
        return tuple([id] if subject.is_list else id for id in ids)
    first = mutation.values(own(estate, mutation.name))[name]
    return first, generated.other(mutation.kind, name, mutation.inputs[name], first)


FROM_NOW = {("createAgentToken", "expiresAt")}
"""Fields whose default is a time after that of the request."""


@pytest.mark.parametrize(("mutation", "name"), CREATED, ids=str)
async def test_a_new_object_has_the_value_or_the_default(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    subject = Subject(estate, superuser, mutation, name)
    omitted = await subject.state(await subject.made({}))
    reset = await subject.state(await subject.made({name: None}))
    assert reset.held is not None if (mutation.name, name) in FROM_NOW else reset == omitted
    for value in values_for(subject):
        assert await subject.state(await subject.made({name: value})) == subject.expected(value)


@pytest.mark.parametrize(("mutation", "name"), [(m, n) for m, n in UPDATED if (m.name, n) not in NOT_FREE], ids=str)
async def test_an_update_keeps_what_it_omits_clears_or_resets_what_is_null_and_sets_the_rest(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    subject = Subject(estate, superuser, mutation, name)
    named = {"id": own(estate, mutation.name)(mutation.ids["id"])} if "id" in mutation.inputs else {}
    if name in mutation.to_own_type:
        named = {"id": estate.ids[mutation.kind][1]}
    values = values_for(subject)
    for value in values:
        id = await subject.sent({**named, name: value})
        others = await subject.others(id)
        assert await subject.state(id) == subject.expected(value)
        await subject.sent({**named, name: values[0]})
        assert await subject.others(id) == others
    before = await subject.state(id)
    answer = await estate.client.run(mutation.operation, input={**named, name: None})
    required, standard, default = await subject.default()
    if required and standard is None:
        assert only_refusal(answer) == Refusal("INVALID", name, NEEDED)
        assert await subject.state(id) == before
    else:
        assert refusals(answer) == []
        after = await subject.state(id)
        assert after.held == (default if required else None)
        assert (after.shown is None) == (after.held is None)
    assert await subject.others(id) == others


def test_fields_of_creates_and_updates_are_found() -> None:
    assert {"createConversation", "addMessage", "recordUsage"} <= {mutation.name for mutation, _ in CREATED}
    assert {"updateConversation", "updateMessage"} <= {mutation.name for mutation, _ in UPDATED}
    assert NOT_FREE.keys() <= {(mutation.name, name) for mutation, name in UPDATED}
