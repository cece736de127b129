"""A broker whose carrier is outside the process: what waits to be sent, who is watched, the line that comes and goes.

The kinds of carrier differ in how a `Line` is opened, and in nothing else. A line may break at any time. Until the next
one is open, hints are gathered, so many at most, and signals are given up: late, they would tell of what is past.
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
"""Users to hint at once the carrier is back. For more, the other processes' slow clocks must do."""
MOST_SIGNALS = 500
"""Signals that wait for a slow carrier."""
RECONNECT_SECONDS = 0.5
# A connection that nobody speaks on may be dead for hours before the system says so.
HEARTBEAT_SECONDS = 20.0
LAST_WORD_SECONDS = 1.0

Signal = tuple[UUID, bytes]


class Line(Protocol):
    """A connection to the carrier. Its methods raise whatever they raise when it is broken."""

    async def send(self, hints: Collection[UUID], signals: Collection[Signal]) -> None:
        """Send this to the other processes; with nothing to send, find out whether the connection still stands."""

    async def watch(self, user_ids: Collection[UUID]) -> None:
        """Hear of these users."""

    async def unwatch(self, user_ids: Collection[UUID]) -> None:
        """Hear of these users no longer."""


OpenLine = Callable[["RemoteBroker"], AbstractAsyncContextManager[Line]]
"""Opens a line that tells this broker what it `heard`, and that it is `broken` as soon as it knows."""


class RemoteBroker:
    """Keeps one line open, and speaks on it at most once in `gather_seconds`."""

    def __init__(self, open_line: OpenLine, *, gather_seconds: float) -> None:
        self._open_line = open_line
        self._gather_seconds = gather_seconds
        self._hints: set[UUID] = set()
        self._signals: list[Signal] = []
        self._watched: Counter[UUID] = Counter()
        self._to_tell: set[UUID] = set()
        """Users of whom the line does not know yet whether they are watched."""
        self._work = asyncio.Event()
        self._next_send = 0.0
        self._task: asyncio.Task[None] | None = None
        self._connections = 0
        self._connected = False
        self._warned = False
        self._closing = False
        self.hints_sent = self.hints_received = self.signals_sent = self.dropped = self.reconnects = 0

    async def start(self, listener: Listener) -> None:
        """Begin to connect."""
        self._listener = listener
        self._task = asyncio.create_task(self._stay_connected())

    def publish(self, user_id: UUID) -> None:
        """Hint to the other processes, soon."""
        if len(self._hints) < MOST_HINTS or user_id in self._hints:
            self._hints.add(user_id)
            self._work.set()
        else:
            self.dropped += 1

    def signal(self, user_id: UUID, payload: bytes) -> None:
        """Send this to the other processes, soon or not at all."""
        if self._connected and len(self._signals) < MOST_SIGNALS and len(payload) <= MOST_SIGNAL_BYTES:
            self._signals.append((user_id, payload))
            self._work.set()
        else:
            self.dropped += 1

    def watch(self, user_id: UUID) -> None:
        """Hear of this user."""
        self._watched[user_id] += 1
        if self._watched[user_id] == 1:
            self._tell_of(user_id)

    def unwatch(self, user_id: UUID) -> None:
        """Take one `watch` back."""
        self._watched[user_id] -= 1
        if not self._watched[user_id]:
            del self._watched[user_id]
            self._tell_of(user_id)

    async def close(self) -> None:
        """Send what is waiting if that is possible at once, and disconnect."""
        self._closing = True
        self._work.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=LAST_WORD_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task])

    def heard(self, user_ids: Iterable[UUID]) -> None:
        """The line brought hints."""
        watched = [user_id for user_id in user_ids if user_id in self._watched]
        self.hints_received += len(watched)
        if watched:
            self._listener.hint(watched)

    def missed(self, user_ids: Iterable[UUID]) -> None:
        """The line could not hear of these users until now."""
        self._listener.hint(user_ids)

    def heard_signal(self, user_id: UUID, payload: bytes) -> None:
        """The line brought a signal."""
        if user_id in self._watched:
            self._listener.signal(user_id, payload)

    def broken(self) -> None:
        """The line is no more: notice it now, and not when there is something to send."""
        self._work.set()

    def _tell_of(self, user_id: UUID) -> None:
        self._to_tell.add(user_id)
        self._work.set()

    async def _stay_connected(self) -> None:
        while not self._closing:
            try:
                async with self._open_line(self) as line:
                    await self._speak(line)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next line may do better
                self._warn(error)
                await self._pause()
            finally:
                self._disconnects()

    async def _speak(self, line: Line) -> None:
        self._to_tell = set(self._watched)
        await self._tell(line)
        self._connects()
        while not self._closing or self._hints:
            await self._something_to_do()
            await self._tell(line)
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

    async def _something_to_do(self) -> None:
        """Wait for work, and until it may be done; or until it is time for a heartbeat."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._work.wait()
        if not self._closing:
            await asyncio.sleep(self._next_send - asyncio.get_running_loop().time())
        self._work.clear()

    async def _tell(self, line: Line) -> None:
        to_tell, self._to_tell = self._to_tell, set()
        if came := [user_id for user_id in to_tell if user_id in self._watched]:
            await line.watch(came)
        if left := [user_id for user_id in to_tell if user_id not in self._watched]:
            await line.unwatch(left)

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
            # The texts of such errors hold addresses, and may hold more.
            _log.warning("broker.disconnected", error=type(error).__name__)
        self._warned = True

    async def _pause(self) -> None:
        if not self._closing:
            await asyncio.sleep(RECONNECT_SECONDS)
