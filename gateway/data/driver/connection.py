"""A connection of the runtime role: whom it is stamped for, and the shortest way to the server and back.

This is the only module that reaches into the driver, by the names in `asyncpg_private.py`. What the driver does around
sending a statement that it knows costs more than half as much as the sending, so `fetch` and `fetchrow` go straight to
its protocol, and a new caller's stamp goes with the first statement instead of before it. A statement that is not known
yet goes the driver's usual way.
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
"""Gives no row, so that its answer can stand before the rows of another statement."""

_HURRY = "SELECT WHERE set_config('lock_timeout', '100ms', true) IS NULL"
"""To the end of the transaction. Gives no row either."""

_EXECUTE = b"E" + struct.pack("!ixi", 9, 0)

_ARRAYS = {"uuid": (2950, 2951), "text": (25, 1009), "bigint": (20, 1016)}
"""The types whose arrays we send: PostgreSQL has given them and their arrays these numbers for good."""

_GONE_MS = 5000
"""How long the server's machine may leave unconfirmed what it was sent. The machine of a busy server confirms at once,
so one that does not has gone."""


class StampedConnection(DriverConnection):
    """A connection that knows whom it is stamped for."""

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
        self._loop = asyncio.get_running_loop()  # not what stood for it while the driver connected
        self.stamped_for: tuple[Any, ...] | None = None
        self.asked_at: float | None = None  # since when `fetch` or `fetchrow` waits for an answer
        self.released_at = self.expires_at = 0.0
        self.owner: Any = None  # who has it, as the pool knows them
        self._sent_when_prepared = -1
        self.siblings: Iterable[StampedConnection] = (self,)
        # The driver would look them up, with a statement that costs more than most of ours.
        self._protocol.get_settings().register_data_types([_array(name, *oids) for name, oids in _ARRAYS.items()])
        self.meter = self._transport.meter if isinstance(self._transport, JoiningTransport) else Meter()
        """Counts what the server sends."""
        line = self._transport.get_extra_info("socket")
        if line.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GONE_MS)

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
        known = self._stmt_cache.get((query, record_class or asyncpg.Record, False))
        found = await self._send(known, args, 0, stamp)
        return await super().fetch(query, *args, record_class=record_class) if found is None else found

    async def fetchrow(  # type: ignore[override]
        self,
        query: str,
        *args: Any,
        record_class: type[asyncpg.Record] | None = None,
        stamp: tuple[Any, ...] | None = None,
    ) -> Any:
        """As the driver does; with a stamp, as `fetch` does."""
        known = self._stmt_cache.get((query, record_class or asyncpg.Record, False))
        found = await self._send(known, args, 1, stamp)
        if found is None:
            return await super().fetchrow(query, *args, record_class=record_class)
        return found[0] if found else None

    async def fetch_each(
        self,
        query: str,
        sets: Sequence[tuple[tuple[Any, ...], Sequence[Any]]],
        *,
        record_class: type[asyncpg.Record] | None = None,
        hurries: bool = False,
    ) -> list[Any]:
        """The rows of a statement for each caller's stamp and arguments in turn: one transaction, all sent at once.

        One that fails takes all back. Each waits for a lock for a moment only if it `hurries`.
        """
        known, stamping, hurrying = [
            self._stmt_cache.get((text, kind or asyncpg.Record, False))
            or await self._get_statement(text, None, record_class=kind)
            for text, kind in ((query, record_class), (_STAMP, None), (_HURRY, None))
        ]
        if not isinstance(self._transport, JoiningTransport):
            raise asyncpg.InterfaceError("Nothing can be sent along on this transport.")
        name = stamping.name.encode()
        stamps = [_sent(name, stamp) for stamp, _ in sets]
        if hurries:
            stamps[0] = _sent(hurrying.name.encode(), ()) + stamps[0]
        self.stamped_for = None
        self.asked_at = self._loop.time()
        self._transport.hold_each(stamps)
        try:
            with self._time_and_log(query, sets, None):
                found: list[Any] = await self._protocol.bind_execute_many(
                    known, [arguments for _, arguments in sets], "", protocol.NO_TIMEOUT, True
                )
        except BaseException as error:
            await self._may_go_again(error)
            raise
        finally:
            self._transport.let_go()
            self.asked_at = None
        self.stamped_for = sets[-1][0]
        return found

    def at_rest(self) -> bool:
        """Whether the next to use it finds nothing of the last: no statement, no cancelling, no transaction."""
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
        """Wait until what was cancelled has ended, and end any transaction, also one that only the server knows of."""
        if self._aborted:
            return
        await self._protocol._wait_for_cancellation()
        if not self.is_closed():
            if self.is_in_transaction():
                await self.execute("ROLLBACK")
            elif self._sent_when_prepared == self._protocol.queries_count:
                await self.execute("SELECT")  # a ROLLBACK would do as well, but for a warning in the server's log
        self._top_xact = None

    async def _get_statement(self, *arguments: Any, **options: Any) -> Any:
        """Prepare a statement as the driver does, which sends no Sync: the server then is in a transaction, with locks
        and its time running, until something else is sent, and that the driver does not know.

        All that it sends with a Sync, it counts.
        """
        self._sent_when_prepared = self._protocol.queries_count
        return await super()._get_statement(*arguments, **options)  # type: ignore[misc]

    async def _send(
        self, known: Any, args: tuple[Any, ...], limit: int, stamp: tuple[Any, ...] | None
    ) -> list[Any] | None:
        """The rows of a statement that is known. None, with the stamp on, if it has to go the driver's way."""
        stamps = False
        if stamp is not None and stamp is not self.stamped_for and stamp != self.stamped_for:
            stamps = known is not None and self._begin_stamp(stamp)
            if not stamps:
                await self.stamp_with(stamp)
        if known is None:
            return None
        link = self._protocol
        # The driver's timer for each statement would add a fifth to all of this. The pool looks at `asked_at` instead.
        self.asked_at = self._loop.time()
        try:
            if not self._query_loggers:
                found: list[Any] = await link.bind_execute(known, args, "", limit, False, protocol.NO_TIMEOUT)
            else:
                with self._time_and_log(known.query, args, None):
                    found = await link.bind_execute(known, args, "", limit, False, protocol.NO_TIMEOUT)
        except BaseException as error:
            if stamps:
                self._transport.let_go()  # it has not gone if the driver has refused the arguments
            if not await self._may_go_again(error):
                raise
            if stamp is not None:
                await self.stamp_with(stamp)
            return None
        finally:
            self.asked_at = None
        if stamps:
            self.stamped_for = stamp
        return found

    def _begin_stamp(self, stamp: tuple[Any, ...]) -> bool:
        """Have a stamp sent with the statement that follows; False if it cannot go so.

        The server takes them as one transaction and leaves the second out if the first fails. If the second fails, the
        stamp is taken back with it.
        """
        stamping = self._stmt_cache.get((_STAMP, asyncpg.Record, False))
        if stamping is None or not isinstance(self._transport, JoiningTransport) or not self.at_rest():
            return False
        self.stamped_for = None
        self._transport.hold(_sent(stamping.name.encode(), stamp))
        return True

    async def _may_go_again(self, error: BaseException) -> bool:
        """Whether a statement has failed only because a migration has changed what it was prepared for."""
        if isinstance(error, asyncpg.OutdatedSchemaCacheError):
            await self.reload_schema_state()
        if not isinstance(error, asyncpg.InvalidCachedStatementError):
            return False
        self._forget_statements()
        return not self.is_in_transaction()

    def _forget_statements(self) -> None:
        """Let all connections prepare anew: a migration has changed a table."""
        for connection in self.siblings:
            connection._stmt_cache.clear()


def _sent(name: bytes, stamp: tuple[Any, ...]) -> bytes:
    """The messages that fill in and run a prepared statement: its portal has no name, what goes and comes is text."""
    values = _values(stamp)
    return b"B" + struct.pack("!i", 8 + len(name) + len(values)) + b"\0" + name + b"\0\0\0" + values + _EXECUTE


@functools.lru_cache(maxsize=4096)
def _values(stamp: tuple[Any, ...]) -> bytes:
    texts = [b"" if part is None else str(part).encode() for part in stamp]
    return struct.pack("!h", len(texts)) + b"".join(struct.pack("!i", len(text)) + text for text in texts) + b"\0\0"


def _array(name: str, oid: int, array_oid: int) -> dict[str, Any]:
    """A type of arrays as the driver's look-up describes it."""
    element = {"oid": array_oid, "ns": "pg_catalog", "name": f"_{name}", "elemtype": oid, "elemtype_name": name}
    return element | {"elemdelim": b",", "kind": b"b", "basetype": None, "range_subtype": None, "attrtypoids": None}
