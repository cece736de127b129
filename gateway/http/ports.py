"""What the transport asks of the rest of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.auth.identity import Identity
from gateway.execution.operation import Operation


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from, for the session list and for limits by address."""

    address: str | None
    user_agent: str | None


Verify = Callable[[str], Identity]
"""The identity that an access token proves; raises `Unauthenticated`."""

Ready = Callable[[], Awaitable[str | None]]
"""None when requests can be served, else the reason why not."""


class Opened(Protocol):
    """A context that an operation runs in."""

    async def release(self) -> None:
        """Give back what the context holds. To be called when its operation is over, however it ended."""


class Contexts(Protocol):
    """Makes the context that one operation runs in."""

    def open(self, identity: Identity | None, operation: Operation, client: Client) -> Opened:
        """A context for the caller, anonymous without an identity. Whoever opens it releases it."""


class Clock(Protocol):
    """The time of day, and waiting for one."""

    def now(self) -> datetime:
        """The time, aware."""

    async def until(self, moment: datetime) -> None:
        """Return once the moment has come."""
