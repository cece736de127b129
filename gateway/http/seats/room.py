"""How many plain connections a process keeps, in all and from one address.

Using a connection again costs nothing here. When a new one finds no room, the one that has rested longest is closed;
it is found by looking at all, once for many newcomers. Sockets and event streams are counted by `admission.py`.
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
"""How long nobody is looked for after all were found busy."""

MOST_FOUND = 100

_EVERYWHERE = ""


class Plain(Protocol):
    """A connection that is counted here."""

    network: str | None
    """Where it comes from; None while it is not counted."""

    @property
    def rests(self) -> tuple[bool, float] | None:
        """What is sorted by: the connection with the least is closed first. None while a request is answered."""

    def retire(self) -> None:
        """Close it."""


class Room:
    """The plain connections of one process."""

    def __init__(
        self, options: Options, refuse: Callable[[Cap], NoReturn], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`refuse` raises `NoRoom`."""
        self._all = Cap("connections", options.max_connections, "connections are open here", 503)
        self._of_network = Cap(
            "connections_per_address", options.max_connections_per_address, "connections may come from one address", 429
        )
        # Behind proxies all come from theirs, and who is behind those is known only with a request.
        self._tells_networks = not options.trusted_proxies
        self._refuse = refuse
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._count = 0
        self._resting: dict[str, deque[Plain]] = {}
        self._busy_until: dict[str, float] = {}

    def __len__(self) -> int:
        return self._count

    def enter(self, connection: Plain, address: str | None, others: Callable[[], Iterable[Plain]]) -> None:
        """Count a new connection. Raises `NoRoom` if there is none and no other rests."""
        network = network_of(address) if self._tells_networks else _EVERYWHERE
        if self._tells_networks and self._counts[network] >= self._of_network.most:
            self._make_room(self._of_network, network, others)
        if self._count >= self._all.most:
            self._make_room(self._all, _EVERYWHERE, others)
        self._counts[network] += 1
        self._count += 1
        connection.network = network

    def leave(self, connection: Plain) -> None:
        """Count a connection no more: it is closed, or has become a socket or a stream."""
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
            if oldest.network is not None and oldest.rests is not None:
                self.leave(oldest)
                oldest.retire()
                if resting:
                    self._resting[network] = resting
                return
            resting = resting or self._look(network, others)
        self._refuse(cap)

    def _look(self, network: str, others: Callable[[], Iterable[Plain]]) -> deque[Plain]:
        """Those that rest, the longest first; not again for a while after there were none."""
        now = self._clock()
        if now < self._busy_until.get(network, 0):
            return deque()
        found = [
            (rests, number, each)
            for number, each in enumerate(others())
            if each.network is not None and network in (each.network, _EVERYWHERE) and (rests := each.rests) is not None
        ]
        if not found:
            self._busy_until = {name: until for name, until in self._busy_until.items() if until > now}
            self._busy_until[network] = now + AGAIN_SECONDS
        return deque(each for *_, each in heapq.nsmallest(MOST_FOUND, found))
