"""A field of Query lists the rows of an entity: the caller's, forwards and backwards, filtered and counted."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
import strawberry

from gateway import Node, entity, input_type, root_page
from gateway.app import running
from gateway.data.server.opening import OpenDatabase
from gateway.schema.build import build_schema
from tests.kit.database import Database
from tests.kit.serving import Client, Serving, Statements, settings_for


@input_type
class ThreadFilter:
    """Conditions for a list of threads."""

    is_pinned: bool | None = False
    """Whether it is pinned. Defaults to false."""


@entity("conversations", order="-created_at", filter=ThreadFilter)
class Thread(Node):
    """A conversation, without anything that tells of it."""

    title: str | None
    """What it is called."""
    is_pinned: bool
    """Whether it is pinned."""
    deleted_at: strawberry.Private[str | None]


@root_page(Thread)
def threads() -> None:
    """The caller's threads, latest first."""


PAGE = "{ nodes { title } totalCount pageInfo { hasNextPage hasPreviousPage endCursor } }"


@pytest.mark.parametrize("executor", ["breadth_first", "depth_first"], indirect=True)
async def test_a_root_page_lists_what_is_the_callers(
    serving: Serving, user: Client, stranger: Client, database: Database, tmp_path: Path, executor: str
) -> None:
    for client, title in ((user, "one"), (stranger, "theirs"), (user, "two"), (user, "three")):
        await client.make("createConversation", "conversation", title=title)
    await user.make("createConversation", "conversation", title="pinned", isPinned=True)
    gone = await user.make("createConversation", "conversation", title="gone")
    await user.make("deleteConversation", "conversation", id=gone["id"])

    module: Any = ModuleType(__name__)
    module.Thread, module.threads = Thread, threads
    opened, statements = OpenDatabase(database.runtime_url, database.owner_url), Statements()
    async with (
        running(
            settings_for(tmp_path, executor=executor),
            opened,
            schema=build_schema([module])._schema,
            on_statement=statements.record,
        ) as gateway,
        aiohttp.ClientSession() as http,
    ):
        issued = gateway.resources.authenticator.issue(uuid.UUID(user.user_id), uuid.uuid4())
        client = Client(http, gateway.url, statements, issued.access.token)

        statements.texts.clear()
        first = (await client.data(f"{{ threads(first: 2) {PAGE} }}"))["threads"]
        assert [node["title"] for node in first["nodes"]] == ["three", "two"]
        assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
        assert len(statements.texts) == 2
        assert all("user_id = $1" in text for text in statements.texts)

        after = first["pageInfo"]["endCursor"]
        rest = (await client.data(f"query($after: Cursor) {{ threads(after: $after) {PAGE} }}", after=after))["threads"]
        assert [node["title"] for node in rest["nodes"]] == ["one"]
        assert rest["pageInfo"]["hasPreviousPage"]
        every = "{ a: threads(filter: {isPinned: null}, last: 9) { nodes { title } } b: threads { edges { cursor } } }"
        found = await client.data(every)
        assert [node["title"] for node in found["a"]["nodes"]] == ["pinned", "three", "two", "one"]
        assert len(found["b"]["edges"]) == 3

        client.token = None
        answer = await client.run("{ threads { nodes { id } } }")
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]
