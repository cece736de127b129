"""Arguments that several domains use, described once."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import strawberry

from gateway.schema.types.scalars import Cursor

After: TypeAlias = Annotated[
    Cursor | None,
    strawberry.argument(description="Resume after this cursor: missed events come first, then new ones."),
]
ById: TypeAlias = Annotated[strawberry.ID, strawberry.argument(description="The object's id, a UUID.")]


def only_of(noun: str) -> Any:
    """Describe an optional id that limits a list or a subscription to one parent."""
    return strawberry.argument(description=f"Only events of this {noun}. Defaults to all.")
