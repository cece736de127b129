"""What the README promises, done: its commands run as they are pasted, and its tables are what the code says."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway import demo
from gateway.auth.password import LONGEST, SHORTEST
from gateway.config import Settings, settings_table
from gateway.data.opening import OpenDatabase
from gateway.execution.document import MAX_CHARACTERS, MAX_TOKENS
from gateway.execution.limits import Limits
from gateway.http.options import Options
from gateway.schema.connection import LARGEST_PAGE
from gateway.schema.node import MOST_NODES
from tests.clients.node import NODE, SCRIPTS
from tests.database import Database
from tests.serving import PATIENCE_SECONDS, Client, Serving, first, serving_on

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8000"
RELEASE = "01980000-0000-7000-8000-000000000001"


def blocks(language: str) -> list[str]:
    """The code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def limits_table() -> str:
    """The limits as the README has them."""
    limits, given = Limits(), Settings.model_fields
    rows = [
        ("characters, and words and signs, of an operation", f"{MAX_CHARACTERS:,} and {MAX_TOKENS:,}"),
        ("levels of an operation, and lists within lists", f"{limits.depth} and {limits.list_depth}"),
        ("fields of an operation, its fragments expanded", f"{limits.fields:,}"),
        ("root fields, and aliases, of an operation", f"{limits.root_fields} and {limits.aliases}"),
        ("objects that an operation may ask for, by the sizes of its pages", f"{limits.objects:,}"),
        ("bytes that an operation reads from the database and answers", f"{given['max_operation_bytes'].default:,}"),
        ("rows of a page (`first`, `last`), and ids of `nodes`", f"{LARGEST_PAGE} and {MOST_NODES}"),
        ("body of a request or message of a socket", f"{given['max_body_bytes'].default:,} bytes"),
        (
            "subscriptions on one socket, and queries and mutations at a time",
            f"{given['max_subscriptions_per_socket'].default} and {Options().max_answers_per_socket}",
        ),
        (
            "sockets and event streams of one user, and of one address",
            f"{given['max_sockets_per_user'].default} and {given['max_sockets_per_address'].default:,}",
        ),
        ("subscriptions of one user", str(given["max_subscriptions_per_user"].default)),
        ("messages that are read from one socket in a second", str(given["max_messages_per_second"].default)),
        ("characters of a message", "262,144"),
        ("text of one `appendMessage`", "16 KiB"),
        ("metadata, images, files of one object, each", "64 KiB"),
        ("characters of a password", f"{SHORTEST} to {LONGEST:,}"),
    ]
    return "\n".join(["| what | at most |", "| --- | --- |", *(f"| {what} | {most} |" for what, most in rows)])


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


def test_settings_are_those_of_the_code() -> None:
    assert settings_table() in README


def test_limits_are_those_of_the_code() -> None:
    assert limits_table() in README


def test_commands_are_those_of_the_makefile() -> None:
    makefile = (Path(__file__).parents[1] / "Makefile").read_text("utf-8")
    named = set(re.findall(r"`make (\w+)", README)) | set(re.findall(r"^make (\w+)$", README, re.MULTILINE))
    assert named
    assert named <= set(re.findall(r"^(\w+):.* ## ", makefile, re.MULTILINE))


def test_linked_files_exist() -> None:
    paths = re.findall(r"\]\((\w[\w./]*)\)", README) + re.findall(r"`(deploy/[\w./]+)`", README)
    generated = {"deploy/.env"}
    assert [path for path in paths if path not in generated and not (Path(__file__).parents[1] / path).exists()] == []


async def test_curl_commands_run_as_pasted(serving: Serving) -> None:
    sign_in, query, mutation = (block for block in blocks("sh") if "curl" in block)
    script = "\n".join(["set -eu", sign_in, query, "echo", mutation]).replace(ADDRESS, serving.url)
    shell = await asyncio.create_subprocess_exec("bash", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    output, _ = await shell.communicate(script.encode())
    read, written = map(json.loads, output.splitlines())
    assert read["data"]["viewer"]["conversations"]["nodes"][0]["title"] == "Plan the release of Parley"
    assert written["data"]["addMessage"]["message"]["content"] == "Yes, publish it."
    assert written["data"]["addMessage"]["userErrors"] == []


async def test_operations_run_in_graphiql(reader: Client) -> None:
    query, mutation, subscription = blocks("graphql")
    inbox = await reader.data(query)
    assert inbox["viewer"]["conversations"]["nodes"][0]["lastMessage"]["content"]
    # From a cursor, so that it does not matter when the gateway gets to it.
    start = (await reader.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    async with reader.socket() as socket:
        events = await socket.subscribe(subscription.replace('")', f'", after: "{start}")', 1))
        sent = (await reader.data(mutation))["addMessage"]
        assert sent["userErrors"] == []
        (event,) = await first(events, 1)
    assert event["messageAdded"]["message"]["content"] == sent["message"]["content"]


@pytest.mark.skipif(NODE is None or not (SCRIPTS / "node_modules").is_dir(), reason="there is no Node, or no packages")
async def test_script_that_resumes_runs(serving: Serving, reader: Client) -> None:
    (script,) = blocks("js")
    older = 'import { WebSocket as packaged } from "ws"; globalThis.WebSocket ??= packaged;'
    process = await asyncio.create_subprocess_exec(
        *(str(NODE), "--input-type=module", "--eval", older + script.replace(ADDRESS, serving.url)),
        cwd=SCRIPTS,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await process.stdout.readline() == b"Ada Demo\n"
            said = {"conversationId": RELEASE, "role": "USER", "content": "Seen live"}
            await reader.make("addMessage", "message", **said)
            assert await process.stdout.readline() == b"Seen live\n"
    finally:
        process.kill()
        await process.communicate()


async def test_after_a_restore_old_cursors_are_answered_with_resync(
    database: Database, serving: Serving, reader: Client
) -> None:
    (raise_epochs,) = (block for block in blocks("sql") if "raise_epoch" in block)
    before = (await reader.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    owner: asyncpg.Connection[Any] = await asyncpg.connect(database.owner_url)
    try:
        await owner.execute(raise_epochs)
    finally:
        await owner.close()
    after = (await reader.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    assert (before.partition(".")[0], after.partition(".")[0]) == ("1", "2")


def test_database_of_ones_own_is_made_by_two_statements() -> None:
    made, _ = blocks("sql")
    assert [line.split()[:2] for line in made.splitlines()] == [["CREATE", "ROLE"], ["CREATE", "DATABASE"]]
