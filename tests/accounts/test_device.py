"""What a session tells of its device: anything that a client or a proxy may say of itself lets a user in."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path

import pytest

from tests.kit.database import Database
from tests.kit.serving import PASSWORD, PATIENCE_SECONDS, Serving, serving_on


async def test_a_session_tells_its_device(serving: Serving) -> None:
    user = await serving.signed_up(deviceId="my laptop", deviceName="Laptop")
    wanted = "deviceId deviceName userAgent ipAddress lastUsedAt expiresAt endsAt isCurrent"
    (node,) = (await user.data(f"{{ viewer {{ sessions {{ nodes {{ {wanted} }} }} }} }}"))["viewer"]["sessions"][
        "nodes"
    ]
    assert (node["deviceId"], node["deviceName"], node["isCurrent"]) == ("my laptop", "Laptop", True)
    assert node["ipAddress"] == "127.0.0.1"
    assert "aiohttp" in node["userAgent"]
    assert node["lastUsedAt"] < node["expiresAt"] < node["endsAt"]


@pytest.mark.parametrize("agent", [b"", b"x" * 4000, b"caf\xc3\xa9", b"caf\xe9 \xff\xfe", b"\xed\xa0\x80"])
async def test_a_client_may_call_itself_anything(serving: Serving, agent: bytes) -> None:
    operation = (
        'mutation { signUp(input: {email: "%s@example.org", password: "%s"}) { accessToken userErrors { code } } }'
    )
    body = json.dumps({"query": operation % (uuid.uuid4().hex, PASSWORD)}).encode()
    host, port = serving.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = b"POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nConnection: close\r\n"
    writer.write(head % host.encode() + b"User-Agent: %s\r\nContent-Length: %d\r\n\r\n" % (agent, len(body)) + body)
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = json.loads((await reader.read()).partition(b"\r\n\r\n")[2])
    writer.close()
    await writer.wait_closed()
    assert answer["data"]["signUp"]["userErrors"] == []
    assert answer["data"]["signUp"]["accessToken"]


@pytest.mark.parametrize(
    ("passed_on", "shown"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("10.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", None),
        ("", None),
    ],
)
async def test_whatever_a_proxy_passes_on_lets_a_user_in(
    database: Database, tmp_path: Path, passed_on: str, shown: str | None
) -> None:
    async with serving_on(database, tmp_path, trusted_proxies=1) as serving:
        serving.http.headers["X-Forwarded-For"] = passed_on
        user = await serving.signed_up(email=f"{uuid.uuid4().hex}@example.org")
        found = (await user.data("{ viewer { sessions { nodes { ipAddress } } } }"))["viewer"]["sessions"]
        assert found["nodes"] == [{"ipAddress": shown}]
