"""Arguments that fields of several domains take, described once."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import strawberry

from gateway.schema.types.scalars import Cursor

After: TypeAlias = Annotated[
    Cursor | None,
    strawberry.argument(description="The last cursor seen: what came after it is sent first, then what comes."),
]
ById: TypeAlias = Annotated[strawberry.ID, strawberry.argument(description="The object's id, a UUID.")]
OfConversation: TypeAlias = Annotated[
    strawberry.ID | None, strawberry.argument(description="Only of this conversation; of all if left out.")
]
