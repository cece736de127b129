"""A connection of the runtime role: whom it is stamped for, and the shortest way to the server and back.

This is the only module that reaches into the driver. What the driver does around sending a statement that it knows
costs more than half as much as the sending, so `fetch` and `fetchrow` go straight to its protocol, and a new caller's
stamp goes with the first statement instead of before it. A statement that is not known yet goes the driver's usual way.
"""

from __future__ import annotations

import asyncio
import functools
import struct
from collections.abc import Iterable
from typing import Any

import asyncpg
from asyncpg import protocol

_STAMP = (
    "SELECT WHERE set_config('app.user_id', $1, false) || set_config('app.session_id', $2, false)"
    " || set_config('app.actor', $3, false) IS NULL"
)
"""Gives no row, so that its answer can stand before the rows of another statement."""

_EXECUTE = b"E" + struct.pack("!ixi", 9, 0)

_ARRAYS = {"uuid": (2950, 2951), "text": (25, 1009), "bigint": (20, 1016)}
"""The types whose arrays we send: PostgreSQL has given them and their arrays these numbers for good."""


class StampedConnection(asyncpg.Connection):
    """A connection that knows whom it is stamped for."""

    __slots__ = ("asked_at", "expires_at", "released_at", "siblings", "stamped_for", "taken")

    # Of the driver, which does not declare them.
    _aborted: bool
    _loop: asyncio.AbstractEventLoop
    _protocol: Any
    _query_loggers: set[Any]
    _stmt_cache: Any
    _time_and_log: Any
    _top_xact: Any
    _transport: asyncio.Transport

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.stamped_for: tuple[Any, ...] | None = None
        self.asked_at: float | None = None  # since when `fetch` or `fetchrow` waits for an answer
        self.released_at = self.expires_at = 0.0
        self.taken = False
        self.siblings: Iterable[StampedConnection] = (self,)
        # The driver would look them up, with a statement that costs more than most of ours.
        self._protocol.get_settings().register_data_types([_array(name, *oids) for name, oids in _ARRAYS.items()])

    async def stamp_with(self, stamp: tuple[Any, ...]) -> None:
        """Make the caller of the following statements known to row-level security.

        Never inside a transaction, whose rollback would take the setting back. A failure closes the connection.
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
        """As the driver does. With a stamp, as this caller: it is sent along if need be. Never so in a transaction."""
        found = await self._fetch_known(query, args, 0, record_class, stamp)
        return await super().fetch(query, *args, record_class=record_class) if found is None else found

    async def fetchrow(  # type: ignore[override]
        self,
        query: str,
        *args: Any,
        record_class: type[asyncpg.Record] | None = None,
        stamp: tuple[Any, ...] | None = None,
    ) -> Any:
        """As the driver does; with a stamp, as `fetch` does."""
        found = await self._fetch_known(query, args, 1, record_class, stamp)
        if found is None:
            return await super().fetchrow(query, *args, record_class=record_class)
        return found[0] if found else None

    async def _fetch_known(
        self,
        query: str,
        args: tuple[Any, ...],
        limit: int,
        record_class: type[asyncpg.Record] | None,
        stamp: tuple[Any, ...] | None,
    ) -> list[Any] | None:
        """The rows of a statement that is known. None, with the stamp on, if it has to go the driver's way."""
        known = self._stmt_cache.get((query, record_class or asyncpg.Record, False))
        if known is not None:
            try:
                return await self._send(known, args, limit, stamp)
            except asyncpg.InvalidCachedStatementError:
                self._forget_statements()
                if self.is_in_transaction():
                    raise
        if stamp is not None:
            await self.stamp_with(stamp)
        return None

    def at_rest(self) -> bool:
        """Whether the next to use it finds nothing of the last: no statement, no cancelling, no transaction."""
        link = self._protocol
        return not (
            self._aborted
            or self.asked_at is not None
            or self._top_xact is not None
            or link._is_cancelling()
            or link.is_in_transaction()
            or not link.is_connected()
        )

    async def clean_up(self) -> None:
        """Wait until what was cancelled has ended, and roll back what is open."""
        await self._protocol._wait_for_cancellation()
        if not self.is_closed() and self.is_in_transaction():
            await self.execute("ROLLBACK")
        self._top_xact = None

    async def _send(
        self, known: Any, args: tuple[Any, ...], limit: int, stamp: tuple[Any, ...] | None = None
    ) -> list[Any]:
        if stamp is not None and stamp != self.stamped_for:
            return await self._send_stamped(known, args, limit, stamp)
        # The driver's timer for each statement would add a fifth to all of this. The pool looks at `asked_at` instead.
        self.asked_at = self._loop.time()
        found: list[Any]
        try:
            if not self._query_loggers:
                found = await self._protocol.bind_execute(known, args, "", limit, False, protocol.NO_TIMEOUT)
            else:
                with self._time_and_log(known.query, args, None):
                    found = await self._protocol.bind_execute(known, args, "", limit, False, protocol.NO_TIMEOUT)
        except asyncpg.OutdatedSchemaCacheError:
            await self.reload_schema_state()
            raise
        finally:
            self.asked_at = None
        return found

    async def _send_stamped(self, known: Any, args: tuple[Any, ...], limit: int, stamp: tuple[Any, ...]) -> list[Any]:
        """Send a stamp and a statement in one go.

        The server takes them as one transaction and leaves the second out if the first fails. If the second fails, the
        stamp is taken back with it.
        """
        stamping = self._stmt_cache.get((_STAMP, asyncpg.Record, False))
        if stamping is None or not self.at_rest():
            await self.stamp_with(stamp)
            return await self._send(known, args, limit)
        self.stamped_for = None
        link, sent = self._protocol, self._protocol.queries_count
        self._transport.write(_bind(stamping.name.encode(), stamp) + _EXECUTE)
        try:
            found = await self._send(known, args, limit)
        except BaseException:
            if link.queries_count == sent:
                self.terminate()  # the driver has refused the arguments: nothing has gone that ends what we began
            raise
        self.stamped_for = stamp
        return found

    def _forget_statements(self) -> None:
        """Let all connections prepare anew: a migration has changed a table."""
        for connection in self.siblings:
            connection._stmt_cache.clear()


def _bind(name: bytes, stamp: tuple[Any, ...]) -> bytes:
    """The message that fills in a prepared statement: its portal has no name, parameters and results are texts."""
    values = _values(stamp)
    return b"B" + struct.pack("!i", 8 + len(name) + len(values)) + b"\0" + name + b"\0\0\0" + values


@functools.lru_cache(maxsize=4096)
def _values(stamp: tuple[Any, ...]) -> bytes:
    texts = [b"" if part is None else str(part).encode() for part in stamp]
    return struct.pack("!h", len(texts)) + b"".join(struct.pack("!i", len(text)) + text for text in texts) + b"\0\0"


def _array(name: str, oid: int, array_oid: int) -> dict[str, Any]:
    """A type of arrays as the driver's look-up describes it."""
    element = {"oid": array_oid, "ns": "pg_catalog", "name": f"_{name}", "elemtype": oid, "elemtype_name": name}
    return element | {"elemdelim": b",", "kind": b"b", "basetype": None, "range_subtype": None, "attrtypoids": None}
