"""When the database fails, which is not when it refuses: the connection is lost, or there is no time or room.

Neither is the caller's mistake nor a bug of ours. The caller is told that the same request may be sent again, and
whether what it was to write may have been written already.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import structlog

from gateway.errors import Overloaded, ParleyError, Unavailable

_log = structlog.get_logger(__name__)

ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Everything that asking the database can raise; a `TimeoutError` is an `OSError`."""

_LOST = (
    OSError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # After a failover, what was the primary may take no more writes.
    asyncpg.ReadOnlySQLTransactionError,
)

_NO_TIME_OR_ROOM = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    # What comes after any of these in the same transaction.
    asyncpg.InFailedSQLTransactionError,
    # A migration has changed a table under a transaction that had used it before.
    asyncpg.InvalidCachedStatementError,
)


@contextmanager
def told_clearly(connection: asyncpg.Connection | None = None, *, commits: bool = False) -> Iterator[None]:
    """Raise `Unavailable` or `Overloaded` where the database fails in this block. What it refuses passes as it is.

    `commits` says that what is sent takes effect by itself, so that a lost connection leaves its outcome unknown.
    """
    try:
        yield
    except ERRORS as error:
        failure = _failure(error, connection, commits)
        if failure is None:
            raise
        _log.warning("database.failed", error=type(error).__name__, sqlstate=getattr(error, "sqlstate", None))
        raise failure from error


def is_lost(connection: asyncpg.Connection) -> bool:
    """Whether nothing can be sent on the connection any more."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True  # so lost that the pool has taken it back already


def _failure(error: Exception, connection: asyncpg.Connection | None, commits: bool) -> ParleyError | None:
    if isinstance(error, _NO_TIME_OR_ROOM):
        return Overloaded("The database is too busy for this. Send it again in a moment.", retryAfter=1)
    if isinstance(error, asyncpg.InterfaceError):
        # The driver's word for a mistake of ours, and for the use of a connection that is gone.
        if connection is not None and not is_lost(connection):
            return None
    elif not isinstance(error, _LOST):
        return None
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError) and connection is not None:
        connection.terminate()
    elif commits:
        return Unavailable(
            "The database went away in the middle. This may or may not have been done: send it again with the same id.",
            retryAfter=1,
            outcome="unknown",
        )
    return Unavailable("The database does not answer at the moment. Send this again soon.", retryAfter=1)
