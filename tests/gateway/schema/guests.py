"""Types of values that a declaration may name: in lists of a column, and in inputs."""

from __future__ import annotations

import enum
from typing import Any

from gateway import enum_type, input_type, object_type


@enum_type
class Size(enum.Enum):
    """How large."""

    SMALL = "small"
    """Small."""


@object_type
class Guest:
    """Somebody who was invited."""

    name: str
    """What they are called."""
    size: Size | None
    """How large they are; null if unknown."""
    topics: list[str]
    """What they talk about."""


@object_type
class Crowd:
    """An object with a member that cannot be stored."""

    first: Any
    """The first of them."""


@input_type
class GuestInput:
    """Somebody to invite."""

    name: str
    """What they are called."""
    topics: list[str] | None = None
    """What they talk about."""


@input_type
class NamelessInput:
    """Somebody to invite, who may have no name."""

    name: str | None = None
    """What they are called."""


@input_type
class AgedInput:
    """Somebody to invite, with something that is not stored."""

    name: str
    """What they are called."""
    age: int | None = None
    """How old they are."""
