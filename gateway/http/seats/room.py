"""Limits on plain connections, per process and per address.

Reusing a connection costs nothing here. At the limit, a new connection replaces the one that has been idle longest. One
scan of all connections finds candidates for many new ones. `admission.py` counts sockets and event streams.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import NoReturn, Protocol

from gateway.auth.network import network_of
from gateway.http.options import Options
from gateway.http.seats.admission import Cap

AGAIN_SECONDS = 1.0
"""Pause before the next scan after one that found no idle connection."""

MAX_CANDIDATES = 100

_EVERYWHERE = ""


class Plain(Protocol):
    """A plain connection, as `Room` sees it."""

    network: str | None
    """The network that it is counted for; None while it is not counted."""

    @property
    def idle_rank(self) -> tuple[bool, float] | None:
        """Sort key: the connection with the smallest is closed first. None while a request is being answered."""

    def retire(self) -> None:
        """Close it."""


class Room:
    """The plain connections of one process."""

    def __init__(
        self, options: Options, refuse: Callable[[Cap], NoReturn], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`refuse` raises `NoRoom`."""
        self._all = Cap("connections", options.max_connections, "connections can be open per process", 503)
        self._of_network = Cap(
            "connections_per_address", options.max_connections_per_address, "connections can be open per address", 429
        )
        # Behind proxies, the peer address is the proxy's, and the client's is known only once a request arrives.
        self._counts_networks = not options.trusted_proxies
        self._refuse = refuse
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._count = 0
        self._resting: dict[str, deque[Plain]] = {}
        self._busy_until: dict[str, float] = {}

    def __len__(self) -> int:
        return self._count

    def enter(self, connection: Plain, address: str | None, others: Callable[[], Iterable[Plain]]) -> None:
        """Count a new connection. Raises `NoRoom` if a limit is reached and no other connection is idle."""
        network = network_of(address) if self._counts_networks else _EVERYWHERE
        if self._counts_networks and self._counts[network] >= self._of_network.most:
            self._make_room(self._of_network, network, others)
        if self._count >= self._all.most:
            self._make_room(self._all, _EVERYWHERE, others)
        self._counts[network] += 1
        self._count += 1
        connection.network = network

    def leave(self, connection: Plain) -> None:
        """Stop counting a connection that was closed or became a socket or a stream."""
        if (network := connection.network) is None:
            return
        connection.network = None
        self._count -= 1
        self._counts[network] -= 1
        if not self._counts[network]:
            del self._counts[network]

    def _make_room(self, cap: Cap, network: str, others: Callable[[], Iterable[Plain]]) -> None:
        resting = self._resting.pop(network, None) or self._look(network, others)
        while resting:
            oldest = resting.popleft()
            if oldest.network is not None and oldest.idle_rank is not None:
                self.leave(oldest)
                oldest.retire()
                if resting:
                    self._resting[network] = resting
                return
            resting = resting or self._look(network, others)
        self._refuse(cap)

    def _look(self, network: str, others: Callable[[], Iterable[Plain]]) -> deque[Plain]:
        """Idle connections, longest idle first. After an empty scan, there is no other for `AGAIN_SECONDS`."""
        now = self._clock()
        if now < self._busy_until.get(network, 0):
            return deque()
        idle = [
            (rank, number, each)
            for number, each in enumerate(others())
            if each.network is not None
            and network in (each.network, _EVERYWHERE)
            and (rank := each.idle_rank) is not None
        ]
        if not idle:
            self._busy_until = {name: until for name, until in self._busy_until.items() if until > now}
            self._busy_until[network] = now + AGAIN_SECONDS
        return deque(each for *_, each in heapq.nsmallest(MAX_CANDIDATES, idle))
