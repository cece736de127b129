"""Connects to the database host that accepts writes.

A URL may name several hosts: `postgresql://app@one:5432,two:5432/parley`. One of them is the primary, and the others
are standbys. The driver supports such URLs, but lets a host that does not answer use up the whole timeout, so a dead
host would block access to its successor. Here each host gets a share of the timeout, and a host that failed moves to
the end of the list.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from gateway.data.driver.failure import LOST
from gateway.database_url import hosts


class Primary:
    """The hosts of a URL, starting with the one that answered last."""

    def __init__(self, url: str) -> None:
        self._hosts = deque(hosts(url))

    async def connect(self, *, timeout: float, **options: Any) -> Any:  # noqa: ASYNC109 - shared among the hosts
        """Connect to the host that accepts writes, within `timeout` seconds. The options are the driver's.

        Raises the error of the last host: `TargetServerAttributeNotMatched` if it is a standby.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        waiting = list(self._hosts)
        while True:
            host = waiting.pop(0)
            left = deadline - asyncio.get_running_loop().time()
            try:
                return await asyncpg.connect(
                    host,
                    timeout=left / (len(waiting) + 1),
                    target_session_attrs=SessionAttribute.read_write,
                    **options,
                )
            except LOST:
                self._pass_over(host)
                if not waiting:
                    raise
            except BaseException:
                # Also if cancelled: the next caller should not wait for the same host.
                self._pass_over(host)
                raise

    def _pass_over(self, host: str) -> None:
        """Start with another host next time, unless a concurrent call already did this."""
        if self._hosts[0] == host:
            self._hosts.rotate(-1)
