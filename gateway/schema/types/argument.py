"""Arguments that fields of several domains take, described once."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import strawberry

from gateway.schema.types.scalars import Cursor

After: TypeAlias = Annotated[
    Cursor | None,
    strawberry.argument(description="The last cursor seen: what came after it is sent first, then what comes."),
]
ById: TypeAlias = Annotated[strawberry.ID, strawberry.argument(description="The object's id, a UUID.")]


def only_of(noun: str) -> Any:
    """Describes the optional id of a parent, to which a list or a subscription is narrowed."""
    return strawberry.argument(description=f"Only of this {noun}; of all if left out.")
