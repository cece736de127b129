"""An attribute of a filter that is usually something is a condition of the list unless a client sets it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import strawberry

from gateway import Node, entity, input_type, root_page, usually
from gateway.app import running
from gateway.data.server.opening import OpenDatabase
from gateway.schema.build import build_schema
from tests.kit.database import Database
from tests.kit.serving import Client, Statements, settings_for


@input_type
class ThreadFilter:
    """Conditions for a list of threads."""

    title: str | None = strawberry.UNSET
    """What it is called."""
    is_pinned: bool | None = usually(False)
    """Whether it is pinned. If omitted, threads that are not pinned are listed."""


@entity("conversations", order="created_at", filter=ThreadFilter)
class Thread(Node):
    """A conversation, without anything that tells of it."""

    title: str | None
    """What it is called."""
    is_pinned: bool
    """Whether it is pinned."""
    deleted_at: strawberry.Private[str | None]


root_page(Thread)


@pytest_asyncio.fixture(loop_scope="module", params=["breadth_first", "depth_first"])
async def threads(
    user: Client, database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Client]:
    """A client of threads, of which one is pinned."""
    for title, is_pinned in (("one", False), ("two", False), ("pinned", True)):
        await user.make("createConversation", "conversation", title=title, isPinned=is_pinned)
    module: Any = ModuleType(__name__)
    module.Thread = Thread
    opened, statements = OpenDatabase(database.runtime_url, database.owner_url), Statements()
    async with (
        running(
            settings_for(tmp_path, executor=request.param),
            opened,
            schema=build_schema([module])._schema,
            on_statement=statements.record,
        ) as gateway,
        aiohttp.ClientSession() as http,
    ):
        issued = gateway.resources.authenticator.issue(uuid.UUID(user.user_id), uuid.uuid4())
        yield Client(http, gateway.url, statements, issued.access.token)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", ["one", "two"]),
        ("(filter: null)", ["one", "two"]),
        ("(filter: {})", ["one", "two"]),
        ('(filter: {title: "pinned"})', []),
        ("(filter: {isPinned: true})", ["pinned"]),
        ("(filter: {isPinned: null})", ["one", "two", "pinned"]),
        ('(filter: {OR: [{title: "one"}, {title: "pinned"}]})', ["one"]),
        ('(filter: {isPinned: null, OR: [{title: "one"}, {title: "pinned"}]})', ["one", "pinned"]),
        ('(filter: {isPinned: null, NOT: {title: "one"}})', ["two", "pinned"]),
    ],
)
async def test_it_is_a_condition_of_the_whole_list_until_it_is_set(
    threads: Client, arguments: str, expected: list[str]
) -> None:
    found = (await threads.data(f"{{ threads{arguments} {{ totalCount nodes {{ title }} }} }}"))["threads"]
    assert [node["title"] for node in found["nodes"]] == expected
    assert found["totalCount"] == len(expected)
