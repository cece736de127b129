"""When the database fails, which is not when it refuses: the connection is lost, or there is no time or room.

Neither is the caller's mistake nor a bug of ours. The caller is told that the same request may be sent again, and
whether what it was to write may have been written already.
"""

from __future__ import annotations

import asyncpg
import structlog

from gateway.errors import Overloaded, ParleyError, Unavailable

_log = structlog.get_logger(__name__)

ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Everything that asking the database can raise; a `TimeoutError` is an `OSError`."""

LOST = (
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
"""What is raised when there is no server, or not one that serves us."""

_USELESS = (
    asyncpg.ReadOnlySQLTransactionError,
    # The driver has lost count of what was asked and answered, as when the server goes away between two statements.
    asyncpg.InternalClientError,
)
"""What leaves a connection open on which nothing more is to be had."""

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


class translated_errors:  # noqa: N801 - it is used as a function is
    """Raise `Unavailable` or `Overloaded` where the database fails in this block. What it refuses passes as it is.

    `commits` says that what is sent takes effect by itself, so that a lost connection leaves its outcome unknown.
    """

    __slots__ = ("_commits", "_connection")

    def __init__(self, connection: asyncpg.Connection | None = None, *, commits: bool = False) -> None:
        self._connection = connection
        self._commits = commits

    def __enter__(self) -> None: ...

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, ERRORS):
            failure = failed(error, self._connection, commits=self._commits)
            if failure is not None:
                raise failure from error


def failed(error: Exception, connection: asyncpg.Connection | None, *, commits: bool = False) -> ParleyError | None:
    """What `translated_errors` raises for a database error, or None if it is not a failure."""
    failure = _failure(error, connection, commits)
    if failure is not None:
        _log.warning("database.failed", error=type(error).__name__, sqlstate=getattr(error, "sqlstate", None))
    return failure


def is_lost(connection: asyncpg.Connection) -> bool:
    """Whether nothing can be sent on the connection any more."""
    return bool(connection.is_closed())


def _failure(error: Exception, connection: asyncpg.Connection | None, commits: bool) -> ParleyError | None:
    if isinstance(error, _NO_TIME_OR_ROOM):
        return Overloaded("The database is too busy. Try again in a moment.", retryAfter=1)
    if isinstance(error, asyncpg.InterfaceError):
        # The driver's word for a mistake of ours, and for the use of a connection that is gone.
        if connection is not None and not is_lost(connection):
            return None
    elif not isinstance(error, LOST):
        return None
    if isinstance(error, _USELESS) and connection is not None:
        connection.terminate()
    if commits and not isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return Unavailable(
            "The database connection was lost. The operation may have been done: send it again with the same id.",
            retryAfter=1,
            outcome="unknown",
        )
    return Unavailable("The database is unavailable. Try again soon.", retryAfter=1)
