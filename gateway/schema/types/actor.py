"""The actor of a change, as the connection's stamp names it."""

from __future__ import annotations

import enum

from gateway.schema.types.typing import enum_type


@enum_type
class Actor(enum.Enum):
    """Who made a change."""

    USER = "user"
    """The user, on one of their devices."""
    AGENT = "agent"
    """An agent that acts on behalf of the user."""
    SYSTEM = "system"
    """The system, or its operator."""
