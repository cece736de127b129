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


OF_ROOT: Any = "00000000-0000-0000-0000-000000000000"
"""The key that stands for the root, which has one list of everything that the caller may see."""


class Follows(Protocol):
    """How a link gets the targets of all objects of a level: by one batch."""

    @property
    def entity(self) -> Entity:
        """The target."""

    @property
    def key(self) -> str:
        """The column of the parent that holds the key; empty for a field of Query, whose key is `OF_ROOT`."""

    @property
    def by(self) -> str:
        """The column of the rows that holds the key, if each key has at most one row."""

    @property
    def first_column(self) -> int:
        """The position of the first wanted column in the rows of the batch."""

    @property
    def below(self) -> tuple[str, ...]:
        """The fields between the link and its rows, such as `edges.node`; empty if it returns the rows themselves."""

    def batch(self, arguments: Mapping[str, Any], wanted: Columns, *, positioned: bool) -> Batch:
        """The batch for these arguments and columns; if `positioned`, also for those of a row's keyset position.

        Raises `BadRequest` if the arguments are invalid.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """A root field that finds one object by a key, which is computed without a query. No key, no object."""

    entity: Entity
    key: Callable[..., Any]
    """Called with the context and the field's arguments."""
    is_there: bool = False
    """Whether an object exists for every key that `key` returns."""


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """A value computed from its object alone."""

    function: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class OfPage:
    """A value computed from its object and the `Page` batch that the object came from."""

    function: Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class PerPage:
    """A value of each page that another batch finds for the page's parent.

    `batch` makes that batch from the `Page` batch. If it returns None, no query is needed: `known` computes the value
    from the `Page` batch and the page.
    """

    batch: Callable[[Any], Batch | None]
    known: Callable[[Any, Any], Any] | None = None


LevelResolver = Follows | Lookup | Computed | OfPage | PerPage


def level_resolver_of(field: GraphQLField) -> LevelResolver | None:
    """The level resolver of a field; None if it has none."""
    definition = definition_of(field)
    return None if definition is None else definition.metadata.get(LEVEL_RESOLVER)


def definition_of(field: GraphQLField) -> StrawberryField | None:
    """The Strawberry field that a field was made from; None if Strawberry did not make it."""
    return field.extensions.get("strawberry-definition")


def level_field(level_resolver: LevelResolver, **options: Any) -> Any:
    """Make a Strawberry field with a level resolver."""
    return strawberry.field(metadata={LEVEL_RESOLVER: level_resolver}, **options)
