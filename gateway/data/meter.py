"""Counting what the database sends, while it comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any, Protocol

FREE_BYTES = 256 * 1024
"""What an operation may take without asking."""


class Allowance(Protocol):
    """What an operation may still read from the database."""

    def watch(self, meter: Meter, caller: Hashable) -> None:
        """Count what comes in on a connection, which serves this operation alone until `unwatch`."""

    def unwatch(self) -> None:
        """Go on without the connection."""

    def add_received(self, count: int, caller: Hashable) -> None:
        """Count what has come in on a connection that serves several. Raises `TooLarge` and `Overloaded`."""

    def exceed(self) -> None:
        """More than `FREE_BYTES` have come in, and some more just now: allow that, or end the operation."""


class Meter(asyncio.Protocol):
    """Stands between a transport and the driver's protocol, and counts the bytes that come in.

    It counts within a statement: the driver reads all rows of one before it gives any.
    """

    def __init__(self) -> None:
        self.received = 0
        """Since it was watched."""
        self.allowance: Allowance | None = None

    def pass_to(self, of_driver: Any) -> None:
        """Pass on what comes in to the driver."""
        self._receive = of_driver.data_received
        for name in ("connection_lost", "eof_received", "pause_writing", "resume_writing"):
            setattr(self, name, getattr(of_driver, name))

    def data_received(self, data: bytes) -> None:
        """Count, and pass on."""
        self.received = received = self.received + len(data)
        if received > FREE_BYTES and self.allowance is not None:
            self.allowance.exceed()
        self._receive(data)
