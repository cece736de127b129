"""Downloads of exports over HTTP: whole, part by part, to whoever has a link that is valid, and to nobody else."""

from __future__ import annotations

import asyncio
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import astuple
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest

from gateway.export.parts import START, compressed
from gateway.http.download import MOST_AT_ONCE, NOT_FOUND
from tests.kit.serving import Client, Serving

READ = "query($id: ID!) { job(id: $id) { downloadUrl } }"
DONE = "UPDATE jobs SET status = $2, finished_at = clock_timestamp() - $3::interval WHERE user_id = $1"
ADD = """
    INSERT INTO export_parts (
        user_id, job_id, position, file, begins_at, last_id, done, size, deflated_size, crc, deflated)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
PART = "SELECT deflated FROM export_parts"


async def stored(superuser: asyncpg.Connection, user: Client, texts: list[bytes]) -> str:
    """The link to an export whose one file has these parts."""
    job = await user.make("exportAccount", "job")
    at = START
    for text in texts:
        deflated = compressed(text)
        at = at.plus("Message.jsonl", text, deflated, None, 1)
        await superuser.execute(ADD, user.user_id, job["id"], *astuple(at), deflated)
    await ended(superuser, user)
    path: str = (await user.data(READ, **job))["job"]["downloadUrl"]
    return path


async def ended(superuser: asyncpg.Connection, user: Client, status: str = "done", ago: str = "0 s") -> None:
    """End the user's jobs."""
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(f"{DONE.replace('$3::interval', repr(ago) + '::interval')}", user.user_id, status)


async def status_and_text(client: Client, path: str, method: str = "GET") -> tuple[int, str]:
    async with client.http.request(method, client.url + path) as response:
        return response.status, await response.text()


@asynccontextmanager
async def beginning(serving: Serving, path: str) -> AsyncIterator[tuple[bytes, asyncio.StreamReader]]:
    """A download of which only the head has been read."""
    address = urlsplit(serving.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=64 * 1024)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head
        yield head, reader
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_whoever_has_the_link_gets_the_archive(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    texts = [json.dumps({"n": n}).encode() + b"\n" for n in range(5)]
    path = await stored(superuser, user, texts)
    anonymous = serving.anonymous()
    async with anonymous.http.get(anonymous.url + path) as response:
        body, headers = await response.read(), response.headers
    assert (response.status, int(headers["Content-Length"])) == (200, len(body))
    assert headers["Content-Type"] == "application/zip"
    assert headers["Content-Disposition"].startswith('attachment; filename="parley-export-20')
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("private, no-store", "nosniff")
    assert zipfile.ZipFile(io.BytesIO(body)).read("Message.jsonl") == b"".join(texts)
    async with anonymous.http.head(anonymous.url + path) as head:
        assert (head.status, head.headers["Content-Length"]) == (200, headers["Content-Length"])
        assert await head.read() == b""


async def test_every_other_link_has_the_same_answer(
    serving: Serving, user: Client, stranger: Client, superuser: asyncpg.Connection
) -> None:
    path = await stored(superuser, user, [b"{}\n"])
    other = await stored(superuser, stranger, [b"{}\n"])
    assert path != other
    link = path.removeprefix("/exports/")
    wrong = [
        "x",
        link[:-1],
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        link[:40] + other.removeprefix("/exports/")[40:],  # another's signature
        "%00" + link,
        link + "%20",
    ]
    for each in wrong:
        assert await status_and_text(serving.anonymous(), f"/exports/{each}") == (404, NOT_FOUND), each
    for method in ("POST", "PUT", "DELETE"):
        assert (await status_and_text(user, path, method))[0] == 405


@pytest.mark.parametrize(("status", "ago"), [("done", "8 days"), ("failed", "0 s"), ("cancelled", "0 s")])
async def test_a_link_ends_with_what_it_leads_to(
    user: Client, superuser: asyncpg.Connection, status: str, ago: str
) -> None:
    path = await stored(superuser, user, [b"{}\n"])
    await ended(superuser, user, status, ago)
    assert await status_and_text(user, path) == (404, NOT_FOUND)


async def test_a_link_of_a_removed_export_leads_nowhere(user: Client, superuser: asyncpg.Connection) -> None:
    path = await stored(superuser, user, [b"{}\n"])
    await superuser.execute("DELETE FROM export_parts WHERE user_id = $1", user.user_id)
    assert await status_and_text(user, path) == (404, NOT_FOUND)


async def test_an_archive_that_becomes_incomplete_is_cut_off(user: Client, superuser: asyncpg.Connection) -> None:
    path = await stored(superuser, user, [os.urandom(400_000) for _ in range(3)])
    await superuser.execute("DELETE FROM export_parts WHERE user_id = $1 AND position = 1", user.user_id)
    with pytest.raises(aiohttp.ClientPayloadError):
        async with user.http.get(user.url + path) as response:
            await response.read()


async def test_a_slow_client_does_not_make_the_gateway_read_ahead(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    parts = 80
    path = await stored(superuser, user, [os.urandom(500_000) for _ in range(parts)])
    serving.statements.texts.clear()
    async with beginning(serving, path) as (head, reader):
        body = await reader.readexactly(100_000)
        for _ in range(20):
            assert await user.data("{ viewer { email } }")  # the gateway goes on with others
        assert 0 < sum(PART in text for text in serving.statements.texts) < parts // 2
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body += await reader.readexactly(length - len(body))
    assert zipfile.ZipFile(io.BytesIO(body)).testzip() is None


async def test_a_user_has_few_downloads_at_the_same_time(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    path = await stored(superuser, user, [os.urandom(500_000) for _ in range(40)])
    async with AsyncExitStack() as stack:
        for _ in range(MOST_AT_ONCE):
            await stack.enter_async_context(beginning(serving, path))
        async with user.http.get(user.url + path) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "10")
    async with asyncio.timeout(20):
        while (await status_and_text(user, path, "HEAD"))[0] != 200:
            pass
