"""Brokers carry hints between gateway processes: "these users' feeds may have moved". They carry no truth.

A hint that is lost, repeated or late does no harm, so a broker never makes a writer wait and never fails one.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import orjson
import structlog

_log = structlog.get_logger(__name__)

OnHint = Callable[[Iterable[UUID]], None]
OnGap = Callable[[], None]


class Broker(Protocol):
    """What the hub needs of a broker."""

    async def start(self, on_hint: OnHint, on_gap: OnGap) -> None:
        """Begin to listen. `on_gap` is called when hints may have been missed."""

    def publish(self, user_id: UUID) -> None:
        """Tell the other processes, soon."""

    async def close(self) -> None:
        """Stop, and send what is waiting if that is possible at once."""


class PostgresBroker:
    """Hints by LISTEN and NOTIFY on one connection of its own.

    A notifying transaction holds a lock of the whole server through its commit, so a NOTIFY inside a writing transaction
    makes all writers wait for each other. Here hints are gathered for some milliseconds and sent apart from any write.
    """

    CHANNEL = "parley_feed"
    GATHER_SECONDS = 0.01
    RECONNECT_SECONDS = 0.5
    # A payload must stay below 8000 bytes; a user takes 39 as JSON.
    MOST_USERS = 180

    def __init__(self, url: str) -> None:
        self._url = url
        self._node = secrets.token_hex(8)
        self._waiting: set[UUID] = set()
        self._published = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, on_hint: OnHint, on_gap: OnGap) -> None:
        self._on_hint, self._on_gap = on_hint, on_gap
        self._task = asyncio.create_task(self._stay_connected())

    def publish(self, user_id: UUID) -> None:
        self._waiting.add(user_id)
        self._published.set()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._listen_and_send()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                _log.warning("broker.disconnected", error=type(error).__name__)
            await asyncio.sleep(self.RECONNECT_SECONDS)

    async def _listen_and_send(self) -> None:
        connection = await asyncpg.connect(self._url, server_settings={"application_name": "parley-broker"})
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _: (lost.set(), self._published.set()))
            await connection.add_listener(self.CHANNEL, self._heard)
            self._on_gap()
            while not lost.is_set():
                await self._published.wait()
                await asyncio.sleep(self.GATHER_SECONDS)
                self._published.clear()
                await self._send(connection)
        finally:
            connection.terminate()

    async def _send(self, connection: Any) -> None:
        users, self._waiting = list(self._waiting), set()
        payloads = [
            orjson.dumps([self._node, *map(str, users[start : start + self.MOST_USERS])]).decode()
            for start in range(0, len(users), self.MOST_USERS)
        ]
        if payloads:
            await connection.execute(
                "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS p (payload)", self.CHANNEL, payloads
            )

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        try:
            node, *users = orjson.loads(payload)
            user_ids = [UUID(user) for user in users]
        except (ValueError, TypeError, AttributeError):
            _log.warning("broker.unreadable_hint")
            return
        if node != self._node:
            self._on_hint(user_ids)
