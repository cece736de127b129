"""Every rule of the database can be broken through the API, and its error has the field and the rule's own wording.

Rules are read from `sql/schema.sql` and mutations from the schema, so new rules are tested without being listed.
"""

from __future__ import annotations

import dataclasses
import datetime
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
from tests.kit import generated
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, join_tables, mutations, own, reference_tables, tables
from tests.kit.refused import Refusal, only_refusal, refusals
from tests.kit.rows import diff_rows, rows_of
from tests.kit.schema import graphql_schema
from tests.kit.serving import Serving

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

SCHEMA = graphql_schema()
TABLES = tables()
COMMENT = re.compile(r"^COMMENT ON CONSTRAINT (\w+) ON parley\.(\w+) IS '((?:[^']|'')*)';$", re.MULTILINE)

ABOUT = {"tool_transitions": "ToolExecution", "sessions": "User", "message_pieces": "Message"}
"""The type in the payload of mutations that write a table, where that is not the table's own type."""

NOT_REACHED = {
    "agent_tokens_scopes_confirmations": "needs two scopes; see tests/accounts/test_agent_token.py",
    "agent_tokens_scopes_tools": "needs two scopes; see tests/accounts/test_agent_token.py",
    "user_settings_delete_after_months_order": "needs another setting; see tests/accounts/test_settings.py",
    "usage_quotas_limit_whole": "needs a fraction; see tests/usage/quotas/test_quota.py",
    "usage_quotas_unit_bytes": "needs another field; see tests/usage/quotas/test_quota.py",
    "provider_configs_settings_secret": "needs certain names; see tests/accounts/providers/test_provider_config.py",
    "provider_configs_settings_ascii": "needs certain names; see tests/accounts/providers/test_provider_config.py",
    "provider_configs_base_url_scheme": "needs a URL of http; see tests/accounts/providers/test_provider_config.py",
    "provider_configs_is_default_active": "needs another field; see tests/accounts/providers/test_provider_config.py",
    "tool_executions_known_tool_id_exists": "a trigger finds the tool by its name, or adds it",
    "message_growths_text_length": "needs many appends; see tests/chat/test_growth.py",
}
"""Rules that no generated input can break, with the reason."""

FILLED = {
    f"{table}_{column}_exists"
    for table, columns in re.findall(
        r"Made by SELECT fill_from\(''(\w+)'', ''\w+'', ''\{(.*?)\}''\)",
        (SQL_DIRECTORY / "schema.sql").read_text(encoding="utf-8"),
    )
    for column in columns.split(",")
}
"""The foreign keys of columns that a trigger fills from another row."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint with the wording of its user error."""

    name: str
    table: str
    reason: str

    @property
    def field(self) -> str:
        """The API field that it constrains."""
        return to_camel_case(self.name.removeprefix(self.table + "_").rpartition("_")[0])

    @property
    def limit(self) -> int:
        """The largest number in its wording, in characters or bytes."""
        numbers = [int(number) for number in re.findall(r"\d+", self.reason)] or [0]
        return max(numbers) * (1024 if "KiB" in self.reason else 1024 * 1024 if "MiB" in self.reason else 1)


RULES = [
    Rule(name, table, reason.replace("''", "'"))
    for name, table, reason in COMMENT.findall((SQL_DIRECTORY / "schema.sql").read_text(encoding="utf-8"))
]


def reached_by(rule: Rule) -> Iterator[Mutation]:
    """The mutations that can break a rule: those that write its table and take its field."""
    kind = ABOUT.get(rule.table, TABLES.get(rule.table))
    for mutation in mutations(SCHEMA):
        # Neither signing in nor removing a row writes the values that it is given.
        finds_only = (mutation.takes_credentials and rule.table == "users") or mutation.name.startswith("remove")
        if rule.field in mutation.inputs and mutation.kind == kind and not finds_only:
            yield mutation


