"""Every rule that the database has on a value can be met with, and answers with its field and its own words.

The rules are read from `sql/schema.sql`, the mutations from the schema: a new rule is tried without being listed.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import GraphQLEnumType, get_named_type
from strawberry.utils.str_converters import to_camel_case

from gateway.data.queries import SQL_DIRECTORY
from gateway.schema.build import graphql_schema
from tests.kit import samples
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, mutations, own, tables
from tests.kit.refused import Refusal, refusals
from tests.kit.rows import differences, rows_of
from tests.kit.serving import PASSWORD, Serving

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

SCHEMA = graphql_schema()
TABLES = tables()
COMMENT = re.compile(r"^COMMENT ON CONSTRAINT (\w+) ON parley\.(\w+) IS '((?:[^']|'')*)';$", re.MULTILINE)

ABOUT = {"tool_transitions": "ToolExecution", "sessions": "User", "message_pieces": "Message"}
"""The object of the mutations that write a table whose rows they do not give."""

NOT_REACHED = {
    "users_avatar_url_length": "no mutation sets it yet",
    "users_default_provider_length": "no mutation sets it yet",
    "message_growths_text_length": "it takes many appends, which tests/chat/test_growth.py makes",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint with the words for who breaks it."""

    name: str
    table: str
    reason: str

    @property
    def field(self) -> str:
        """The field of the API that it is about."""
        return to_camel_case(self.name.removeprefix(self.table + "_").rpartition("_")[0])

    @property
    def limit(self) -> int:
        """The largest number in its words, in characters or bytes."""
        numbers = [int(number) for number in re.findall(r"\d+", self.reason)] or [0]
        return max(numbers) * (1024 if "KiB" in self.reason else 1024 * 1024 if "MiB" in self.reason else 1)


RULES = [
    Rule(name, table, reason.replace("''", "'"))
    for name, table, reason in COMMENT.findall((SQL_DIRECTORY / "schema.sql").read_text(encoding="utf-8"))
]


def reached_by(rule: Rule) -> Iterator[Mutation]:
    """The mutations that take the field of a rule."""
    kind = ABOUT.get(rule.table, TABLES.get(rule.table))
    for mutation in mutations(SCHEMA):
        finds_only = (mutation.name, rule.table) == ("signIn", "users")
        if rule.field in mutation.inputs and mutation.kind == kind and not finds_only:
            yield mutation


CASES = [(rule, mutation) for rule in RULES for mutation in reached_by(rule)]


def candidates(rule: Rule, mutation: Mutation) -> list[Any]:
    """Values of which some break the rule."""
    over = rule.limit + 1
    match str(get_named_type(mutation.inputs[rule.field].type)):
        case "String":
            return ["", " \n", "no", "x" * over]
        case "Int":
            return [-1, 0, *([over] if over < 2**31 else [])]
        case "Float":
            return [-0.01, over]
        case "Decimal":
            return ["-0.000001", str(over)]
        case "JSON":
            return ["text", {"text": "x" * over}, ["x" * over]]
        case "ID":
            return [str(uuid.uuid4())]
        case other:
            raise AssertionError(f"say here what a bad {other} is")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


async def good_input(estate: Estate, mutation: Mutation) -> dict[str, Any]:
    """An input that the mutation takes, each time."""
    ids = own(estate, mutation.name)
    given = mutation.least(ids) | {name: ids(kind) for name, kind in mutation.ids.items() if not name.endswith("s")}
    if mutation.name in samples.begins():
        kind, state = mutation.ids["id"], samples.begins()[mutation.name]
        given["id"] = await samples.new()[kind](estate.client, estate.known, state)
    if mutation.name == "updateMessage":
        given["id"] = estate.ids["Message"][1]  # one without images and files, which need no content
    if mutation.name == "signUp":
        given["email"] = f"{uuid.uuid4()}@example.org"
    if mutation.name == "signIn":
        given |= {"email": estate.email, "password": PASSWORD}
    return given


