"""State that all connections of a server share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gateway.http.plain.endpoint import Endpoint
from gateway.http.plain.head import PlainHeads
from gateway.http.plain.wire import ReplyHeads
from gateway.http.seats.room import Plain, Room
from gateway.http.seats.stopping import Stopping


@dataclass(frozen=True, slots=True, eq=False)
class Serving:
    """The shared state of a server's connections."""

    endpoint: Endpoint
    stopping: Stopping
    room: Room
    heads: PlainHeads
    connections: Callable[[], Iterable[Plain]]
    """All open connections."""
    reply_heads: ReplyHeads = field(default_factory=ReplyHeads)
    left: set[asyncio.Task[None]] = field(default_factory=set)
    """Cancelled answers, whose clients have gone, that have not ended yet."""
