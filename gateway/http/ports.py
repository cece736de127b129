"""What the transport asks of the rest of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from gateway.auth.identity import Identity
from gateway.execution.operation import Operation


class Client(NamedTuple):
    """Where a request comes from, for the session list and for limits by address."""

    address: str | None
    user_agent: str | None
    trace: tuple[tuple[str, str], ...] = ()
    """The headers that name the trace of a request, where traces are asked for."""


Verify = Callable[[str], Identity]
"""The identity that an access token proves; raises `Unauthenticated`."""

Ready = Callable[[], Awaitable[str | None]]
"""None when requests can be served, else the reason why not."""


class Opened(Protocol):
    """A context that an operation runs in."""

    def release(self) -> Awaitable[None]:
        """Give back what the context holds. To be called when its operation is over, however it ended."""


class Contexts(Protocol):
    """Makes the context that one operation runs in."""

    def open(self, identity: Identity | None, operation: Operation, client: Client) -> Opened:
        """A context for the caller, anonymous without an identity. Whoever opens it releases it."""


class Alarm(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Let it not come."""


class Clock(Protocol):
    """The time of day, and calls at a time of day."""

    def now(self) -> datetime:
        """The time, aware."""

    def at(self, moment: datetime, call: Callable[[], None]) -> Alarm:
        """Have something called once the moment has come."""
