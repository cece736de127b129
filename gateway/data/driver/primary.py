"""Connects to whichever of the database's hosts takes writes.

A URL may name several hosts: `postgresql://app@one:5432,two:5432/parley`. One of them is the primary, and the others
stand by to take over from it. The driver knows such URLs, but gives a host that does not answer all of the time that
there is, so a machine that has gone would keep everybody from the one that took over. Here each host has its share of
the time, and one that failed goes to the end of the line.
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
    """The hosts of a URL, the one that answered last first."""

    def __init__(self, url: str) -> None:
        self._hosts = deque(hosts(url))

    async def connect(self, *, timeout: float, **options: Any) -> Any:  # noqa: ASYNC109 - shared among the hosts
        """A connection to the host that takes writes, within so many seconds. The options are the driver's.

        Raises what the last host raised: a `TargetServerAttributeNotMatched` where it only stands by.
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
                # Also when nobody waits any longer: whoever comes next should not wait for the same host.
                self._pass_over(host)
                raise

    def _pass_over(self, host: str) -> None:
        """Try another host first the next time, unless somebody else has seen to that."""
        if self._hosts[0] == host:
            self._hosts.rotate(-1)
