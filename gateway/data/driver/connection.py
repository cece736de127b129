"""A connection of the runtime role: its stamp, and a fast path to the server and back.

This is the only module that uses the driver's internals, by the names in `asyncpg_private.py`. The driver's overhead
for a prepared statement is more than half of the cost of sending it. So `fetch` and `fetchrow` call its protocol
directly, and a new caller's stamp is sent with the first statement instead of before it. Statements that are not
prepared yet take the driver's usual path.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
from asyncpg import protocol

from gateway.data.driver.asyncpg_private import DriverConnection
from gateway.data.driver.meter import Meter
from gateway.data.driver.transport import JoiningTransport

_STAMP = (
    "SELECT WHERE set_config('app.user_id', $1, false) || set_config('app.session_id', $2, false)"
    " || set_config('app.actor', $3, false) IS NULL"
)
"""Returns no row, so that its answer can precede the rows of another statement."""

_HURRY = "SELECT WHERE set_config('lock_timeout', '100ms', true) IS NULL"
"""Applies until the end of the transaction. Returns no row either."""

_EXECUTE = b"E" + struct.pack("!ixi", 9, 0)

_ARRAYS = {"uuid": (2950, 2951), "text": (25, 1009), "bigint": (20, 1016)}
"""Types whose arrays are sent as arguments, with the fixed OIDs of the type and its array."""

_GONE_MS = 5000
"""TCP user timeout. The machine of a busy server still acknowledges data at once; one that does not is gone."""


class StampedConnection(DriverConnection):
    """A connection that knows its stamp."""

    __slots__ = (
        "_sent_when_prepared",
        "asked_at",
        "expires_at",
        "meter",
        "owner",
        "released_at",
        "siblings",
        "stamped_for",
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._loop = asyncio.get_running_loop()  # not the wrapper that the driver used while connecting
        self.stamped_for: tuple[Any, ...] | None = None
        self.asked_at: float | None = None  # when the pending `fetch` or `fetchrow` was sent
        self.released_at = self.expires_at = 0.0
        self.owner: Any = None  # the present owner, as known to the pool
        self._sent_when_prepared = -1
        self.siblings: Iterable[StampedConnection] = (self,)
        # Otherwise the driver would look them up with a statement that costs more than most of ours.
        self._protocol.get_settings().register_data_types([_array(name, *oids) for name, oids in _ARRAYS.items()])
        self.meter = self._transport.meter if isinstance(self._transport, JoiningTransport) else Meter()
        """Counts the bytes that the server sends."""
        line = self._transport.get_extra_info("socket")
        if line.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GONE_MS)

    async def stamp_with(self, stamp: tuple[Any, ...]) -> None:
        """Set the caller of the following statements for row-level security.

        Not allowed inside a transaction, whose rollback would undo the setting. A failure closes the connection.
        """
        if self.stamped_for == stamp:
            return
        self.stamped_for = None
        try:
            await self.fetchrow(_STAMP, *("" if part is None else str(part) for part in stamp))
        except BaseException:
            self.terminate()
            raise
        self.stamped_for = stamp

    async def fetch(  # type: ignore[override]
        self,
        query: str,
        *args: Any,
        record_class: type[asyncpg.Record] | None = None,
        stamp: tuple[Any, ...] | None = None,
    ) -> list[Any]:
        """Like the driver's method. `stamp` sets the caller first if necessary; not allowed inside a transaction."""
        known = self._stmt_cache.get((query, record_class or asyncpg.Record, False))
        rows = await self._send(known, args, 0, stamp)
        return await super().fetch(query, *args, record_class=record_class) if rows is None else rows

    async def fetchrow(  # type: ignore[override]
        self,
        query: str,
        *args: Any,
        record_class: type[asyncpg.Record] | None = None,
        stamp: tuple[Any, ...] | None = None,
    ) -> Any:
        """Like the driver's method. For `stamp`, see `fetch`."""
        known = self._stmt_cache.get((query, record_class or asyncpg.Record, False))
        rows = await self._send(known, args, 1, stamp)
        if rows is None:
            return await super().fetchrow(query, *args, record_class=record_class)
        return rows[0] if rows else None

    async def fetch_each(
        self,
        query: str,
        sets: Sequence[tuple[tuple[Any, ...], Sequence[Any]]],
        *,
        record_class: type[asyncpg.Record] | None = None,
        hurries: bool = False,
    ) -> list[Any]:
        """Run a statement for each stamp and arguments, all sent at once in one transaction, and return the rows.

        One failure rolls all back. With `hurries`, each waits for a lock for 100 ms at most.
        """
        known, stamping, hurrying = [
            self._stmt_cache.get((text, kind or asyncpg.Record, False))
            or await self._get_statement(text, None, record_class=kind)
            for text, kind in ((query, record_class), (_STAMP, None), (_HURRY, None))
        ]
        if not isinstance(self._transport, JoiningTransport):
            raise asyncpg.InterfaceError("This transport cannot send stamps with statements.")
        name = stamping.name.encode()
        stamps = [_sent(name, stamp) for stamp, _ in sets]
        if hurries:
            stamps[0] = _sent(hurrying.name.encode(), ()) + stamps[0]
        self.stamped_for = None
        self.asked_at = self._loop.time()
        self._transport.hold_each(stamps)
        try:
            with self._time_and_log(query, sets, None):
                rows: list[Any] = await self._protocol.bind_execute_many(
                    known, [arguments for _, arguments in sets], "", protocol.NO_TIMEOUT, True
                )
        except BaseException as error:
            await self._may_retry(error)
            raise
        finally:
            self._transport.discard()
            self.asked_at = None
        self.stamped_for = sets[-1][0]
        return rows

    def is_clean(self) -> bool:
        """Whether the connection is clean for its next user: no statement, cancellation or transaction is pending."""
        link = self._protocol
        return not (
            self._aborted
            or self.asked_at is not None
            or self._sent_when_prepared == link.queries_count
            or self._top_xact is not None
            or link._is_cancelling()
            or link.is_in_transaction()
            or not link.is_connected()
        )

    async def clean_up(self) -> None:
        """Wait for pending cancellations, and end any transaction, even one that only the server knows of."""
        if self._aborted:
            return
        await self._protocol._wait_for_cancellation()
        if not self.is_closed():
            if self.is_in_transaction():
                await self.execute("ROLLBACK")
            elif self._sent_when_prepared == self._protocol.queries_count:
                await self.execute("SELECT")  # a ROLLBACK would log a warning on the server
        self._top_xact = None

    async def _get_statement(self, *arguments: Any, **options: Any) -> Any:
        """Prepare a statement like the driver, and remember that it sent no Sync.

        Until something else is sent, the server is then in a transaction, with locks and a running timeout, which the
        driver does not know. The driver counts everything that it sends with a Sync.
        """
        self._sent_when_prepared = self._protocol.queries_count
        return await super()._get_statement(*arguments, **options)  # type: ignore[misc]

    async def _send(
        self, known: Any, args: tuple[Any, ...], limit: int, stamp: tuple[Any, ...] | None
    ) -> list[Any] | None:
        """The rows of a prepared statement. None, with the stamp set, if it must take the driver's path."""
        stamps = False
        if stamp is not None and stamp is not self.stamped_for and stamp != self.stamped_for:
            stamps = known is not None and self._begin_stamp(stamp)
            if not stamps:
                await self.stamp_with(stamp)
        if known is None:
            return None
        link = self._protocol
        # The driver's timer per statement would add a fifth to the cost. The pool checks `asked_at` instead.
        self.asked_at = self._loop.time()
        try:
            if not self._query_loggers:
                rows: list[Any] = await link.bind_execute(known, args, "", limit, False, protocol.NO_TIMEOUT)
            else:
                with self._time_and_log(known.query, args, None):
                    rows = await link.bind_execute(known, args, "", limit, False, protocol.NO_TIMEOUT)
        except BaseException as error:
            if stamps:
                self._transport.discard()  # not sent if the driver rejected the arguments
            if not await self._may_retry(error):
                raise
            if stamp is not None:
                await self.stamp_with(stamp)
            return None
        finally:
            self.asked_at = None
        if stamps:
            self.stamped_for = stamp
        return rows

    def _begin_stamp(self, stamp: tuple[Any, ...]) -> bool:
        """Hold a stamp, to be sent with the next statement. Returns False if that is not possible.

        The server runs both as one transaction, and skips the second if the first fails. If the second fails, the stamp
        is rolled back.
        """
        stamping = self._stmt_cache.get((_STAMP, asyncpg.Record, False))
        if stamping is None or not isinstance(self._transport, JoiningTransport) or not self.is_clean():
            return False
        self.stamped_for = None
        self._transport.hold(_sent(stamping.name.encode(), stamp))
        return True

    async def _may_retry(self, error: BaseException) -> bool:
        """Whether a statement can be retried because it failed only due to a migration after it was prepared."""
        if isinstance(error, asyncpg.OutdatedSchemaCacheError):
            await self.reload_schema_state()
        if not isinstance(error, asyncpg.InvalidCachedStatementError):
            return False
        self._forget_statements()
        return not self.is_in_transaction()

    def _forget_statements(self) -> None:
        """Make all connections prepare their statements anew, because a migration changed a table."""
        for connection in self.siblings:
            connection._stmt_cache.clear()


def _sent(name: bytes, stamp: tuple[Any, ...]) -> bytes:
    """The Bind and Execute messages of a prepared statement, with an unnamed portal and everything in text format."""
    values = _values(stamp)
    return b"B" + struct.pack("!i", 8 + len(name) + len(values)) + b"\0" + name + b"\0\0\0" + values + _EXECUTE


@functools.lru_cache(maxsize=4096)
def _values(stamp: tuple[Any, ...]) -> bytes:
    texts = [b"" if part is None else str(part).encode() for part in stamp]
    return struct.pack("!h", len(texts)) + b"".join(struct.pack("!i", len(text)) + text for text in texts) + b"\0\0"


def _array(name: str, oid: int, array_oid: int) -> dict[str, Any]:
    """An array type in the form of the driver's introspection query."""
    element = {"oid": array_oid, "ns": "pg_catalog", "name": f"_{name}", "elemtype": oid, "elemtype_name": name}
    return element | {"elemdelim": b",", "kind": b"b", "basetype": None, "range_subtype": None, "attrtypoids": None}
