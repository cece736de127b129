"""The audit tells of what tables declare for it (`add_audit`) and of nothing else, and shows no text of a person."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
import pytest
import pytest_asyncio
from graphql import get_named_type, is_leaf_type
from strawberry.utils.str_converters import to_camel_case, to_snake_case

from tests.kit import generated
from tests.kit.estate import Scene
from tests.kit.generated import Mutation, fields_of, mutations
from tests.kit.refused import refusals
from tests.kit.schema import graphql_schema

TABLES = {kind: table for table, kind in generated.tables().items()}
UPDATES = [each for each in mutations(graphql_schema()) if each.name.startswith("update")]

DECLARED = """
SELECT obj_description(oid, 'pg_proc') AS call FROM pg_proc
WHERE pronamespace = 'parley'::regnamespace AND obj_description(oid, 'pg_proc') LIKE 'Made by SELECT add_audit(%'
"""
CALL = re.compile(
    r"add_audit\('(?P<table>\w+)', '(?P<action>\w+)', '\{(?P<kinds>.*?)\}', of => '\{(?P<of>.*?)\}', "
    r"shown => (?P<shown>NULL|'\{.*?\}'), condition => (?P<condition>NULL|'.*'), each => (?P<each>NULL|'\w+'), "
    r"inserted => (?P<inserted>NULL|'.*')\);",
    re.DOTALL,
)
ENTRIES = "SELECT action, changes FROM audit_entries WHERE user_id = $1 AND entity_id = $2 ORDER BY created_at, id"


@dataclass(frozen=True, slots=True)
class Audit:
    """One declaration."""

    table: str
    action: str
    kinds: frozenset[str]
    of: frozenset[str]
    shown: frozenset[str]
    is_always: bool
    """Whether each such change is told of, under no further condition."""
    tells_each_insert: bool
    """Whether each insert is told of, under no further condition."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def audits(superuser: asyncpg.Connection) -> list[Audit]:
    """All declarations, from the catalogue."""
    found = []
    for row in await superuser.fetch(DECLARED):
        match = CALL.search(row["call"])
        assert match is not None, row["call"]
        sets: Mapping[str, frozenset[str]] = {
            name: frozenset(filter(None, match[name].strip("{'}").split(",")))
            for name in ("kinds", "of", "shown")
            if match[name] != "NULL"
        }
        always = match["condition"] == match["each"] == "NULL"
        each_insert = always and "insert" in sets["kinds"] and match["inserted"] == "NULL"
        sets = {"shown": sets["of"], **sets}
        found.append(Audit(match["table"], match["action"], **sets, is_always=always, tells_each_insert=each_insert))
    assert found
    return found


async def told(scene: Scene, id: str, count: int = 0) -> list[tuple[str, Any]]:
    """The entries about an object of the victim, after the first `count`."""
    rows = await scene.superuser.fetch(ENTRIES, uuid.UUID(scene.victim.user_id), uuid.UUID(id))
    return [tuple(row) for row in rows[count:]]


@pytest.mark.parametrize("table", generated.tables())
async def test_each_new_row_is_told_of(scene: Scene, audits: list[Audit], table: str) -> None:
    for audit in audits:
        if audit.table == table and audit.tells_each_insert:
            untold = f"""
                SELECT count(*) FROM {table} AS t WHERE user_id = $1 AND NOT EXISTS (
                    SELECT FROM audit_entries AS a WHERE a.entity_id = t.id AND (a.action, a.entity) = ($2, '{table}'))
            """  # noqa: S608 - the name comes from the schema
            assert await scene.superuser.fetchval(untold, uuid.UUID(scene.victim.user_id), audit.action) == 0


@pytest.mark.parametrize("mutation", UPDATES, ids=lambda each: f"{each.kind}-{each.name}")
async def test_the_audit_tells_of_the_fields_that_it_watches_and_of_no_others(
    scene: Scene, audits: list[Audit], mutation: Mutation
) -> None:
    watching = [each for each in audits if each.table == TABLES[mutation.kind] and "update" in each.kinds]
    id = scene.victim.ids[mutation.kind][0]
    named = {"id": id} if "id" in mutation.inputs else {}
    tried = set()
    for name, field in mutation.inputs.items():
        if name == "expectedVersion" or str(get_named_type(field.type)) == "ID":
            continue
        first = mutation.values(lambda _: id)[name]
        for content in (first, generated.other(mutation.kind, name, field, first)):
            count = len(await told(scene, id))
            before = await column(scene, mutation, id, name)
            answer = await scene.victim.client.run(mutation.operation, input={**named, name: content})
            after = await column(scene, mutation, id, name)
            expected = {
                each.action
                for each in watching
                if each.is_always and to_snake_case(name) in each.of and before != after and not refusals(answer)
            }
            entries = await told(scene, id, count)
            possible = {each.action for each in watching if to_snake_case(name) in each.of}
            assert expected <= {action for action, _ in entries} <= possible, (name, content, entries)
            tried |= {to_snake_case(name)} if expected else set()
    settable = {to_snake_case(name) for name in mutation.inputs}
    must = any(each.is_always and each.of & settable for each in watching)
    assert tried or not must, "no accepted value changed a column that is watched"


async def column(scene: Scene, mutation: Mutation, id: str, name: str) -> Any:
    """What the column of a field holds, as text; None if there is no such column."""
    text = f"SELECT to_jsonb(t) ->> $2 FROM {TABLES[mutation.kind]} AS t WHERE id = $1"  # noqa: S608
    return await scene.superuser.fetchval(text, uuid.UUID(id), to_snake_case(name))


async def test_no_entry_shows_more_than_is_declared(scene: Scene, audits: list[Audit]) -> None:
    """After the mutations above have put the canary into each text."""
    shown: dict[str, set[str]] = {}
    for audit in audits:
        shown.setdefault(audit.action, set()).update(audit.shown)
    rows = await scene.superuser.fetch("SELECT action, changes FROM audit_entries")
    assert rows
    for row in rows:
        assert scene.victim.canary not in row["changes"], row["action"]
        assert orjson.loads(row["changes"]).keys() <= shown.get(row["action"], set())


ENTRIES_SHOWN = "{ viewer { auditEntries(first: 200) { nodes { action changes subject { __typename id } } } } }"


async def test_the_audit_shows_fields_under_the_names_and_in_the_forms_of_the_api(
    scene: Scene, audits: list[Audit]
) -> None:
    """The newest value of each field is the one that its object shows."""
    nodes = (await scene.victim.client.data(ENTRIES_SHOWN))["viewer"]["auditEntries"]["nodes"]
    newest: dict[tuple[str, str, str], Any] = {}
    for node in nodes:
        for name, (_, new) in node["changes"].items():
            if node["subject"] is not None:
                newest.setdefault((*node["subject"].values(), name), new)
    shown = {to_camel_case(column) for audit in audits for column in audit.shown}
    assert newest
    assert {name for _, _, name in newest} <= shown
    compared = 0
    for (kind, id, name), new in newest.items():
        of = fields_of(graphql_schema().get_type(kind)).get(name)
        if of is not None and is_leaf_type(get_named_type(of.type)):
            text = f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {name} }} }} }}"
            assert (await scene.victim.client.data(text, id=id))["node"] == {name: new}, kind
            compared += 1
    assert compared
