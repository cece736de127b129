"""Connections of the runtime role, with the settings that its statements need."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.data.driver.connection import StampedConnection
from gateway.data.driver.primary import Primary
from gateway.data.driver.transport import JoiningLoop

SILENCE_SECONDS = 30.0
"""More than the server gives a statement: one that has not answered by then is not there any more."""


async def connected(primary: Primary, within_seconds: float, more: Mapping[str, str] = {}) -> StampedConnection:
    """A connection as the runtime role needs it, with `more` settings of the server."""
    connection: StampedConnection = await primary.connect(
        timeout=within_seconds,
        loop=JoiningLoop(asyncio.get_running_loop()),
        connection_class=StampedConnection,
        statement_cache_size=500,
        # As long as the connection: the server plans anew by itself when tables or their statistics change.
        max_cached_statement_lifetime=0,
        command_timeout=SILENCE_SECONDS,
        server_settings={
            "application_name": "parley",
            "search_path": "parley",
            "statement_timeout": "10s",
            "lock_timeout": "5s",
            # Times that are only shown are selected as text, and `gateway.execution.run.leaf` knows this form of it.
            "timezone": "UTC",
            "datestyle": "ISO",
            "idle_in_transaction_session_timeout": "30s",
            # The statements are short and find their rows by an index: what suits spinning disks and long reports
            # would have them scan and compile instead.
            "random_page_cost": "1.1",
            "jit": "off",
            **more,
        },
    )
    return connection
