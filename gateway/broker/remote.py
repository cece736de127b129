"""A broker whose carrier is outside the process: buffers hints and signals, tracks watched users, and reconnects.

The carriers differ only in their `Line`. A line may break at any time. Until the next one is open, a limited number of
hints is buffered, and signals are dropped, because they would be outdated.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol
from uuid import UUID

import structlog

from gateway.broker.protocol import MOST_SIGNAL_BYTES, Listener

_log = structlog.get_logger(__name__)

MOST_HINTS = 10_000
"""Hints buffered while the carrier is unavailable. The rest is left to the other processes' polls."""
MOST_SIGNALS = 500
"""Signals buffered for a slow carrier."""
RECONNECT_SECONDS = 0.5
# An idle connection may be dead for hours before the operating system notices.
HEARTBEAT_SECONDS = 20.0
CLOSE_SECONDS = 1.0

Signal = tuple[UUID, bytes]


class Line(Protocol):
    """A connection to the carrier. If it is broken, its methods may raise any exception."""

    async def send(self, hints: Collection[UUID], signals: Collection[Signal]) -> None:
        """Send this to the other processes. With nothing to send, check that the connection is alive."""

    async def watch(self, user_ids: Collection[UUID]) -> None:
        """Start receiving hints and signals of these users."""

    async def unwatch(self, user_ids: Collection[UUID]) -> None:
        """Stop receiving hints and signals of these users."""


OpenLine = Callable[["RemoteBroker"], AbstractAsyncContextManager[Line]]
"""Opens a line that calls the broker's `receive_hints`, `receive_signal` and, as soon as it breaks, `broken`."""


class RemoteBroker:
    """Keeps one line open, and sends on it at most once per `gather_seconds`."""

    def __init__(self, open_line: OpenLine, *, gather_seconds: float) -> None:
        self._open_line = open_line
        self._gather_seconds = gather_seconds
        self._hints: set[UUID] = set()
        self._signals: list[Signal] = []
        self._watched: Counter[UUID] = Counter()
        self._unsynced: set[UUID] = set()
        """Users whose watch or unwatch has not been passed to the line yet."""
        self._work = asyncio.Event()
        self._next_send = 0.0
        self._task: asyncio.Task[None] | None = None
        self._connections = 0
        self._connected = False
        self._warned = False
        self._closing = False
        self.hints_sent = self.hints_received = self.signals_sent = self.dropped = self.reconnects = 0

    async def start(self, listener: Listener) -> None:
        """Start connecting in the background."""
        self._listener = listener
        self._task = asyncio.create_task(self._stay_connected())

    def publish(self, user_id: UUID) -> None:
        """Send a hint to the other processes soon."""
        if len(self._hints) < MOST_HINTS or user_id in self._hints:
            self._hints.add(user_id)
            self._work.set()
        else:
            self.dropped += 1

    def signal(self, user_id: UUID, payload: bytes) -> None:
        """Send a signal to the other processes soon, or drop it."""
        if self._connected and len(self._signals) < MOST_SIGNALS and len(payload) <= MOST_SIGNAL_BYTES:
            self._signals.append((user_id, payload))
            self._work.set()
        else:
            self.dropped += 1

    def watch(self, user_id: UUID) -> None:
        """Start receiving hints and signals of this user."""
        self._watched[user_id] += 1
        if self._watched[user_id] == 1:
            self._sync_later(user_id)

    def unwatch(self, user_id: UUID) -> None:
        """Undo one `watch`."""
        self._watched[user_id] -= 1
        if not self._watched[user_id]:
            del self._watched[user_id]
            self._sync_later(user_id)

    async def close(self) -> None:
        """Send buffered hints if that is possible at once, and disconnect."""
        self._closing = True
        self._work.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task])

    def receive_hints(self, user_ids: Iterable[UUID]) -> None:
        """Handle hints from the line."""
        watched = [user_id for user_id in user_ids if user_id in self._watched]
        self.hints_received += len(watched)
        if watched:
            self._listener.hint(watched)

    def missed(self, user_ids: Iterable[UUID]) -> None:
        """Hint these users, because the line did not receive their hints until now."""
        self._listener.hint(user_ids)

    def receive_signal(self, user_id: UUID, payload: bytes) -> None:
        """Handle a signal from the line."""
        if user_id in self._watched:
            self._listener.signal(user_id, payload)

    def broken(self) -> None:
        """Wake the sender, so that it notices the broken line before there is something to send."""
        self._work.set()

    def _sync_later(self, user_id: UUID) -> None:
        self._unsynced.add(user_id)
        self._work.set()

    async def _stay_connected(self) -> None:
        while not self._closing:
            try:
                async with self._open_line(self) as line:
                    await self._serve(line)
            except Exception as error:  # noqa: BLE001 - any error: the next line may work
                self._warn(error)
                await self._pause()
            finally:
                self._disconnects()

    async def _serve(self, line: Line) -> None:
        self._unsynced = set(self._watched)
        await self._sync_watches(line)
        self._connects()
        while not self._closing or self._hints:
            await self._wait_for_work()
            await self._sync_watches(line)
            await self._send(line)

    def _connects(self) -> None:
        if self._warned:
            _log.info("broker.connected_again")
        self._warned = False
        self._connected = True
        self.reconnects += self._connections > 0
        self._connections += 1
        self._listener.gap()

    def _disconnects(self) -> None:
        self._connected = False
        self.dropped += len(self._signals)
        self._signals = []

    async def _wait_for_work(self) -> None:
        """Wait until there is work and the next send is due, or until it is time for a heartbeat."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._work.wait()
        if not self._closing:
            await asyncio.sleep(self._next_send - asyncio.get_running_loop().time())
        self._work.clear()

    async def _sync_watches(self, line: Line) -> None:
        changed, self._unsynced = self._unsynced, set()
        if watched := [user_id for user_id in changed if user_id in self._watched]:
            await line.watch(watched)
        if unwatched := [user_id for user_id in changed if user_id not in self._watched]:
            await line.unwatch(unwatched)

    async def _send(self, line: Line) -> None:
        hints, self._hints = self._hints, set()
        signals, self._signals = self._signals, []
        self._next_send = asyncio.get_running_loop().time() + self._gather_seconds
        try:
            await line.send(hints, signals)
        except BaseException:
            self.dropped += len(signals)
            for user_id in hints:
                self.publish(user_id)
            raise
        self.hints_sent += len(hints)
        self.signals_sent += len(signals)

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            # Messages of such errors contain addresses and possibly secrets.
            _log.warning("broker.disconnected", error=type(error).__name__)
        self._warned = True

    async def _pause(self) -> None:
        if not self._closing:
            await asyncio.sleep(RECONNECT_SECONDS)
