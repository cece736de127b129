"""Every statement reads rows through an index and in its order, in a database of many users with weeks of data.

PostgreSQL runs a prepared statement with a custom plan or a generic one; both are checked.
"""

from __future__ import annotations

import datetime
import re
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
)

from gateway.data import statements
from gateway.data.queries import SQL_DIRECTORY, Query, sql
from gateway.schema.fields.connection import LARGEST_PAGE
from gateway.schema.objects.combined import NOT, OR
from tests.bench.fill import fill
from tests.kit import derived, samples
from tests.kit.database import Database
from tests.kit.generated import fields_of, join_tables, reference_tables, value
from tests.kit.generated import tables as tables_of_types
from tests.kit.lists.full_lists import write_reference_data
from tests.kit.plans import LINKED, MODES, Planner, Sent, planner_of
from tests.kit.rows import differences
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Serving, serving_on

pytestmark = pytest.mark.timeout(300)
"""Filling the database takes seconds, or up to a minute on a busy machine."""

SAMPLES: dict[str, Any] = {
    "uuid": uuid.UUID(int=1),
    "uuid[]": [uuid.UUID(int=1), uuid.UUID(int=2)],
    "text": str(uuid.UUID(int=1)),  # some queries cast texts to uuid
    "text[]": ["text"],
    "bool": True,
    "int4": 7,
    "int8": 7,
    "int8[]": [7],
    "numeric": "1.5",
    "jsonb": "{}",
    "bytea": b"hash",
    "date": datetime.date(2026, 1, 5),
    "timestamptz": datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC),
    "interval": datetime.timedelta(days=1),
    "inet": "192.0.2.1",
}
"""A value for a parameter of a hand-written query, by its type."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A gateway on a filled database, and one of its users."""

    serving: Serving
    client: Client
    planner: Planner
    user_id: uuid.UUID
    tables: frozenset[str]
    ids: dict[str, str]
    """For each type, the id of an object of the user whose links all lead to something."""

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[Sent]:
        """Record the statements that the gateway sends inside the block."""
        sent, pool = Sent(), self.serving.gateway.resources.pool
        connection = await pool.take()
        connection.add_query_logger(sent.record)
        await pool.release(connection)
        yield sent
        connection = await pool.take()
        connection.remove_query_logger(sent.record)
        await pool.release(connection)

    async def check(self, sent: Sent) -> None:
        """Check the plans of every statement that was sent."""
        assert sent.parameters
        for text, parameters in sent.parameters.items():
            await self.check_statement(text, parameters)

    async def check_statement(self, text: str, parameters: tuple[Any, ...], *, page: int = LARGEST_PAGE) -> None:
        """Check that a statement reads rows through an index and in its order, in both plan modes."""
        for mode in MODES:
            plan = await self.planner.plan(text, parameters, mode)
            assert not plan.scanned_whole(self.tables), f"reads a whole table: {plan}"
            if "GROUP BY" in text:
                continue  # no index has the order of sums
            # PostgreSQL may sort up to a page of rows if that is cheaper, but an index with the order must exist.
            assert plan.sorted_rows <= page, f"sorts more than a page of rows: {plan}"
            plan = await self.planner.plan(text, parameters, mode, sorting=False)
            assert not plan.sorted_rows, f"must sort, because no index has this order: {plan}"


TENANT_TABLES = """
SELECT c.relname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'parley'::regnamespace AND c.relkind = 'r' AND a.attname = 'user_id'
"""


GROW = """
INSERT INTO message_growths (user_id, message_id, length) SELECT user_id, id, 0 FROM messages;
ANALYZE message_growths
"""
"""Makes all messages grow. Normally few do, and PostgreSQL reads such a small table with a sequential scan."""

