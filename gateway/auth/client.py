"""Where a request comes from."""

from __future__ import annotations

from typing import NamedTuple


class Client(NamedTuple):
    """Where a request comes from, for the session list and for limits by address."""

    address: str | None
    user_agent: str | None
    trace: tuple[tuple[str, str], ...] = ()
    """The headers that name the trace of a request, where traces are asked for."""
