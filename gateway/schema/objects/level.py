"""Level resolvers: how a field gets its values for all objects of a level at once.

A field carries its level resolver in its metadata. A field without one is a column of a row, an attribute of a plain
object, or an ordinary resolver, which is called for each object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import strawberry
from graphql import GraphQLField
from strawberry.types.field import StrawberryField

from gateway.data.batches import Batch
from gateway.data.entity import Entity
from gateway.data.statements import Columns

LEVEL_RESOLVER = "level"
"""The key in a field's metadata."""


class Follows(Protocol):
    """A link's way from the objects of a level to what they link to: one batch for all of them."""

    @property
    def entity(self) -> Entity:
        """What it leads to."""

    @property
    def key(self) -> str:
        """The column of the parent that holds the key."""

    @property
    def by(self) -> str:
        """The column of the rows that holds the key, where each key has one row at most."""

    @property
    def first_column(self) -> int:
        """The position of the first wanted column in the rows of the batch."""

    @property
    def below(self) -> tuple[str, ...]:
        """The fields between the link and its rows, such as `edges.node`; none where it leads to the rows."""

    def batch(self, arguments: Mapping[str, Any], wanted: Columns, *, positioned: bool) -> Batch:
        """The batch for these arguments and columns; if `positioned`, also for those of a row's position in the list.

        Raises `BadRequest` for arguments that make no sense.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """A root field that finds one object by a key, worked out without asking the database; None finds nothing."""

    entity: Entity
    key: Callable[..., Any]
    """Called with the context and the field's arguments."""
    is_there: bool = False
    """Whether there is an object for every key that it gives."""


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """A value worked out from its object alone."""

    function: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class OfPage:
    """A value worked out from its object and the `Page` batch that the object came from."""

    function: Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class PerPage:
    """What another batch says of the parents of the pages.

    `batch` makes it of the `Page` batch. Where it makes none, nothing needs to be asked: `known` works the value out of
    the `Page` batch and the page.
    """

    batch: Callable[[Any], Batch | None]
    known: Callable[[Any, Any], Any] | None = None


LevelResolver = Follows | Lookup | Computed | OfPage | PerPage


def level_resolver_of(field: GraphQLField) -> LevelResolver | None:
    """The level resolver of a field; None if it has none."""
    definition = definition_of(field)
    return None if definition is None else definition.metadata.get(LEVEL_RESOLVER)


def definition_of(field: GraphQLField) -> StrawberryField | None:
    """The declaration that a field was made of, if it was made by Strawberry."""
    return field.extensions.get("strawberry-definition")


def level_field(level_resolver: LevelResolver, **options: Any) -> Any:
    """A Strawberry field with a level resolver."""
    return strawberry.field(metadata={LEVEL_RESOLVER: level_resolver}, **options)
