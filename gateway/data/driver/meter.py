"""Counting what the database sends, while it comes in."""

from __future__ import annotations

import asyncio
import math
from typing import Any, Protocol


class Allowance(Protocol):
    """What an operation, or several together, may still read from the database."""

    received: int
    """Bytes that have come in."""
    received_allowed: float

    def exceed(self) -> None:
        """More has come in than is allowed: allow more, or end the operation."""

    def add_received(self, count: int) -> None:
        """Count what has come in together with what others asked for. Raises `TooLarge` and `Overloaded`."""


class Unlimited:
    """Counts, and allows everything."""

    __slots__ = ("received", "received_allowed")

    def __init__(self) -> None:
        self.received = 0
        self.received_allowed = math.inf

    def exceed(self) -> None:
        """Nothing does."""

    def add_received(self, count: int) -> None:
        """Count."""
        self.received += count


class Meter(asyncio.Protocol):
    """Stands between a transport and the driver's protocol, and counts the bytes that come in.

    It counts within a statement: the driver reads all rows of one before it gives any.
    """

    def __init__(self) -> None:
        self.unlimited = Unlimited()
        """For what is done for nobody or for several."""
        self.allowance: Allowance = self.unlimited
        """Of whoever uses the connection at present."""

    def pass_to(self, of_driver: Any) -> None:
        """Pass on what comes in to the driver."""
        self._receive = of_driver.data_received
        for name in ("connection_lost", "eof_received", "pause_writing", "resume_writing"):
            setattr(self, name, getattr(of_driver, name))

    def data_received(self, data: bytes) -> None:
        """Count, and pass on."""
        allowance = self.allowance
        allowance.received = received = allowance.received + len(data)
        if received > allowance.received_allowed:
            allowance.exceed()
        self._receive(data)