async def attempts(estate: Estate, rule: Rule, mutation: Mutation) -> AsyncIterator[dict[str, Any]]:
    """Inputs that are good but for one value."""
    for value in candidates(rule, mutation):
        given = await good_input(estate, mutation)
        yield given | {rule.field: value}
        if rule.field in mutation.ids:
            # The rule may be about what has to stand beside it.
            yield mutation.least(own(estate, mutation.name)) | {rule.field: value}


@pytest.mark.parametrize(("rule", "mutation"), CASES, ids=lambda case: getattr(case, "name", None))
async def test_a_value_that_breaks_a_rule_is_refused_in_its_words(
    estate: Estate, superuser: asyncpg.Connection, rule: Rule, mutation: Mutation
) -> None:
    code = "NOT_FOUND" if rule.name.endswith("_exists") else "INVALID"
    met = []
    async for given in attempts(estate, rule, mutation):
        before = await rows_of(superuser, estate.user_id)
        found = refusals(await estate.client.run(mutation.operation, input=given))
        if found:
            met += found
            assert differences(before, await rows_of(superuser, estate.user_id)) == []
    assert Refusal(code, rule.field, rule.reason) in met
    assert {refusal.field for refusal in met} == {rule.field}


LOOKS_FURTHER = {"messages_content_blank"}
"""Rules that other fields can satisfy as well, so that they need not be broken where these are given."""


def breakable(mutation: Mutation) -> dict[str, Rule]:
    """A rule for each field that a mutation writes into the table of most of its rules."""
    met = [rule for rule, by in CASES if by.name == mutation.name and rule.field not in mutation.ids]
    met = [rule for rule in met if rule.name not in LOOKS_FURTHER]
    tables = Counter(rule.table for rule in met)
    return {rule.field: rule for rule in met if rule.table == max(tables, key=tables.__getitem__)}


SEVERAL = [mutation for mutation in mutations(SCHEMA) if len(breakable(mutation)) > 1]


@pytest.mark.parametrize("mutation", SEVERAL, ids=str)
async def test_all_values_that_break_a_rule_are_named_at_once(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    bad: dict[str, Any] = {}
    alone: list[Refusal] = []
    for field, rule in breakable(mutation).items():
        for value in candidates(rule, mutation):
            given = await good_input(estate, mutation) | {field: value}
            answer = await estate.client.run(mutation.operation, input=given)
            found = [refusal for refusal in refusals(answer) if refusal.message == rule.reason]
            if field not in bad and found:
                bad[field], alone = value, [*alone, *found]
    given = await good_input(estate, mutation) | bad
    before = await rows_of(superuser, estate.user_id)
    together = refusals(await estate.client.run(mutation.operation, input=given))
    assert sorted(together, key=str) == sorted(alone, key=str)
    assert {refusal.field for refusal in together} == set(breakable(mutation))
    assert differences(before, await rows_of(superuser, estate.user_id)) == []


def test_every_rule_can_be_met_with() -> None:
    assert RULES
    unreached = {rule.name for rule in RULES} - {rule.name for rule, _ in CASES}
    assert unreached == set(NOT_REACHED), "say in NOT_REACHED why no mutation meets it"


async def test_every_rule_that_an_input_can_break_has_words(superuser: asyncpg.Connection) -> None:
    """Without them the answer would be the server's own, with names of tables and constraints."""
    found = await superuser.fetch(
        "SELECT conname AS name, conrelid::regclass::text AS table, obj_description(oid, 'pg_constraint') AS reason"
        " FROM pg_constraint WHERE connamespace = 'parley'::regnamespace AND contype IN ('c', 'f')"
    )
    assert {row["name"] for row in found if row["reason"]} == {rule.name for rule in RULES}
    silent = [Rule(row["name"], row["table"].split(".")[-1], "") for row in found if not row["reason"]]
    wordless = [
        rule.name
        for rule in silent
        for mutation in reached_by(rule)
        if not isinstance(get_named_type(mutation.inputs[rule.field].type), GraphQLEnumType)
    ]
    assert wordless == [], "COMMENT ON CONSTRAINT is missing"
