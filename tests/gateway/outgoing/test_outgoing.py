"""The client for URLs that users choose, against a name server that changes its mind and a server that redirects."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.errors import Overloaded
from gateway.outgoing import outgoing as module
from gateway.outgoing.address import Reach
from gateway.outgoing.outgoing import MOST_BYTES, PER_USER, Outgoing, Unanswered
from gateway.outgoing.url import NotAllowed

LOOPBACK = Reach([ipaddress.ip_network("127.0.0.1/32")])


class Names(AbstractResolver):
    """A name server that gives the next answer at each question, and the last one from then on."""

    def __init__(self, *answers: list[str] | OSError) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, OSError):
            raise found
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Do nothing."""


class Server:
    """A server of HTTP on this machine."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        match request.path:
            case "/moved":
                raise web.HTTPFound("/secret")
            case "/endless":
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b"x" * 65536)
        return web.Response(text=f"hello from {request.path}", headers={"Set-Cookie": "canary=1"})

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server, app = Server(), web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client(reach: Reach, *answers: list[str] | OSError) -> AsyncIterator[tuple[Outgoing, Names]]:
    names = Names(*(answers or ([],)))
    outgoing = Outgoing(reach, resolver=names)
    try:
        yield outgoing, names
    finally:
        await outgoing.close()


async def test_an_allowed_server_is_asked() -> None:
    async with serving() as server, client(LOOPBACK) as (outgoing, _):
        for _ in range(2):
            answer = await outgoing.get(server.url("/v1/models"), {"X-Key": "key"}, caller="one")
            assert (answer.status, answer.body) == (200, b"hello from /v1/models")
        assert [request.headers["X-Key"] for request in server.requests] == ["key"] * 2
        assert not any("Cookie" in request.headers for request in server.requests)


async def test_a_server_on_this_machine_is_not_asked_unless_it_is_allowed() -> None:
    async with serving() as server, client(Reach()) as (outgoing, _):
        for url in (server.url("/"), server.url("/", "localhost"), f"https://127.0.0.1:{server.port}/"):
            with pytest.raises(NotAllowed):
                await outgoing.get(url, {}, caller="one")
        assert server.requests == []


async def test_a_name_with_a_private_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr("gateway.outgoing.outgoing.socket.socket", lambda *of: opened.append(of))
    for addresses in (["127.0.0.1"], ["10.0.0.1", "::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"]):
        async with client(Reach(), addresses) as (outgoing, names):
            with pytest.raises(Unanswered, match="not at a public address"):
                await outgoing.get("https://rebound.example.com/", {}, caller="one")
            assert names.asked == 1
    assert opened == []


async def test_names_of_a_private_network_and_unknown_names_get_the_same_answer() -> None:
    messages = set()
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    for answer in (unknown, [], ["10.0.0.1"], ["fd00::1"]):
        async with client(Reach(), answer) as (outgoing, _):
            with pytest.raises(Unanswered) as caught:
                await outgoing.get("https://vault.corp.example/", {}, caller="one")
            messages.add(str(caught.value))
    assert len(messages) == 1


async def test_a_name_server_that_changes_its_mind_gains_nothing() -> None:
    """The first answer is checked and connected to. The next request asks again, and is checked again."""
    async with (
        serving() as server,
        client(LOOPBACK, ["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "169.254.169.254"]) as (outgoing, names),
    ):
        assert (await outgoing.get(server.url("/", "localhost"), {}, caller="one")).status == 200
        with pytest.raises(Unanswered):
            await outgoing.get(server.url("/", "localhost"), {}, caller="one")
        assert (await outgoing.get(server.url("/", "localhost"), {}, caller="one")).status == 200
        assert names.asked == 3
        assert len(server.requests) == 2


async def test_the_socket_is_checked_for_the_address_that_it_is_opened_to() -> None:
    """Whatever the resolver let through."""
    async with client(Reach()) as (outgoing, _):
        info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 443))
        with pytest.raises(module.AddressRefused):
            outgoing._socket(info)


async def test_a_redirect_is_not_followed() -> None:
    async with serving() as server, client(LOOPBACK) as (outgoing, _):
        assert (await outgoing.get(server.url("/moved"), {"X-Key": "key"}, caller="one")).status == 302
        assert [request.path for request in server.requests] == ["/moved"]


async def test_an_endless_answer_is_cut() -> None:
    async with serving() as server, client(LOOPBACK) as (outgoing, _):
        with pytest.raises(Unanswered, match="too long"):
            await outgoing.get(server.url("/endless"), {}, caller="one")
        assert MOST_BYTES < 2 * 1024**2


async def test_a_server_that_does_not_answer_is_given_up() -> None:
    outgoing = Outgoing(LOOPBACK, timeout=aiohttp.ClientTimeout(total=0.1))
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unanswered, match="in time") as caught:
        await outgoing.get(f"http://127.0.0.1:{silent.getsockname()[1]}/", {}, caller="one")
    assert caught.value.is_sent is True
    await outgoing.close()


async def test_an_error_does_not_quote_headers_or_addresses() -> None:
    async with client(LOOPBACK) as (outgoing, _):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(Unanswered) as caught:
            await outgoing.get(f"http://127.0.0.1:{port}/", {"X-Key": "canary"}, caller="one")
        assert str(caught.value).startswith("It cannot be reached")
        assert caught.value.__cause__ is None
        assert caught.value.is_sent is False
        with pytest.raises(Unanswered) as caught:
            await outgoing.get(f"http://127.0.0.1:{port}/", {"X-Key": "canary\n"}, caller="one")
        assert "canary" not in str(caught.value)


async def test_a_user_may_ask_so_often() -> None:
    async with serving() as server, client(LOOPBACK) as (outgoing, _):
        for _ in range(PER_USER.free_attempts - 1):
            await outgoing.get(server.url("/"), {}, caller="one")
        await outgoing.get(server.url("/"), {}, caller="one")
        with pytest.raises(Overloaded):
            await outgoing.get(server.url("/"), {}, caller="one")
        assert (await outgoing.get(server.url("/"), {}, caller="another")).status == 200