STORE = """
INSERT INTO export_parts (user_id, job_id, position, file, content, size, done)
SELECT user_id, id, n, 'Message.jsonl', 'x', 1, n FROM jobs, generate_series(0, 3) AS n;
ANALYZE export_parts
"""
"""Gives each job parts of an export, which only background work stores."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(database: Database) -> AsyncIterator[Filled]:
    """Fill the database, and serve it on a single connection so that all statements can be recorded."""
    await fill(database.owner_url, users=120, conversations=20, messages=20)
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    try:
        await owner.execute(GROW)
        await write_reference_data(owner)
        tables = frozenset(row["relname"] for row in await owner.fetch(TENANT_TABLES))
        user_id = await owner.fetchval("SELECT user_id FROM users ORDER BY user_id OFFSET 50 LIMIT 1")
        ids = await _ids(owner, user_id)
        empty = [
            table
            for table in (*tables_of_types(), *sorted(join_tables()))
            if not await owner.fetchval(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608
        ]
    finally:
        await owner.close()
    with tempfile.TemporaryDirectory() as directory:
        async with (
            serving_on(database, Path(directory), pool_size=1) as serving,
            planner_of(database, str(user_id)) as planner,
        ):
            client = serving.anonymous()
            client.token = serving.gateway.resources.authenticator.issue(
                user_id, uuid.UUID(ids["Session"])
            ).access.token
            for kind in (of for table, of in tables_of_types().items() if table in empty):
                if kind in samples.rows():
                    ids[kind] = next(iter((await samples.rows()[kind](client, ids, "word")).values()))
            made = await derived.make_derived(client, ids, "word")
            ids |= {kind: known[-1] for kind, known in made.items() if kind not in ids}
            await derived.join_all(client, ids)
            await derived.multiply(database, user_id, empty)
            await _pay(database, user_id, ids["ProviderKey"])
            await _run(database, STORE)
            yield Filled(serving, client, planner, user_id, tables, ids)


async def _pay(database: Database, user_id: uuid.UUID, key: str) -> None:
    """Let a key have paid for calls of models."""
    paid = f"UPDATE usage_logs SET api_key_id = '{key}' WHERE user_id = '{user_id}'"  # noqa: S608 - ids
    await _run(database, f"SET session_replication_role = replica; {paid}; ANALYZE usage_logs")


async def _ids(owner: asyncpg.Connection, user_id: uuid.UUID) -> dict[str, str]:
    """The ids of a conversation that is not deleted, of objects in it, and of the user's other objects."""
    chosen = "SELECT id FROM conversations WHERE user_id = $1 AND deleted_at IS NULL ORDER BY id OFFSET 9 LIMIT 1"
    conversation = await owner.fetchval(chosen, user_id)
    ids = {"User": user_id, "Conversation": conversation}
    for of, table in {
        "ToolTransition": "tool_transitions",
        "ContextOptimization": "context_optimizations",
        "UsageLog": "usage_logs",
    }.items():
        text = f"SELECT id FROM {table} WHERE user_id = $1 AND conversation_id = $2 LIMIT 1"  # noqa: S608
        ids[of] = await owner.fetchval(text, user_id, conversation)
    # Choose a tool execution whose message has a reply.
    of_turn = """
        SELECT t.id, t.message_id
        FROM tool_executions AS t
        JOIN messages AS m ON m.user_id = t.user_id AND m.parent_id = t.message_id
        WHERE t.user_id = $1 AND t.conversation_id = $2
        LIMIT 1
    """
    (tool,) = await owner.fetch(of_turn, user_id, conversation)
    ids |= {"ToolExecution": tool["id"], "Message": tool["message_id"]}
    ids["Session"] = await owner.fetchval("SELECT id FROM sessions WHERE user_id = $1 LIMIT 1", user_id)
    ids["KnownTool"] = await owner.fetchval("SELECT known_tool_id FROM tool_executions WHERE id = $1", tool["id"])
    own = "SELECT id FROM auto_approval_settings WHERE user_id = $1"
    ids["AutoApprovalSettings"] = await owner.fetchval(own, user_id)
    ids["UsageDay"] = await owner.fetchval("SELECT id FROM usage_days WHERE user_id = $1 LIMIT 1", user_id)
    return {of: str(id) for of, id in ids.items()}


def _entities() -> Iterator[GraphQLObjectType]:
    for of in graphql_schema().type_map.values():
        if isinstance(of, GraphQLObjectType) and any(i.name == "Node" for i in of.interfaces):
            yield of


def _lists() -> list[tuple[str, str, GraphQLField]]:
    """Each page link of each type, and each list of Query, which has no type."""
    root = [("", name, field) for name, field in fields_of(graphql_schema().query_type).items() if _is_page(field)]
    return root + [(of.name, name, field) for of in _entities() for name, field in of.fields.items() if _is_page(field)]


