"""Protocols for the context of an operation, which the engine's callers open and release."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.execution.operation import Operation


class Opened(Protocol):
    """An open context, in which one operation runs."""

    def release(self) -> Awaitable[None]:
        """Release what the context holds. Call it when the operation is over, however it ended."""


class Contexts(Protocol):
    """Opens the context in which one operation runs."""

    def open(self, identity: Identity | None, operation: Operation, client: Client) -> Opened:
        """Open a context for the caller, who is anonymous without an identity. The code that opens it releases it."""
