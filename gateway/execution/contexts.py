"""What the engine's callers ask of the rest of the gateway: a context for each operation."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.execution.operation import Operation


class Opened(Protocol):
    """A context that an operation runs in."""

    def release(self) -> Awaitable[None]:
        """Give back what the context holds. To be called when its operation is over, however it ended."""


class Contexts(Protocol):
    """Makes the context that one operation runs in."""

    def open(self, identity: Identity | None, operation: Operation, client: Client) -> Opened:
        """A context for the caller, anonymous without an identity. Whoever opens it releases it."""
