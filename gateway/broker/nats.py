"""NATS as the carrier: one subject for each user, so that a process hears only of the users that it watches.

An empty message is a hint, and one that begins with `s` a signal. Core NATS alone: nothing is stored, and nothing needs
to be set up.
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
"""What the subjects of all users begin with."""
GATHER_SECONDS = 0.002
TIMEOUT_SECONDS = 5
PING_SECONDS = 10
MOST_UNSENT_BYTES = 64 * 1024
"""With more on its way, we wait until the server has it."""
CLOSE_SECONDS = 1.0

_HINT = b""
_SIGNAL = b"s"


def nats_broker(urls: str) -> RemoteBroker:
    """A broker whose carrier is any one of the NATS servers at these URLs, with commas between them.

    The user and password, or the token, of the first URL that has any are for all of them.
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
            # We do that, and better: the library would keep what is to be sent, without telling.
            allow_reconnect=False,
            # Each server twice, at once: the pause is ours as well.
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=TIMEOUT_SECONDS,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=1,
            # No bounds: one cannot be woken from waiting at them. `NatsLine.send` bounds what is under way.
            pending_size=0,
            flusher_queue_size=0,
            error_cb=_is_told_otherwise,
        )
        yield NatsLine(client, broker)
    finally:
        await client.end()


class NatsLine:
    """A connection, and what is subscribed on it."""

    def __init__(self, client: _Client, broker: RemoteBroker) -> None:
        self._client = client
        self._broker = broker
        self._subscriptions: dict[UUID, Subscription] = {}

    async def send(self, hints: Collection[UUID], signals: Collection[Signal]) -> None:
        """Publish this, each to those who watch its user."""
        for user_id in hints:
            await self._client.publish(_subject(user_id), _HINT)
        for user_id, payload in signals:
            await self._client.publish(_subject(user_id), _SIGNAL + payload)
        if self._client.pending_data_size > MOST_UNSENT_BYTES or not (hints or signals):
            await self._client.arrive()
        self._client.check()

    async def watch(self, user_ids: Collection[UUID]) -> None:
        """Subscribe, and once the server knows, have what was published until then looked for."""
        for user_id in user_ids:
            if user_id not in self._subscriptions:
                self._subscriptions[user_id] = await self._client.subscribe(_subject(user_id))
                await asyncio.sleep(0)  # there may be thousands, and others want to work
        # The library's ping overtakes what it has buffered: after the first, the subscriptions are under way.
        await self._client.arrive()
        await self._client.arrive()
        self._broker.missed(user_ids)

    async def unwatch(self, user_ids: Collection[UUID]) -> None:
        """End the subscriptions."""
        for user_id in user_ids:
            if user_id in self._subscriptions:
                await self._subscriptions.pop(user_id).unsubscribe()


class _Client(Client):
    """The library's client, under our control.

    By itself it would close in the middle of reading, and leave tasks behind where that fails; run a task for each
    subscription; and speak in the clear to a server that is called `tls://` and offers no TLS.
    """

    def __init__(self, broker: RemoteBroker) -> None:
        super().__init__()
        self._broker = broker
        self._lost: Exception | None = None
        self._warned = False

    def check(self) -> None:
        """Raise what the connection was lost by."""
        if self._lost is not None:
            raise self._lost

    async def arrive(self) -> None:
        """Return once the server has what is under way to it. Raises what the connection was lost by."""
        await self.flush(TIMEOUT_SECONDS)
        self.check()

    async def end(self) -> None:
        """Close, and if the server does not take what is left, without that."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.close()
        except OSError:  # or a timeout, which is one
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
                answer.set_result(None)  # there will be none, and whoever waits for it shall see that now
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
            self._broker.heard([user_id])
        elif data.startswith(_SIGNAL):
            self._broker.heard_signal(user_id, data.removeprefix(_SIGNAL))


async def _is_told_otherwise(error: Exception) -> None:
    """What ends a connection is raised to whoever uses it."""


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
