"""The nginx of deploy/README.md does for Parley what the page says, where nginx is installed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.kit.database import Database
from tests.kit.network.ports import free_port
from tests.kit.serving import PATIENCE_SECONDS, Client, serving_on
from tests.pages import DEPLOYING, blocks
from tests.repository.test_readme import ADDRESS

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
WATCH = "subscription { messageAdded { message { content } } }"
READY = {"query": WATCH, "extensions": {"ready": True}}

pytestmark = pytest.mark.skipif(not NGINX or not shutil.which("openssl"), reason="there is no nginx, or no openssl")


def configured(url: str, directory: Path, port: int) -> Path:
    """The server of the page in a file, with a certificate made for it, on this port and in front of this gateway."""
    key, certificate = directory / "parley.key", directory / "parley.pem"
    named = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *named)
    subprocess.run(made, check=True, capture_output=True)
    (server,) = blocks(DEPLOYING, "nginx")
    for pasted, here in {
        ADDRESS: url,
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/ssl/parley.pem": str(certificate),
        "/etc/ssl/parley.key": str(key),
    }.items():
        assert pasted in server
        server = server.replace(pasted, here)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    file = directory / "nginx.conf"
    file.write_text(
        f"daemon off; pid {directory}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off;\n{temporary}\n{server}\n}}"
    )
    return file


@asynccontextmanager
async def proxied(url: str, directory: Path) -> AsyncIterator[str]:
    """The address of nginx in front of a gateway, with the page's configuration."""
    assert NGINX
    port = free_port()
    process = await asyncio.create_subprocess_exec(NGINX, "-p", directory, "-c", configured(url, directory, port))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await _listens(port):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.fixture(scope="module")
async def behind(database: Database) -> AsyncIterator[Client]:
    """A user of a gateway that is behind the proxy, who goes through it."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with (
            serving_on(database, directory, trusted_proxies=1) as serving,
            proxied(serving.url, directory) as url,
        ):
            trust = ssl.create_default_context(cafile=str(directory / "parley.pem"))
            user = await serving.signed_up()
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http:
                yield replace(user, url=url, http=http)


async def test_operations_go_through(behind: Client) -> None:
    assert (await behind.data("{ viewer { id } }"))["viewer"]["id"] == behind.user_id


async def test_browsers_are_told_to_insist_on_tls(behind: Client) -> None:
    async with behind.http.get(f"{behind.url}/healthz") as answer:
        assert (answer.status, answer.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")


async def test_a_page_of_the_proxys_own_origin_may_open_a_socket(behind: Client) -> None:
    conversation = (await behind.make("createConversation", "conversation"))["id"]
    page = {"Origin": behind.url}
    address = f"{behind.url}/graphql"
    async with behind.http.ws_connect(address, protocols=["graphql-transport-ws"], headers=page) as socket:
        await socket.send_json({"type": "connection_init", "payload": behind.headers})
        assert (await socket.receive_json())["type"] == "connection_ack"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": READY})
        assert (await socket.receive_json())["payload"]["data"] is None
        await behind.make("addMessage", "message", conversationId=conversation, role="USER", content="through")
        event = (await socket.receive_json())["payload"]["data"]
    assert event == {"messageAdded": {"message": {"content": "through"}}}


async def test_an_event_of_a_stream_is_not_held_back(behind: Client) -> None:
    headers = {**behind.headers, "Accept": "text/event-stream"}
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        behind.http.post(f"{behind.url}/graphql", json=READY, headers=headers) as answer,
    ):
        # The stream goes on: what is held back would not come.
        line = await anext(line async for line in answer.content if line.startswith(b"data:"))
    assert json.loads(line.removeprefix(b"data:"))["data"] is None


async def test_the_callers_address_is_the_one_that_the_proxy_saw(behind: Client) -> None:
    account = {"email": "behind@example.org", "password": "a password for tests"}
    forged = {**behind.headers, "X-Forwarded-For": "203.0.113.9"}
    body = {
        "query": "mutation($input: SignUpInput!) { signUp(input: $input) {"
        " user { sessions { nodes { ipAddress } } } userErrors { message } } }",
        "variables": {"input": account},
    }
    async with behind.http.post(f"{behind.url}/graphql", json=body, headers=forged) as answer:
        made = (await answer.json())["data"]["signUp"]
    assert made["user"]["sessions"]["nodes"] == [{"ipAddress": "127.0.0.1"}]
