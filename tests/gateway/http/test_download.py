"""Downloads of exports over HTTP: whole, part by part, to whoever has a link that is valid, and to nobody else."""

from __future__ import annotations

import asyncio
import datetime
import io
import json
import os
import zipfile
import zlib
from contextlib import AsyncExitStack
from dataclasses import replace

import aiohttp
import asyncpg
import pytest

from gateway.auth.download import PATH, read_link
from gateway.export.archive import KEPT
from gateway.http.download import MOST_AT_ONCE, NOT_FOUND
from tests.kit.serving import PASSWORD, Client, Serving

READ = "query($id: ID!) { job(id: $id) { downloadUrl } }"
DAY = datetime.timedelta(days=1)
ENDED = "UPDATE jobs SET status = $2, finished_at = clock_timestamp() WHERE user_id = $1"
ADD = """
    INSERT INTO export_parts (user_id, job_id, position, file, content, size, done)
    VALUES ($1, $2, $3, 'Message.jsonl', $4, $5, 1)
"""
PART = "SELECT file, content FROM export_parts"


async def stored(superuser: asyncpg.Connection, user: Client, texts: list[bytes]) -> str:
    """The link to an export whose one file has these parts."""
    job = await user.make("exportAccount", "job")
    for position, text in enumerate(texts):
        await superuser.execute(ADD, user.user_id, job["id"], position, zlib.compress(text), len(text))
    await ended(superuser, user)
    path: str = (await user.data(READ, **job))["job"]["downloadUrl"]
    return path


async def ended(superuser: asyncpg.Connection, user: Client, status: str = "done") -> None:
    """Give the user's jobs this status."""
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(ENDED, user.user_id, status)


async def status_and_text(client: Client, path: str, method: str = "GET") -> tuple[int, str]:
    async with client.http.request(method, client.url + path) as response:
        return response.status, await response.text()


async def test_whoever_has_the_link_gets_the_archive(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    texts = [json.dumps({"n": n}).encode() + b"\n" for n in range(5)]
    path = await stored(superuser, user, texts)
    anonymous = serving.anonymous()
    async with anonymous.http.get(anonymous.url + path) as response:
        body, headers = await response.read(), response.headers
    assert (response.status, headers["Transfer-Encoding"]) == (200, "chunked")
    assert headers["Content-Type"] == "application/zip"
    assert headers["Content-Disposition"].startswith('attachment; filename="parley-export-20')
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("private, no-store", "nosniff")
    assert zipfile.ZipFile(io.BytesIO(body)).read("Message.jsonl") == b"".join(texts)
    async with anonymous.http.head(anonymous.url + path) as head:
        assert (head.status, head.headers["Content-Disposition"]) == (200, headers["Content-Disposition"])
        assert "Content-Length" not in head.headers
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


@pytest.mark.parametrize("status", ["queued", "running", "failed", "cancelled"])
async def test_only_an_export_that_is_done_is_sent(user: Client, superuser: asyncpg.Connection, status: str) -> None:
    path = await stored(superuser, user, [b"{}\n"])
    await ended(superuser, user, status)
    assert await status_and_text(user, path) == (404, NOT_FOUND)


@pytest.mark.parametrize(("age", "status"), [(KEPT - DAY, 200), (KEPT, 404)])
async def test_a_link_expires(
    serving: Serving, user: Client, superuser: asyncpg.Connection, age: datetime.timedelta, status: int
) -> None:
    path = await stored(superuser, user, [b"{}\n"])
    key = serving.gateway.resources.authenticator.keys.refresh_key
    link = read_link(path.removeprefix(PATH), key, datetime.datetime.now(datetime.UTC))
    assert link is not None
    older = replace(link, expires_at=link.expires_at - age).path(key)
    assert (await status_and_text(user, older, "HEAD"))[0] == status


async def test_a_link_does_not_work_while_the_account_is_deleted(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    path = await stored(superuser, user, [b"{}\n"])
    email = (await user.data("{ viewer { email } }"))["viewer"]["email"]
    deleted = await user.mutate("deleteAccount", "user { purgeAt }", password=PASSWORD)
    assert deleted["user"]["purgeAt"]
    for method, text in (("GET", NOT_FOUND), ("HEAD", "")):
        assert await status_and_text(serving.anonymous(), path, method) == (404, text)
    restored = await serving.anonymous().mutate("restoreAccount", "accessToken", email=email, password=PASSWORD)
    assert restored["accessToken"]
    assert (await status_and_text(serving.anonymous(), path, "HEAD"))[0] == 200


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
    async with user.http.get(user.url + path) as response:
        body = await response.content.readexactly(100_000)
        for _ in range(20):
            assert await user.data("{ viewer { email } }")  # the gateway goes on with others
        assert 0 < sum(PART in text for text in serving.statements.texts) < parts // 2
        body += await response.read()
    assert zipfile.ZipFile(io.BytesIO(body)).testzip() is None


async def test_a_user_has_few_downloads_at_the_same_time(user: Client, superuser: asyncpg.Connection) -> None:
    path = await stored(superuser, user, [os.urandom(500_000) for _ in range(40)])
    async with AsyncExitStack() as stack:
        for _ in range(MOST_AT_ONCE):
            await stack.enter_async_context(user.http.get(user.url + path))
        async with user.http.get(user.url + path) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "10")
    async with asyncio.timeout(20):
        while (await status_and_text(user, path, "HEAD"))[0] != 200:
            pass
