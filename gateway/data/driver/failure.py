"""Failures of the database: a lost connection, a timeout, or a lack of resources. Rejected statements are not failures.

A failure is neither the caller's mistake nor a bug in Parley. The error tells the caller that the request may be
retried, and whether a write may have been committed already.
"""

from __future__ import annotations

import asyncpg
import structlog

from gateway.errors import Overloaded, ParleyError, Unavailable

_log = structlog.get_logger(__name__)

ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Everything that a database call can raise. A `TimeoutError` is an `OSError`."""

LOST = (
    OSError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # After a failover, the former primary may accept no more writes.
    asyncpg.ReadOnlySQLTransactionError,
)
"""Raised if there is no server, or it does not serve us."""

_USELESS = (
    asyncpg.ReadOnlySQLTransactionError,
    # The driver can no longer match answers to requests, for example if the server goes away between two statements.
    asyncpg.InternalClientError,
)
"""Errors after which an open connection is unusable."""

_NO_TIME_OR_ROOM = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    # Raised after any of these in the same transaction.
    asyncpg.InFailedSQLTransactionError,
    # A migration changed a table that the transaction had used before.
    asyncpg.InvalidCachedStatementError,
)


class translated_errors:  # noqa: N801 - it is used like a function
    """Raise `Unavailable` or `Overloaded` for database failures in the block. Other database errors pass unchanged.

    `commits` says that the statement commits by itself, so that its outcome is unknown if the connection is lost.
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
    """Whether the connection is closed."""
    return bool(connection.is_closed())


def _failure(error: Exception, connection: asyncpg.Connection | None, commits: bool) -> ParleyError | None:
    if isinstance(error, _NO_TIME_OR_ROOM):
        return Overloaded("The database is too busy. Try again in a moment.", retryAfter=1)
    if isinstance(error, asyncpg.InterfaceError):
        # The driver raises it both for wrong use and for the use of a lost connection.
        if connection is not None and not is_lost(connection):
            return None
    elif not isinstance(error, LOST):
        return None
    if isinstance(error, _USELESS) and connection is not None:
        connection.terminate()
    if commits and not isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return Unavailable(
            "The database connection was lost. The operation may have been done. Send it again with the same id.",
            retryAfter=1,
            outcome="unknown",
        )
    return Unavailable("The database is unavailable. Try again soon.", retryAfter=1)
