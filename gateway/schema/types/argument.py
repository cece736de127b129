"""Arguments that fields of several domains take, described once."""

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
    """Describe the optional id of a parent to which a list or a subscription is limited."""
    return strawberry.argument(description=f"Only events of this {noun}. Defaults to all.")
