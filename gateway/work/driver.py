"""PgQueuer's statements on Parley's connections, and the notifications that wake its loop."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog
from pgqueuer.core.tm import TaskManager
from pgqueuer.domain.models import TableChangedEvent
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver, NotifyCallback

from gateway.data.driver.connection import StampedConnection
from gateway.data.driver.failure import ERRORS, translated_errors
from gateway.data.driver.primary import Primary
from gateway.data.pool import Pool
from gateway.errors import Overloaded, Unavailable

_log = structlog.get_logger(__name__)

CHANNEL = Channel("parley_work")
SEES_THE_QUEUE = {"app.work": "on"}
"""Server settings of connections that may use the queue. Its tables are empty to all others."""

RETRY_SECONDS = 0.5
CONNECT_SECONDS = 5.0


class QueueDriver(Driver):
    """Runs statements on a pool whose connections have `SEES_THE_QUEUE`.

    If the database is away, they wait for it: a job must not fail because its end could not be recorded. Repeating them
    is safe. A claim that was committed unnoticed is found again when its lease is over.
    """

    def __init__(self, pool: Pool, stopping: asyncio.Event | None = None) -> None:
        """Statements wait for the database until `stopping` is set; without it, they do not wait."""
        self._pool = pool
        self._stopping = stopping
        self._callbacks: list[NotifyCallback] = []
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """The rows of a statement, as the library wants them."""
        return [dict(row) for row in await self._run(lambda connection: connection.fetch(query, *args))]

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement. Returns nothing, because the library does not read its status."""
        await self._run(lambda connection: connection.fetch(query, *args))
        return ""

    async def notify(self, channel: str, payload: str) -> None:
        """Send a notification, in a transaction of its own."""
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def wake_all(self) -> None:
        """Make the loops of all processes look at the queue. The library does this only when a job is added."""
        await self.notify(CHANNEL, _look())

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Pass on what `keep_listening` hears."""
        self._callbacks.append(callback)

    @property
    def shutdown(self) -> asyncio.Event:
        """Unused: the loop is stopped through its manager."""
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        """Unused: the driver has no tasks of its own."""
        return self._tasks

    async def __aenter__(self) -> QueueDriver:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Do nothing: whoever opened the pool closes it."""

    async def _run(self, statement: Callable[[StampedConnection], Any]) -> Any:
        while True:
            try:
                async with self._pool.connection() as connection:
                    with translated_errors(connection):
                        return await statement(connection)
            except (Unavailable, Overloaded):
                if self._stopping is None or self._stopping.is_set():
                    raise
                await asyncio.sleep(RETRY_SECONDS)

    def forget_listeners(self) -> None:
        """Forget the listeners of a loop that has ended."""
        self._callbacks.clear()

    async def keep_listening(self, url: str) -> None:
        """Listen on a connection of its own, and open it again whenever it is lost. Runs until it is cancelled."""
        primary = Primary(url)
        while True:
            try:
                await self._listen(primary)
            except ERRORS as error:
                _log.warning("work.not_listening", error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, primary: Primary) -> None:
        connection: asyncpg.Connection = await primary.connect(
            timeout=CONNECT_SECONDS, server_settings={"application_name": "parley-work"}
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self._heard)
            self._look()
            await lost.wait()
        finally:
            connection.terminate()

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        for callback in self._callbacks:
            callback(payload)

    def _look(self) -> None:
        """Make the loop look at the queue, because notifications may have been missed."""
        self._heard(None, 0, CHANNEL, _look())


def _look() -> str:
    """The notification that makes a loop look at the queue."""
    event = TableChangedEvent(
        channel=CHANNEL,
        sent_at=datetime.datetime.now(datetime.UTC),
        type="table_changed_event",
        operation="insert",
        table="pgqueuer",
    )
    return event.model_dump_json()
