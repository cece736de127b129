"""A person exports the account: the archive has what the API shows, object by object, and nothing else."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, get_named_type, is_leaf_type
from strawberry.utils.str_converters import to_camel_case

from gateway.export.selection import exported_types
from gateway.schema.objects.node_types import node_types
from tests.kit.database import Database
from tests.kit.estate import Estate, make_estate, take_stock
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Serving, serving_on
from tests.work.running import ended

SCHEMA = graphql_schema()
LEFT_OUT = {"isCurrent", "downloadUrl", "feedCursor"}
"""Fields that depend on who asks and when."""
HIDDEN = "hidden-canary"
HIDDEN_COLUMNS = """
    SELECT relname, attname, format_type(atttypid, NULL) AS type
    FROM pg_attribute
    JOIN pg_class AS t ON t.oid = attrelid
    WHERE relnamespace = 'parley'::regnamespace AND relkind = 'r' AND attnum > 0 AND attgenerated = ''
        AND relname NOT IN ('message_growths', 'message_pieces')  -- the text so far, which Message.content shows
        AND format_type(atttypid, NULL) IN ('text', 'jsonb', 'bytea')
        AND EXISTS (SELECT FROM pg_attribute AS owner WHERE owner.attrelid = t.oid AND owner.attname = 'user_id')
    ORDER BY relname, attname
"""
CANARIES = {
    "text": ["$2"],
    "jsonb": ["jsonb_build_object($2::text, $2)", "jsonb_build_array($2::text)"],
    "bytea": ["convert_to($2, 'UTF8')", "rpad($2, 32)::bytea"],
}
"""Expressions of a value that contains the word `$2`, by type of column."""
FIXED = {("export_parts", "file"), ("leases", "kind")}
"""Columns that only have certain values."""
TYPES = {of.name: of for of in exported_types(SCHEMA)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving(
    database: Database, executor: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Serving]:
    """A gateway that runs background jobs."""
    async with serving_on(database, Path(tmp_path_factory.mktemp("work")), executor=executor, work=True) as made:
        yield made


async def finished(user: Client, **values: Any) -> dict[str, Any]:
    """Export the account, and return the job once it has ended."""
    return await ended(user, (await user.make("exportAccount", "job", **values))["id"])


async def downloaded(user: Client, path: str) -> zipfile.ZipFile:
    """The archive at a path, whole."""
    async with user.http.get(user.url + path) as response:
        assert response.status == 200
        archive = zipfile.ZipFile(io.BytesIO(await response.read()))
    assert archive.testzip() is None
    return archive


def objects(archive: zipfile.ZipFile) -> dict[str, list[dict[str, Any]]]:
    """The exported objects by type."""
    names = [name for name in archive.namelist() if name.endswith(".jsonl")]
    return {name.removesuffix(".jsonl"): [json.loads(line) for line in archive.open(name)] for name in names}


@dataclass(frozen=True, slots=True)
class Exported:
    """A user who has something of every type, and the export of it."""

    estate: Estate
    job: dict[str, Any]
    archive: zipfile.ZipFile
    objects: dict[str, list[dict[str, Any]]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exported(serving: Serving, superuser: asyncpg.Connection) -> Exported:
    """An export of everything, with a canary in each column that the API does not show."""
    estate = await make_estate(serving, superuser)
    await hide_canaries(superuser, estate.user_id)
    job = await finished(estate.client)
    await take_stock(estate, superuser)
    archive = await downloaded(estate.client, job["downloadUrl"])
    return Exported(estate, job, archive, objects(archive))


async def hide_canaries(superuser: asyncpg.Connection, user_id: str) -> None:
    """Put a word into each text, JSON and bytes of the user's rows that no field of the API is made of."""
    entities = {each.entity.table: each.entity for each in node_types(SCHEMA).values()}
    refused = set()
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        for row in await superuser.fetch(HIDDEN_COLUMNS):
            column = (row["relname"], row["attname"])
            entity = entities.get(row["relname"])
            if entity is None or not any(row["attname"] in needs for needs in entity.fields.values()):
                took = [await _hidden(superuser, user_id, column, value) for value in CANARIES[row["type"]]]
                refused |= set() if any(took) else {column}
    assert refused == FIXED, "add what only has certain values to FIXED"


async def _hidden(superuser: asyncpg.Connection, user_id: str, column: tuple[str, str], value: str) -> bool:
    """Whether the column allows the canary as this value."""
    try:
        async with superuser.transaction():
            text = f"UPDATE {column[0]} SET {column[1]} = {value} WHERE user_id = $1"  # noqa: S608
            await superuser.execute(text, user_id, f"{HIDDEN}-{user_id}")
    except asyncpg.IntegrityConstraintViolationError:
        return False
    return True