def _is_page(field: GraphQLField) -> bool:
    return "totalCount" in fields_of(field.type)


def _pages() -> list[Any]:
    """Each list in each order that it offers."""
    return [
        pytest.param(of, name, order, id=f"{of or 'Query'}.{name}{order}")
        for of, name, field in _lists()
        for order in _orders(field)
    ]


def _filters() -> list[Any]:
    """Each list with each attribute of its filter."""
    return [
        pytest.param(of, name, key, id=f"{of or 'Query'}.{name}.{key}")
        for of, name, field in _lists()
        if "filter" in field.args
        for key in fields_of(field.args["filter"].type)
        if key not in (OR, NOT)
    ]


def _orders(field: GraphQLField) -> list[str]:
    argument = field.args.get("orderBy")
    kind: GraphQLNamedType | None = get_named_type(argument.type) if argument else None
    return [f"orderBy: {name}" for name in kind.values] if isinstance(kind, GraphQLEnumType) else [""]


def _links() -> list[Any]:
    """Each field of each type that leads to another type, except pages."""
    composite = (GraphQLObjectType, GraphQLInterfaceType)
    return [
        pytest.param(of.name, name, id=f"{of.name}.{name}")
        for of in _entities()
        for name, field in of.fields.items()
        if isinstance(get_named_type(field.type), composite) and not _is_page(field) and not field.args
    ]


async def _run(database: Database, text: str) -> None:
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    try:
        await owner.execute(text)
    finally:
        await owner.close()


