"""Opens connections of the runtime role, with the settings that its statements need."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.data.driver.connection import StampedConnection
from gateway.data.driver.primary import Primary
from gateway.data.driver.transport import JoiningLoop

SILENCE_SECONDS = 30.0
"""Longer than the server's statement timeout: a server that has not answered by then is gone."""


async def connected(primary: Primary, within_seconds: float, more: Mapping[str, str] = {}) -> StampedConnection:
    """Open a connection of the runtime role, with `more` server settings."""
    connection: StampedConnection = await primary.connect(
        timeout=within_seconds,
        loop=JoiningLoop(asyncio.get_running_loop()),
        connection_class=StampedConnection,
        statement_cache_size=500,
        # No limit: the server replans by itself when tables or their statistics change.
        max_cached_statement_lifetime=0,
        command_timeout=SILENCE_SECONDS,
        server_settings={
            "application_name": "parley",
            "search_path": "parley",
            "statement_timeout": "10s",
            "lock_timeout": "5s",
            # Times that are only shown are selected as text, and `gateway.execution.run.leaf` relies on this format.
            "timezone": "UTC",
            "datestyle": "ISO",
            "idle_in_transaction_session_timeout": "30s",
            # Statements are short and use indexes. The defaults, for spinning disks and long reports, would favour
            # sequential scans and JIT compilation.
            "random_page_cost": "1.1",
            "jit": "off",
            # The parts of a page, and the lists of several parents, must come one after the other.
            "max_parallel_workers_per_gather": "0",
            **more,
        },
    )
    return connection