async def test_the_export_has_every_object_as_the_api_shows_it(exported: Exported) -> None:
    user, lines = exported.estate.client, exported.objects
    assert lines.keys() == exported.estate.ids.keys() == TYPES.keys()
    assert exported.job["done"] == exported.job["total"] == sum(map(len, lines.values()))
    for name, rows in lines.items():
        assert [row["id"] for row in rows] == sorted(exported.estate.ids[name]), name
        shown = (await user.data(TYPES[name].query, ids=[row["id"] for row in rows]))["nodes"]
        plain = [{key: value for key, value in row.items() if key not in TYPES[name].lists} for row in rows]
        for one, other in zip(plain, shown, strict=True):
            if one["id"] != exported.job["id"]:  # it was running then
                assert one == other, name


@pytest.mark.parametrize("name", TYPES)
async def test_the_export_has_every_value_and_reference_of_a_type(exported: Exported, name: str) -> None:
    of = SCHEMA.get_type(name)
    assert isinstance(of, GraphQLObjectType)
    (entity,) = [each.entity for each in node_types(SCHEMA).values() if each.entity.name == name]
    values = {field for field, each in of.fields.items() if is_leaf_type(get_named_type(each.type))} - LEFT_OUT
    references = {to_camel_case(link) for link, each in entity.links.items() if each.key not in ("id", "user_id")}
    for line in exported.objects[name]:
        assert line.keys() >= values | references
        assert not line.keys() & LEFT_OUT


async def test_no_column_that_the_api_does_not_show_is_exported(exported: Exported) -> None:
    for name in exported.archive.namelist():
        assert HIDDEN.encode() not in exported.archive.read(name), name
    # It would be found: texts of the user are.
    assert exported.estate.canary.encode() in exported.archive.read("Message.jsonl")


async def test_the_manifest_leads_to_what_has_changed_since(exported: Exported) -> None:
    manifest = json.loads(exported.archive.read("manifest.json"))
    assert exported.archive.namelist()[0] == "manifest.json"
    assert (manifest["format"], manifest["formatVersion"]) == ("parley-export", 1)
    assert (manifest["userId"], manifest["jobId"]) == (exported.estate.user_id, exported.job["id"])
    assert manifest["types"] == sorted(TYPES)
    user = exported.estate.client
    made = await user.make("createConversation", "conversation", title="after the export")
    changes = await user.data(
        "query($after: Cursor!) { changes(after: $after) { nodes { entity id op } } }", after=manifest["feedCursor"]
    )
    ids = [change["id"] for change in changes["changes"]["nodes"]]
    assert made["id"] in ids
    assert exported.job["id"] in ids


async def test_deleted_objects_and_their_tags_are_exported(user: Client) -> None:
    deleted = (await user.make("createConversation", "conversation"))["id"]
    tags = [(await user.make("createTag", "tag", name=name, type="LABEL"))["id"] for name in ("one", "two")]
    await user.make("addTags", "node", id=deleted, tagIds=tags)
    await user.make("deleteTag", "tag", id=tags[0])
    await user.make("deleteConversation", "conversation", id=deleted)
    lines = objects(await downloaded(user, (await finished(user))["downloadUrl"]))
    (line,) = lines["Conversation"]
    assert line["deletedAt"]
    assert line["tags"] == {"nodes": [{"id": id} for id in tags]}
    assert [bool(tag["deletedAt"]) for tag in lines["Tag"]] == [True, False]


async def test_only_the_types_that_were_named_are_exported(user: Client) -> None:
    talk = (await user.make("createConversation", "conversation"))["id"]
    await user.make("addMessage", "message", conversationId=talk, role="USER", content="hello")
    job = await finished(user, types=["UserSettings", "Conversation"])
    archive = await downloaded(user, job["downloadUrl"])
    assert archive.namelist() == ["manifest.json", "Conversation.jsonl", "UserSettings.jsonl"]
    assert json.loads(archive.read("manifest.json"))["types"] == ["Conversation", "UserSettings"]
    assert (job["done"], job["total"]) == (2, 2)


async def test_a_stranger_exports_nothing_of_it(exported: Exported, stranger: Client) -> None:
    lines = objects(await downloaded(stranger, (await finished(stranger))["downloadUrl"]))
    assert [line["id"] for line in lines["User"]] == [stranger.user_id]
    assert exported.estate.canary not in json.dumps(lines)
    found = await stranger.data("query($id: ID!) { job(id: $id) { downloadUrl } }", id=exported.job["id"])
    assert found["job"] is None


async def test_objects_that_are_too_large_together_are_read_one_by_one(
    user: Client, superuser: asyncpg.Connection
) -> None:
    talk = (await user.make("createConversation", "conversation"))["id"]
    await user.make("proposeToolExecution", "toolExecution", conversationId=talk, toolName="t")
    # 40 results of a megabyte each, which no operation may read at once.
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute(
        "INSERT INTO tool_executions SELECT (jsonb_populate_record(t, jsonb_build_object('id', uuid7(), 'result',"
        " repeat('x', 1000000)))).* FROM tool_executions AS t, generate_series(1, 40) WHERE user_id = $1",
        user.user_id,
    )
    await superuser.execute("RESET session_replication_role")
    job = await finished(user)
    lines = objects(await downloaded(user, job["downloadUrl"]))
    assert sum(len(line["result"] or "") for line in lines["ToolExecution"]) == 40 * 1_000_000
