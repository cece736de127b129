"""The client of a request."""

from __future__ import annotations

from typing import NamedTuple


class Client(NamedTuple):
    """The client of a request, for the session list and for limits per address."""

    address: str | None
    user_agent: str | None
    trace: tuple[tuple[str, str], ...] = ()
    """The trace context headers of a request, if traces are on."""
