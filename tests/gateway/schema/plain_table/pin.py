"""Pins: what is pinned to a notebook, which may be an object of any type."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import strawberry

from gateway import (
    After,
    Info,
    Node,
    any_of,
    computed,
    entity,
    event,
    id_of,
    object_type,
    one,
    query,
    standard,
    subscription,
)


@entity("pins")
class Pin(Node):
    """Something pinned to a notebook."""

    subject: strawberry.Private[str | None]
    subject_id: strawberry.Private[strawberry.ID | None]

    thing = any_of(entity="subject", key="subject_id")
    """What is pinned."""
    notebook = one("Notebook", key="notebook_id")
    """The notebook that it is pinned to."""

    @computed("subject")
    def table(self) -> str | None:
        """Where it is."""
        return self.subject


class PinInput:
    """What a client may set in a pin."""

    notebook_id: strawberry.ID
    """The notebook to pin it to."""
    subject: str | None = None
    """The table of what is pinned."""
    subject_id: strawberry.ID | None = None
    """What is pinned."""


standard(Pin, input=PinInput, scope="personal:write")


@object_type
class Pinned:
    """A value that leads to an object of any type."""

    table: strawberry.Private[str | None]
    thing_id: strawberry.Private[UUID | None]

    thing = any_of(entity="table", key="thing_id")
    """The object."""


@query
async def pinned(
    info: Info,
    tables: Annotated[list[str | None], strawberry.argument(description="The table of each.")],
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="The id of each.")],
) -> list[Pinned]:
    """Values that lead to objects."""
    return [Pinned(table=table, thing_id=id_of(id)) for table, id in zip(tables, ids, strict=True)]


@event("pins", op="insert")
class PinAdded:
    """Something was pinned."""

    thing = any_of(entity="subject", key="subject_id")
    """What is pinned."""
    pin = any_of(entity="entity", key="entity_id")
    """The pin itself."""


@subscription(scope="read")
async def pin_added(info: Info, after: After = None) -> AsyncIterator[PinAdded]:
    """Everything that is pinned."""
    return await info.context.changes(PinAdded, after=after)