CASES = [(rule, mutation) for rule in RULES if rule.name not in NOT_REACHED for mutation in reached_by(rule)]


def candidates(rule: Rule, mutation: Mutation) -> list[Any]:
    """Values of which at least one should break the rule."""
    over = rule.limit + 1
    field = mutation.inputs[rule.field]
    if rule.name.endswith("_list"):
        most = int(next(iter(re.findall(r"\d+", rule.reason)), 1))
        texts = [["x" * over], [""]] if str(get_named_type(field.type)) == "String" else []
        return [*texts, generated.value(rule.field, field) * (most + 1)]
    match str(get_named_type(field.type)):
        case "String":
            return ["", " \n", "no", "x" * over]
        case "Int":
            return [-1, 0, *([over] if over < 2**31 else [])]
        case "Float":
            return [-0.01, over]
        case "Decimal":
            return ["-0.000001", str(over)]
        case "DateTime":
            return ["2000-01-01T00:00:00Z", "9000-01-01T00:00:00Z"]
        case "JSON":
            return ["text", {"text": "x" * over}, ["x" * over]]
        case "ID":
            return [str(uuid.uuid4())]
        case other:
            raise AssertionError(f"add invalid values of {other} to candidates()")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


async def fresh_input(estate: Estate, mutation: Mutation) -> dict[str, Any]:
    """A valid input that can be used once; each call returns a new one."""
    ids = own(estate, mutation.name)
    links = {name: kind for name, kind in mutation.ids.items() if name not in mutation.to_own_type}
    values = mutation.least(ids) | {name: ids(kind) for name, kind in links.items() if not name.endswith("s")}
    values |= await estate.begin(mutation)
    if mutation.name == "updateMessage":
        values["id"] = estate.ids["Message"][1]  # without images and files, which would make content optional
    if "server" in mutation.inputs:
        values["server"] = mutation.values(ids)["server"]  # the configuration has a base URL
    if mutation.name == "signUp":
        values["email"] = f"{uuid.uuid4()}@example.org"
    return values | estate.credentials(mutation)


async def attempts(estate: Estate, rule: Rule, mutation: Mutation) -> AsyncIterator[dict[str, Any]]:
    """Inputs that are valid except for one value."""
    for value in candidates(rule, mutation):
        values = await fresh_input(estate, mutation)
        if rule.name == "usage_logs_provider_length":
            del values["apiKeyId"]  # the key is one of another provider, which is refused by its name
        yield values | {rule.field: value}
        if rule.field in mutation.ids:
            # The rule may require another field beside this one.
            yield mutation.least(own(estate, mutation.name)) | {rule.field: value}


@pytest.mark.parametrize(("rule", "mutation"), CASES, ids=lambda case: getattr(case, "name", None))
async def test_a_value_that_breaks_a_rule_is_refused_in_its_words(
    estate: Estate, superuser: asyncpg.Connection, rule: Rule, mutation: Mutation
) -> None:
    code = "NOT_FOUND" if rule.name.endswith("_exists") else "INVALID"
    refused = []
    async for values in attempts(estate, rule, mutation):
        before = await rows_of(superuser, estate.user_id)
        reasons = refusals(await estate.client.run(mutation.operation, input=values))
        if reasons:
            refused += reasons
            assert diff_rows(before, await rows_of(superuser, estate.user_id)) == []
    assert Refusal(code, rule.field, rule.reason) in map(of_field, refused)
    assert {of_field(refusal).field for refusal in refused} == {rule.field}


EXPIRING = [mutation for mutation in mutations(SCHEMA) if "expiresAt" in mutation.inputs]


