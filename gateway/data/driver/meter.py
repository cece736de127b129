"""Counts the bytes from the database as they arrive."""

from __future__ import annotations

import asyncio
import math
from typing import Any, Protocol


class ByteAllowance(Protocol):
    """How much one or several operations may read from the database."""

    received: int
    """Bytes received."""
    received_allowed: float

    def exceed(self) -> None:
        """Called above the limit: raise the limit, or end the operation."""

    def add_received(self, count: int) -> None:
        """Count bytes received in a batch shared with other callers. Raises `TooLarge` and `Overloaded`."""


class Unlimited:
    """Counts bytes without a limit."""

    __slots__ = ("received", "received_allowed")

    def __init__(self) -> None:
        self.received = 0
        self.received_allowed = math.inf

    def exceed(self) -> None:
        """Do nothing: there is no limit."""

    def add_received(self, count: int) -> None:
        """Count bytes."""
        self.received += count


class Meter(asyncio.Protocol):
    """Sits between a transport and the driver's protocol, and counts incoming bytes.

    It can end an operation in the middle of a statement, whereas the driver reads all rows before it returns any.
    """

    def __init__(self) -> None:
        self.unlimited = Unlimited()
        """For statements on behalf of no caller or of several."""
        self.allowance: ByteAllowance = self.unlimited
        """The allowance of the connection's present user."""

    def pass_to(self, of_driver: Any) -> None:
        """Pass incoming data on to the driver's protocol."""
        self._receive = of_driver.data_received
        for name in ("connection_lost", "eof_received", "pause_writing", "resume_writing"):
            setattr(self, name, getattr(of_driver, name))

    def data_received(self, data: bytes) -> None:
        """Count data, and pass it on."""
        allowance = self.allowance
        allowance.received = received = allowance.received + len(data)
        if received > allowance.received_allowed:
            allowance.exceed()
        self._receive(data)
