"""The private names of asyncpg that Parley uses. No others may be used anywhere.

`StampedConnection` uses these names on itself, and calls the protocol's directly, because a wrapper would cost a call
per statement. `test_private_names.py` fails by name when one disappears.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

PRIVATE = (
    "asyncpg.Connection._aborted",
    "asyncpg.Connection._get_statement",
    "asyncpg.Connection._loop",
    "asyncpg.Connection._protocol",
    "asyncpg.Connection._query_loggers",
    "asyncpg.Connection._stmt_cache",
    "asyncpg.Connection._time_and_log",
    "asyncpg.Connection._top_xact",
    "asyncpg.Connection._transport",
    "asyncpg.protocol.Protocol._is_cancelling",
    "asyncpg.protocol.Protocol._wait_for_cancellation",
)

UNDOCUMENTED = (
    "asyncpg.protocol.NO_TIMEOUT",
    "asyncpg.protocol.Protocol.bind_execute",
    "asyncpg.protocol.Protocol.bind_execute_many",
    "asyncpg.protocol.Protocol.get_settings",
    "asyncpg.protocol.Protocol.is_connected",
    "asyncpg.protocol.Protocol.is_in_transaction",
    "asyncpg.protocol.Protocol.queries_count",
)
"""Names without an underscore that are not documented either."""


class DriverConnection(asyncpg.Connection):
    """The driver's connection, with types for attributes that it does not declare."""

    __slots__ = ()

    _aborted: bool
    _loop: asyncio.AbstractEventLoop
    _protocol: Any
    _query_loggers: set[Any]
    _stmt_cache: Any
    _time_and_log: Any
    _top_xact: Any
    _transport: Any
