"""The client for URLs that users choose.

It connects to the address that it has checked, whatever a name server says afterwards: it resolves names itself, for
each request anew, and checks each socket again for the address that it is opened to. It follows no redirects, uses no
proxy, sends no cookies, and reads a bounded answer within a bounded time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.auth.throttle import Allowance, Throttle
from gateway.outgoing.address import Reach
from gateway.outgoing.url import check

MOST_BYTES = 1024 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=15, connect=10, sock_connect=5, sock_read=10)
MOST_CONNECTIONS = 20
MOST_CONNECTIONS_PER_HOST = 4

PER_USER = Allowance(free_attempts=20, success_clears=False, window_seconds=10 * 60)
"""Requests of one user, each of which counts. A user must not scan the internet through Parley."""


_UNREACHED = "It cannot be reached, or is not at a public address. The operator of this server can allow its network."


class Unanswered(Exception):
    """There is no answer. The message is for the user, and reveals nothing of the network."""

    def __init__(self, message: str, *, is_sent: bool) -> None:
        """`is_sent` says whether the request left, with its headers."""
        super().__init__(message)
        self.is_sent = is_sent


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request, which may be that of a failure or a redirect."""

    status: int
    body: bytes
    """At most `MOST_BYTES`."""


class Outgoing:
    """Sends requests to URLs that users choose."""

    def __init__(
        self, reach: Reach, *, resolver: AbstractResolver | None = None, timeout: aiohttp.ClientTimeout = TIMEOUT
    ) -> None:
        """`resolver` finds the addresses of names, by default as the system does."""
        self._timeout = timeout
        self.reach = reach
        self._resolver = resolver
        self._throttle = Throttle(PER_USER)
        self._session: aiohttp.ClientSession | None = None

    def check(self, url: str) -> None:
        """Raise `NotAllowed` if a URL could never be asked. Asks no name server."""
        check(url, self.reach)

    async def get(self, url: str, headers: Mapping[str, str], *, caller: str) -> Answer:
        """Send a GET request on behalf of a user.

        Raises `NotAllowed`, as `check` does, `Unanswered`, and `Overloaded` if the user has sent too many.
        """
        self.check(url)
        self._throttle.check(caller)
        sending = _Sending()
        try:
            async with self._open().get(
                url,
                allow_redirects=False,
                headers={"Accept-Encoding": "identity", **headers},
                trace_request_ctx=sending,
            ) as response:
                return Answer(response.status, await _bounded(response))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # The same words for a name without an address and a name of a private network. Otherwise, users could find
            # out which internal names exist. From None, because errors contain addresses and may contain headers.
            slow = isinstance(error, TimeoutError)
            message = "It does not answer in time." if slow else _UNREACHED
            raise Unanswered(message, is_sent=sending.is_sent) from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_CheckedResolver(self.reach, self._resolver or aiohttp.ThreadedResolver()),
                use_dns_cache=False,
                limit=MOST_CONNECTIONS,
                limit_per_host=MOST_CONNECTIONS_PER_HOST,
                force_close=True,
                socket_factory=self._socket,
            )
            tracing = aiohttp.TraceConfig()
            tracing.on_request_headers_sent.append(_note_sent)
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                trace_configs=[tracing],
            )
        return self._session

    def _socket(self, info: Any) -> socket.socket:
        """A socket for an address that was resolved, or was in the URL. The last check before it is connected to."""
        family, kind, protocol, _, address = info
        if not self.reach.contains(address[0]):
            raise AddressRefused
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            with suppress(asyncio.CancelledError):
                await self._session.close()


@dataclass(slots=True)
class _Sending:
    """A request on its way."""

    is_sent: bool = False


async def _note_sent(session: aiohttp.ClientSession, trace: Any, event: Any) -> None:
    trace.trace_request_ctx.is_sent = True


class AddressRefused(OSError):
    """A name belongs to addresses that must not be connected to."""

    def __init__(self) -> None:
        super().__init__("The host is not at a public address.")


class _CheckedResolver(AbstractResolver):
    """Finds the addresses of a name that may be connected to."""

    def __init__(self, reach: Reach, resolver: AbstractResolver) -> None:
        self._reach = reach
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        allowed = [each for each in found if self._reach.contains(each["host"])]
        if not allowed:
            raise AddressRefused
        return allowed

    async def close(self) -> None:
        await self._resolver.close()


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > MOST_BYTES:
            raise Unanswered("Its answer is too long.", is_sent=True)
    return bytes(body)