@pytest.mark.parametrize("mutation", EXPIRING, ids=lambda mutation: mutation.name)
async def test_what_expires_does_so_in_the_future(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    before = await rows_of(superuser, estate.user_id)
    for past in ("2000-01-01T00:00:00Z", datetime.datetime.now(datetime.UTC).isoformat()):
        values = await fresh_input(estate, mutation) | {"expiresAt": past}
        refused = only_refusal(await estate.client.run(mutation.operation, input=values))
        assert (refused.code, refused.field) == ("INVALID", "expiresAt")
        assert "in the future" in refused.message
    assert diff_rows(before, await rows_of(superuser, estate.user_id)) == []


def of_field(refusal: Refusal) -> Refusal:
    """The error of a whole field, for that of an item of a list."""
    return dataclasses.replace(refusal, field=refusal.field and refusal.field.partition(".")[0])


LOOKS_FURTHER = {"messages_content_blank"}
"""Rules that another field can also satisfy, so that an invalid value of their own field may not break them."""


def breakable(mutation: Mutation) -> dict[str, Rule]:
    """The rules that an input of a mutation can break at once, by field: those of the table with most of its rules."""
    rules = [rule for rule, by in CASES if by.name == mutation.name and rule.field not in mutation.ids]
    rules = [rule for rule in rules if rule.name not in LOOKS_FURTHER]
    tables = Counter(rule.table for rule in rules)
    return {rule.field: rule for rule in rules if rule.table == max(tables, key=tables.__getitem__)}


SEVERAL = [mutation for mutation in mutations(SCHEMA) if len(breakable(mutation)) > 1]


@pytest.mark.parametrize("mutation", SEVERAL, ids=str)
async def test_all_values_that_break_a_rule_are_named_at_once(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    bad: dict[str, Any] = {}
    alone: list[Refusal] = []
    for field, rule in breakable(mutation).items():
        for value in candidates(rule, mutation):
            values = await fresh_input(estate, mutation) | {field: value}
            answer = await estate.client.run(mutation.operation, input=values)
            expected = [refusal for refusal in refusals(answer) if refusal.message == rule.reason]
            if field not in bad and expected:
                bad[field], alone = value, [*alone, *expected]
    values = await fresh_input(estate, mutation) | bad
    before = await rows_of(superuser, estate.user_id)
    together = refusals(await estate.client.run(mutation.operation, input=values))
    assert sorted(together, key=str) == sorted(alone, key=str)
    assert {of_field(refusal).field for refusal in together} == set(breakable(mutation))
    assert diff_rows(before, await rows_of(superuser, estate.user_id)) == []


def test_every_rule_can_be_met_with() -> None:
    assert RULES
    # No client writes reference data.
    reachable = {rule.name for rule in RULES if rule.table not in reference_tables()}
    unreached = reachable - {rule.name for rule, _ in CASES} - FILLED
    # The functions that write join tables find what is missing before a row would break a rule.
    unreached -= {rule.name for rule in RULES if rule.table in join_tables()}
    assert unreached == set(NOT_REACHED), (
        "NOT_REACHED must list exactly the rules that no mutation can break, each with the reason"
    )


async def test_every_rule_that_an_input_can_break_has_words(superuser: asyncpg.Connection) -> None:
    """Otherwise clients would get an internal error, or PostgreSQL's message with names of tables and constraints."""
    constraints = await superuser.fetch(
        "SELECT conname AS name, conrelid::regclass::text AS table, obj_description(oid, 'pg_constraint') AS reason"
        " FROM pg_constraint WHERE connamespace = 'parley'::regnamespace AND contype IN ('c', 'f')"
    )
    assert {row["name"] for row in constraints if row["reason"]} == {rule.name for rule in RULES}
    silent = [Rule(row["name"], row["table"].split(".")[-1], "") for row in constraints if not row["reason"]]
    wordless = [
        rule.name
        for rule in silent
        for mutation in reached_by(rule)
        if not isinstance(get_named_type(mutation.inputs[rule.field].type), GraphQLEnumType)
    ]
    assert wordless == [], "these constraints need a wording: make them with add_rule(), or add COMMENT ON CONSTRAINT"