def _queries() -> list[Any]:
    """Each hand-written query on users' rows, by the path of its file and its name.

    Left out are those on the job queue, which is short, on reference tables, and those of operators' commands.
    """
    shared = re.compile(rf"FROM ({'|'.join(reference_tables())})\b")
    queries: list[Any] = []
    for path in sorted((SQL_DIRECTORY / "queries").rglob("*.sql")):
        folder = path.relative_to(SQL_DIRECTORY / "queries").with_suffix("").parts
        if folder in (("work", "queue"), ("plans", "plan"), ("vault", "rotation"), ("report", "users")):
            continue
        parts = re.split(r"^-- name: (\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        names = [name for name, text in zip(parts[::2], parts[1::2], strict=True) if not shared.search(text)]
        queries.extend(pytest.param((*folder, name), id=".".join((*folder, name))) for name in names)
    return queries


def _below(of: str, declared: str, selection: str) -> str:
    """A query of fields of the sample object of a type, or of Query."""
    if not of:
        return f"query{f'({declared})' if declared else ''} {{ {selection} }}"
    return f"query($id: ID!, {declared}) {{ node(id: $id) {{ ... on {of} {{ {selection} }} }} }}"


async def _ask(filled: Filled, of: str, declared: str, selection: str, **variables: Any) -> dict[str, Any]:
    """The fields of the sample object of a type, or of Query."""
    variables |= {"id": filled.ids[of]} if of else {}
    data = await filled.client.data(_below(of, declared, selection), **variables)
    found: dict[str, Any] = data["node"] if of else data
    return found


async def _page(filled: Filled, of: str, field: str, *arguments: str) -> dict[str, Any]:
    """Request a page of a list."""
    joined = ", ".join(filter(None, arguments))
    selection = f"page: {field}({joined}) {{ nodes {{ id }} pageInfo {{ startCursor endCursor }} }}"
    page: dict[str, Any] = (await _ask(filled, of, "", selection))["page"]
    assert page["nodes"], (
        f"the sample {of} has no {field}: add rows in tests/bench/fill.py, or choose another {of} in _ids()"
    )
    return page


@pytest.mark.parametrize(("of", "field", "order"), _pages())
async def test_a_page_comes_in_the_order_of_an_index(filled: Filled, of: str, field: str, order: str) -> None:
    async with filled.sending() as sent:
        start = (await _page(filled, of, field, order, "first: 1"))["pageInfo"]
        end = (await _page(filled, of, field, order, "last: 1"))["pageInfo"]
        cursors = {"after": start["endCursor"], "before": end["startCursor"]}
        ordered = f", {order}" if order else ""
        next = f"next: {field}(first: 50, after: $after{ordered}) {{ totalCount nodes {{ id }} }}"
        previous = f"previous: {field}(last: 50, before: $before{ordered}) {{ nodes {{ id }} }}"
        await _ask(filled, of, "$after: Cursor, $before: Cursor", f"{next} {previous}", **cursors)
    await filled.check(sent)


@pytest.mark.parametrize(("of", "field", "key"), _filters())
async def test_a_filtered_page_comes_in_the_order_of_an_index(filled: Filled, of: str, field: str, key: str) -> None:
    kind = fields_of(graphql_schema().type_map[of] if of else graphql_schema().query_type)[field].args["filter"].type
    values = {key: value(key, fields_of(kind)[key])}
    async with filled.sending() as sent:
        page = f"page: {field}(filter: $filter) {{ nodes {{ id }} }}"
        await _ask(filled, of, f"$filter: {kind}", page, filter=values)
    await filled.check(sent)


@pytest.mark.parametrize(("of", "field"), _links())
async def test_a_link_is_followed_by_an_index(filled: Filled, of: str, field: str) -> None:
    text = f"query($id: ID!) {{ node(id: $id) {{ ... on {of} {{ {field} {{ __typename }} }} }} }}"
    async with filled.sending() as sent:
        await filled.client.data(text, id=filled.ids[of])
    await filled.check(sent)


async def test_the_conversations_of_a_folder_are_read_in_the_order_of_an_index(filled: Filled) -> None:
    """The index is partial: the planner must see from the condition that it applies."""
    async with filled.sending() as sent:
        found = await filled.client.data('{ viewer { conversations(filter: { folder: ["Work"] }) { nodes { id } } } }')
    assert found["viewer"]["conversations"]["nodes"]
    await filled.check(sent)
    ((page, parameters),) = (each for each in sent.parameters.items() if "FROM conversations" in each[0])
    for mode in MODES:
        plan = await filled.planner.plan(page, parameters, mode)
        assert "conversations_latest_in_folder" in {node.get("Index Name") for node in plan.nodes()}, str(plan)


@pytest.mark.parametrize("folders", ["[null]", '[null, "Work"]', '[null, "Work", "Home"]'])
async def test_the_conversations_of_no_folder_are_read_in_the_order_of_an_index(filled: Filled, folders: str) -> None:
    async with filled.sending() as sent:
        narrowed = f"conversations(filter: {{ folder: {folders} }}) {{ totalCount nodes {{ folder }} }}"
        found = await filled.client.data(f"{{ viewer {{ {narrowed} }} }}")
    assert None in {node["folder"] for node in found["viewer"]["conversations"]["nodes"]}
    await filled.check(sent)


async def test_the_filled_rows_add_up(filled: Filled, database: Database) -> None:
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    try:
        assert await differences(owner) == []
    finally:
        await owner.close()


async def test_the_linked_operation_reads_by_indexes(filled: Filled) -> None:
    async with filled.sending() as sent:
        found = await filled.client.data(LINKED)
    assert len(found["viewer"]["conversations"]["nodes"]) == 19
    await filled.check(sent)


async def test_all_kinds_of_objects_are_found_by_their_ids(filled: Filled) -> None:
    async with filled.sending() as sent:
        found = await filled.client.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[*filled.ids.values()])
    assert [node["id"] for node in found["nodes"]] == [*filled.ids.values()]
    await filled.check(sent)


@pytest.mark.parametrize("path", _queries())
async def test_a_hand_written_query_reads_by_indexes(filled: Filled, path: tuple[str, ...]) -> None:
    query: Any = sql
    for step in path:
        query = getattr(query, step)
    assert isinstance(query, Query)
    text = query.returning(("id",))
    parameters: list[Any] = [SAMPLES[of] for of in await filled.planner.parameters(text)]
    if "user_id" in query.parameters:
        parameters[0] = filled.user_id
    await filled.check_statement(text, tuple(parameters), page=0)


async def test_a_row_is_changed_by_its_key(filled: Filled) -> None:
    for table in ("conversations", "messages"):
        text = statements.update(table, ("deleted_at",), "deleted_at IS NULL AND version = $4", ("id",))
        await filled.check_statement(text, (filled.user_id, uuid.UUID(int=1), None, 7))
