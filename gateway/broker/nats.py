"""NATS as the carrier: one subject per user, so that a process receives only what concerns the users it watches.

An empty message is a hint; one that begins with `s` is a signal. Only core NATS is used: nothing is stored, and nothing
needs to be set up.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.protocol.parser import PERMISSIONS_ERR

from gateway.broker.nats_private import abort
from gateway.broker.remote import Line, RemoteBroker, Signal

_log = structlog.get_logger(__name__)

PREFIX = "parley.user."
"""Prefix of all subjects."""
GATHER_SECONDS = 0.002
TIMEOUT_SECONDS = 5
PING_SECONDS = 10
MOST_UNSENT_BYTES = 64 * 1024
"""Above this, wait until the server has received everything."""
CLOSE_SECONDS = 1.0

_HINT = b""
_SIGNAL = b"s"


def nats_broker(urls: str) -> RemoteBroker:
    """Create a broker whose carrier is any one of these NATS servers. Their URLs are separated by commas.

    The credentials (user and password, or token) of the first URL that has any are used for all.
    """
    return RemoteBroker(functools.partial(_open_line, urls.split(",")), gather_seconds=GATHER_SECONDS)


@asynccontextmanager
async def _open_line(urls: list[str], broker: RemoteBroker) -> AsyncIterator[Line]:
    client = _Client(broker)
    try:
        await client.connect(
            [_without_credentials(url) for url in urls],
            **_credentials(urls),
            name="parley",
            no_echo=True,
            # `RemoteBroker` reconnects. The library would silently buffer messages meanwhile.
            allow_reconnect=False,
            # Try each server twice without a pause; `RemoteBroker` pauses.
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=TIMEOUT_SECONDS,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=1,
            # No limits, because waiting at them cannot be interrupted. `NatsLine.send` bounds unsent data.
            pending_size=0,
            flusher_queue_size=0,
            error_cb=_ignore,
        )
        yield NatsLine(client, broker)
    finally:
        await client.end()


class NatsLine:
    """A connection and its subscriptions."""

    def __init__(self, client: _Client, broker: RemoteBroker) -> None:
        self._client = client
        self._broker = broker
        self._subscriptions: dict[UUID, Subscription] = {}

    async def send(self, hints: Collection[UUID], signals: Collection[Signal]) -> None:
        """Publish hints and signals on the subjects of their users."""
        for user_id in hints:
            await self._client.publish(_subject(user_id), _HINT)
        for user_id, payload in signals:
            await self._client.publish(_subject(user_id), _SIGNAL + payload)
        if self._client.pending_data_size > MOST_UNSENT_BYTES or not (hints or signals):
            await self._client.arrive()
        self._client.check()

    async def watch(self, user_ids: Collection[UUID]) -> None:
        """Subscribe. Once the server has confirmed it, hint the users, because earlier messages were missed."""
        for user_id in user_ids:
            if user_id not in self._subscriptions:
                self._subscriptions[user_id] = await self._client.subscribe(_subject(user_id))
                await asyncio.sleep(0)  # there may be thousands: let other tasks run
        # The library's ping overtakes its buffer: only the second flush confirms the subscriptions.
        await self._client.arrive()
        await self._client.arrive()
        self._broker.missed(user_ids)

    async def unwatch(self, user_ids: Collection[UUID]) -> None:
        """End the subscriptions."""
        for user_id in user_ids:
            if user_id in self._subscriptions:
                await self._subscriptions.pop(user_id).unsubscribe()


class _Client(Client):
    """The library's client with some behaviour overridden.

    The original closes in the middle of reading and leaks tasks if that fails, runs a task per subscription, and falls
    back to plain text for a `tls://` server that offers no TLS.
    """

    def __init__(self, broker: RemoteBroker) -> None:
        super().__init__()
        self._broker = broker
        self._lost: Exception | None = None
        self._warned = False

    def check(self) -> None:
        """Raise the error that broke the connection, if any."""
        if self._lost is not None:
            raise self._lost

    async def arrive(self) -> None:
        """Wait until the server has received everything sent. Raises the error that broke the connection."""
        await self.flush(TIMEOUT_SECONDS)
        self.check()

    async def end(self) -> None:
        """Close gracefully, or abort if the server does not accept the remaining data in time."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.close()
        except OSError:  # includes TimeoutError
            abort(self)

    def _connect_command(self) -> bytes:
        server = self._current_server
        if server is not None and server.uri.scheme == "tls" and not self._server_info.get("tls_required"):
            raise ssl.SSLError("the server offers no TLS")
        return super()._connect_command()

    async def _process_op_err(self, e: Exception) -> None:
        self._lost = e
        for answer in self._pongs:
            if not answer.done():
                answer.set_result(None)  # wake the waiters now: no answer will arrive
        self._broker.broken()

    async def _process_err(self, err_msg: str) -> None:
        if PERMISSIONS_ERR not in err_msg:
            await self._process_op_err(Error(err_msg))
        elif not self._warned:
            _log.error("broker.not_permitted", subjects=f"{PREFIX}*")
            self._warned = True

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        subscription = self._subs.get(sid)
        if subscription is None:
            return
        user_id = UUID(subscription.subject.removeprefix(PREFIX))
        if data == _HINT:
            self._broker.receive_hints([user_id])
        elif data.startswith(_SIGNAL):
            self._broker.receive_signal(user_id, data.removeprefix(_SIGNAL))


async def _ignore(error: Exception) -> None:
    """Ignore an error. `check` raises it to the user of the connection."""


def _subject(user_id: UUID) -> str:
    return PREFIX + user_id.hex


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _credentials(urls: list[str]) -> dict[str, Any]:
    for parts in map(urlsplit, urls):
        if parts.password is not None:
            return {"user": unquote(parts.username or ""), "password": unquote(parts.password)}
        if parts.username is not None:
            return {"token": unquote(parts.username)}
    return {}
