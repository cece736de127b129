"""Values with links that lead nowhere."""

from __future__ import annotations

import strawberry

from gateway import maybe, object_type


@object_type
class Lost:
    """A value with a link to a type that does not exist."""

    home_id: strawberry.Private[strawberry.ID]

    home = maybe("Home", key="home_id")
    """Where it belongs."""


@object_type
class Keyless:
    """A value with a link whose key it does not hold."""

    thing = maybe("Thing", key="thing_id")
    """What it is about."""
