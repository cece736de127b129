"""What the README and its two companions promise: commands run as pasted, tables are what the code says."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway import demo
from gateway.data.server.opening import OpenDatabase
from gateway.errors import Conflict, ParleyError
from gateway.execution.prepare import document, persisted
from tests.clients.node import NODES, OLDEST_NODE, SCRIPTS
from tests.kit.database import Database
from tests.kit.network.line import line_to
from tests.kit.serving import PATIENCE_SECONDS, Client, Serving, first, serving_on
from tests.pages import API, DEPLOYING, README, ROOT, TABLES, blocks, with_tables

PAGES = (README, API, DEPLOYING)
ADDRESS = "http://127.0.0.1:8000"
RELEASE = "01980000-0000-7000-8000-000000000001"

NODE_VERSIONS = (20, 22, 24)
needs_clients = pytest.mark.skipif(
    not NODES or not (SCRIPTS / "node_modules").is_dir(), reason="there is no Node, or no packages"
)


def node_of(version: int) -> str:
    """Node in this version; the test is skipped where it is not installed."""
    if version not in NODES:
        pytest.skip(f"there is no Node {version}: make nodes")
    return NODES[version]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of a page may name."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
async def serving(database: Database) -> AsyncIterator[Serving]:
    """A gateway with the demo account, as `make serve` starts it."""
    await demo.fill(OpenDatabase(database.runtime_url, database.owner_url))
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory), demo=True) as made:
            yield made


@pytest.fixture(scope="module")
async def reader(serving: Serving) -> Client:
    """Somebody who has signed in to the demo account."""
    client = serving.anonymous()
    account = {"email": demo.EMAIL, "password": demo.PASSWORD}
    client.token = (await client.mutate("signIn", "accessToken", **account))["accessToken"]
    return client


def test_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) < 250


@pytest.mark.parametrize("page", TABLES, ids=lambda page: page.parent.name)
def test_tables_are_what_the_code_says(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.findall(r"<!-- generated: ([\w ]+) -->\n", text) == list(TABLES[page])
    assert all(table() in with_tables(page) for table in TABLES[page].values())
    assert text == with_tables(page), "Run: make schema"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_commands_are_those_of_the_makefile(page: Path) -> None:
    text = page.read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"`make\s(\w+)", text)) | set(re.findall(r"^make (\w+)$", text, re.MULTILINE))
    assert named or page is API
    assert named <= set(re.findall(r"^(\w+):.* ## ", makefile, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_linked_files_and_headings_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\(((?!\w+:)[^#)]*)(?:#([^)]*))?\)", text)
    generated = {"deploy/.env"}
    assert links
    assert [path for path, _ in links if not (page.parent / path).exists()] == []
    assert [
        path for path in re.findall(r"`(deploy/[\w./]+)`", text) if path not in generated and not (ROOT / path).exists()
    ] == []
    assert [
        (path, heading)
        for path, heading in links
        if heading and heading not in anchors(page.parent / path if path else page)
    ] == []


async def test_curl_commands_run_as_pasted(serving: Serving) -> None:
    sign_in, query, mutation, rule, proposals = (block for block in blocks(API, "sh") if "curl" in block)
    parts = ["set -eu", sign_in, query, "echo", mutation, "echo", rule, proposals]
    script = "\n".join(parts).replace(ADDRESS, serving.url)
    shell = await asyncio.create_subprocess_exec("bash", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    output, _ = await shell.communicate(script.encode())
    read, written, *proposed = map(json.loads, output.splitlines())
    assert read["data"]["viewer"]["conversations"]["nodes"][0]["title"] == "Plan the release of Parley"
    assert written["data"]["addMessage"]["message"]["content"] == "Yes, publish it."
    assert written["data"]["addMessage"]["userErrors"] == []
    answers = [each["data"]["proposeToolExecution"] for each in proposed]
    assert answers == [
        {"toolExecution": {"status": "APPROVED", "approvalReason": "RULE"}, "userErrors": []},
        {"toolExecution": {"status": "PENDING", "approvalReason": None}, "userErrors": []},
    ]


async def test_operations_run_in_graphiql(reader: Client) -> None:
    query, mutation, subscription = blocks(README, "graphql")
    agent, filtered, follow, pull, reserve = blocks(API, "graphql")
    assert (await reader.data(agent))["createAgentToken"]["token"].startswith("pla_")
    assert (await reader.data(pull))["changes"]["nodes"]
    inbox = await reader.data(query)
    assert inbox["viewer"]["conversations"]["nodes"][0]["lastMessage"]["content"]
    await reader.data(filtered)
    assert (await reader.data(reserve))["reserveUsage"]["userErrors"] == []
    # From a cursor, so that it does not matter when the gateway gets to it.
    start = (await reader.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    async with reader.socket() as socket:
        events = await socket.subscribe(subscription.replace('")', f'", after: "{start}")', 1))
        sent = (await reader.data(mutation))["addMessage"]
        assert sent["userErrors"] == []
        (event,) = await first(events, 1)
        events = await socket.subscribe(follow, after=start)
        # The new message changed its conversation, and so does this.
        await reader.make("updateConversation", "conversation", id=RELEASE, isPinned=True)
        changes = [each["conversationChanged"] for each in await first(events, 2)]
    assert event["messageAdded"]["message"]["content"] == sent["message"]["content"]
    assert [(change["op"], change["conversation"]["id"]) for change in changes] == [("UPDATED", RELEASE)] * 2


@asynccontextmanager
async def pasted(script: str, url: str, node: str) -> AsyncIterator[asyncio.StreamReader]:
    """What a script of a page prints, run as a module where its packages are."""
    process = await asyncio.create_subprocess_exec(
        *(node, "--input-type=module", "--eval", script.replace(ADDRESS, url)),
        cwd=SCRIPTS,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield process.stdout
    finally:
        process.kill()
        await process.communicate()


async def say(reader: Client, content: str) -> None:
    await reader.make("addMessage", "message", conversationId=RELEASE, role="USER", content=content)


@needs_clients
@pytest.mark.parametrize("version", NODE_VERSIONS)
async def test_script_that_resumes_runs_as_pasted(serving: Serving, reader: Client, version: int) -> None:
    (script,) = blocks(README, "js")
    async with pasted(script, serving.url, node_of(version)) as printed:
        assert await printed.readline() == b"Ada Demo\n"
        await say(reader, "Seen live")
        assert await printed.readline() == b"Seen live\n"


@needs_clients
@pytest.mark.parametrize("version", NODE_VERSIONS)
async def test_apollo_resumes_with_the_link_as_pasted(serving: Serving, reader: Client, version: int) -> None:
    (script,), (apollo,) = blocks(README, "js"), blocks(API, "js")
    start, _, _ = script.partition("const watch = ")
    async with (
        line_to(serving.url) as line,
        pasted(start + apollo, line.url, node_of(version)) as printed,
    ):
        assert await printed.readline() == b"Ada Demo\n"
        await say(reader, "Live")
        assert await printed.readline() == b"Apollo: Live\n"
        line.cut()
        await say(reader, "Missed")
        await line.refused.wait()
        line.mend()
        assert await printed.readline() == b"Apollo: Missed\n"
        await say(reader, "Live again")
        assert await printed.readline() == b"Apollo: Live again\n"


def test_versions_of_node_are_those_of_the_tests() -> None:
    (oldest,) = {each for page in PAGES for each in re.findall(r"Node\.js (\d+) or newer", page.read_text("utf-8"))}
    assert int(oldest) == min(NODE_VERSIONS) == OLDEST_NODE


def test_every_code_of_an_error_is_in_the_table() -> None:
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", API.read_text("utf-8"), re.MULTILINE)
    named = [code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)]
    # What is only ever a user error has no row here.
    codes = {error.code for error in ParleyError.__subclasses__()} - {Conflict.code}
    expected = {ParleyError.code, *codes, document.PARSE_FAILED, document.VALIDATION_FAILED, persisted.NOT_FOUND}
    assert sorted(named) == sorted(expected)


async def test_after_a_restore_old_cursors_are_answered_with_resync(
    database: Database, serving: Serving, reader: Client
) -> None:
    (raise_epochs,) = (block for block in blocks(DEPLOYING, "sql") if "raise_epoch" in block)
    before = (await reader.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    owner: asyncpg.Connection[Any] = await asyncpg.connect(database.owner_url)
    try:
        await owner.execute(raise_epochs)
    finally:
        await owner.close()
    after = (await reader.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    assert (before.partition(".")[0], after.partition(".")[0]) == ("1", "2")


def test_backup_and_restore_are_the_commands_that_are_tested() -> None:
    """By `tests/gateway/backup`, which does them."""
    assert "parley backup parley.backup\nparley restore parley.backup\n" in blocks(DEPLOYING, "sh")


def test_database_of_ones_own_is_made_by_two_statements() -> None:
    made, *_ = blocks(DEPLOYING, "sql")
    assert [line.split()[:2] for line in made.splitlines()] == [["CREATE", "ROLE"], ["CREATE", "DATABASE"]]
