"""Brokers carry hints between gateway processes: "these users' feeds may have moved". They carry no truth.

A hint that is lost, repeated or late does no harm, so a broker never makes a writer wait and never fails one.
"""

from __future__ import annotations

import asyncio
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


class NoBroker:
    """Carries nothing: what other processes write is found by the hub's slow clock. Enough for a process alone."""

    async def start(self, on_hint: OnHint, on_gap: OnGap) -> None:
        pass

    def publish(self, user_id: UUID) -> None:
        pass

    async def close(self) -> None:
        pass


class PostgresBroker:
    """Hints by LISTEN and NOTIFY on one connection of its own.

    A notifying transaction holds a lock of the whole server through its commit, so a NOTIFY inside a writing
    transaction makes all writers wait for each other. Here hints are gathered for some milliseconds and sent apart from
    any write.
    """

    CHANNEL = "parley_feed"
    GATHER_SECONDS = 0.01
    RECONNECT_SECONDS = 0.5
    # A connection that nobody speaks on may be dead for hours before the system says so.
    HEARTBEAT_SECONDS = 20.0
    TIMEOUT_SECONDS = 5.0
    # A payload must stay below 8000 bytes; a user takes 39 as JSON.
    MOST_USERS = 180
    LAST_WORD_SECONDS = 1.0

    def __init__(self, url: str) -> None:
        self._url = url
        self._node = secrets.token_hex(8)
        self._waiting: set[UUID] = set()
        self._published = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self._closing = False

    async def start(self, on_hint: OnHint, on_gap: OnGap) -> None:
        self._on_hint, self._on_gap = on_hint, on_gap
        self._task = asyncio.create_task(self._stay_connected())

    def publish(self, user_id: UUID) -> None:
        self._waiting.add(user_id)
        self._published.set()

    async def close(self) -> None:
        self._closing = True
        self._published.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=self.LAST_WORD_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _stay_connected(self) -> None:
        while not self._closing:
            try:
                await self._listen_and_send()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next connection may do better
                if not self._failing:
                    _log.warning("broker.disconnected", error=type(error).__name__)
                self._failing = True
                await asyncio.sleep(self.RECONNECT_SECONDS)

    async def _listen_and_send(self) -> None:
        connection = await asyncpg.connect(
            self._url,
            timeout=self.TIMEOUT_SECONDS,
            command_timeout=self.TIMEOUT_SECONDS,
            server_settings={"application_name": "parley-broker"},
        )
        try:
            connection.add_termination_listener(lambda _: self._published.set())
            await connection.add_listener(self.CHANNEL, self._heard)
            self._failing = False
            self._on_gap()
            while not self._closing:
                await self._something_published()
                await self._send(connection)
        finally:
            connection.terminate()

    async def _something_published(self) -> None:
        """Wait for hints, and a little longer for those that come with them; or until it is time for a heartbeat."""
        try:
            async with asyncio.timeout(self.HEARTBEAT_SECONDS):
                await self._published.wait()
        except TimeoutError:
            return
        if not self._closing:
            await asyncio.sleep(self.GATHER_SECONDS)
        self._published.clear()

    async def _send(self, connection: Any) -> None:
        users, self._waiting = self._waiting, set()
        names = [str(user_id) for user_id in users]
        payloads = [
            orjson.dumps([self._node, *names[start : start + self.MOST_USERS]]).decode()
            for start in range(0, len(names), self.MOST_USERS)
        ]
        try:
            await connection.execute(
                "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS p (payload)", self.CHANNEL, payloads
            )
        except BaseException:
            self._waiting |= users
            self._published.set()
            raise

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        try:
            node, *users = orjson.loads(payload)
            user_ids = [UUID(user) for user in users]
        except (ValueError, TypeError, AttributeError):
            _log.warning("broker.unreadable_hint")
            return
        if node != self._node:
            self._on_hint(user_ids)
