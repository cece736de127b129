"""Entities: classes that are both a GraphQL type and the description of a table.

An annotated attribute is a column and a field of the API; with `strawberry.Private[...]`, it is only a column. A class
may also have links (`gateway.schema.types.link`) and computed fields. Nothing here knows any entity by name.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from asyncpg.pgproto import pgproto
from strawberry.types.field import StrawberryField
from strawberry.types.private import StrawberryPrivate
from strawberry.utils.str_converters import to_camel_case

from gateway.data import statements
from gateway.data.entity import AnyLink, Entity, Link, entity_of
from gateway.data.rows import JsonColumn, record_class
from gateway.errors import Invalid
from gateway.schema.objects.combined import combinable
from gateway.schema.objects.level import LEVEL_RESOLVER
from gateway.schema.types import describe, json_list
from gateway.schema.types.hint import is_optional, item_of, kind_of
from gateway.schema.types.scalars import JSON, BigInt

T = TypeVar("T")


@strawberry.interface(description="An object that belongs to a user and can be read by its id.")
class Node:
    """The fields that every entity has."""

    id: strawberry.ID = strawberry.field(
        description="The id, a UUID such as `01980000-0000-7000-8000-000000000001`. In input, upper and lower case are "
        "accepted, and the four hyphens are required."
    )
    version: BigInt = strawberry.field(
        description="Increases with every change. Pass it as `expectedVersion` to detect a conflicting change."
    )
    created_at: datetime.datetime = strawberry.field(description="When the object was created.")
    updated_at: datetime.datetime = strawberry.field(description="When the object was last updated.")

    @classmethod
    def resolve_type(cls, row: Any, *_: Any) -> str:
        """The name of a row's type."""
        return row.typename  # type: ignore[no-any-return]


def entity(
    table: str,
    *,
    order: str | type[enum.Enum] = "created_at",
    filter: type | None = None,
    unique: Collection[str] = (),
    derived: Mapping[str, str] | None = None,
    one_per_user: bool = False,
    restorable: bool = True,
) -> Callable[[type[T]], type[T]]:
    """Declare a class as the type of a table's rows.

    `order` and `filter` apply to lists of these rows. `order` names columns, each with `-` in front for descending
    order, such as `-is_pinned, due_at`; or it is an enum whose values are such texts and whose first member is the
    default. Nulls come last. A column that is an enumeration is ordered by its members: `add_rank()` makes the column
    `<name>_rank` for that. The id breaks ties, unless a column is one of those that are `unique` within every list: an
    index then gives the order by itself. `filter` is an input type; see `gateway.schema.objects.filter`. It also gets
    `OR` and `NOT`. `derived` names, by column, the database function of the row that is read instead, where it returns
    more than the column holds. `one_per_user` is for a table whose migration calls
    `one_per_user()`, and `restorable=False` for one whose migration calls `delete_for_good()`.
    """
    if derived:
        statements.derive(table, derived)

    def declare(cls: type[T]) -> type[T]:
        hints = typing.get_type_hints(cls, include_extras=True)
        kinds = {name: kind_of(hint) for name, hint in hints.items()}
        links = {name: link for name, link in vars(cls).items() if isinstance(link, Link)}
        fields: dict[str, tuple[str, ...]] = {
            to_camel_case(name): (name,) for name, hint in hints.items() if not _is_private(hint)
        }
        for name, link in links.items():
            kinds.setdefault(link.key, UUID)
            fields[to_camel_case(name)] = (link.key,)
        any_links = any_links_of(cls)
        for any_link in any_links.values():
            kinds.setdefault(any_link.entity, str)
            kinds.setdefault(any_link.key, UUID)
        for name, needs in _computed(cls).items():
            fields[name] = needs
            for column in needs:
                kinds.setdefault(column, None)
        json = {name: kind for name, kind in kinds.items() if kind is JSON or item_of(kind) is not None}
        readers = {name: JsonColumn(json_list.decoder(kind)) for name, kind in json.items()}
        record = record_class(cls.__name__ + "Row", {**kinds, **readers})
        record.typename = cls.__name__  # type: ignore[attr-defined]
        cls.__entity__ = Entity(  # type: ignore[attr-defined]
            cls.__name__,
            table,
            kinds,
            links,
            order,
            None if filter is None else combinable(filter),
            unique=frozenset(unique),
            restorable=restorable,
            one_per_user=one_per_user,
            nullable=frozenset(
                [name for name, hint in hints.items() if is_optional(hint)]
                + [link.key for link in links.values() if link.shape == "maybe" and link.key not in hints]
            ),
            fields=fields,
            record=record,
            json=frozenset(json),
            columns=tuple(kinds),
            any_links=any_links,
        )
        cls.is_type_of = staticmethod(lambda row, _info: isinstance(row, record))  # type: ignore[attr-defined]
        return cls

    return declare


def any_links_of(cls: type) -> dict[str, AnyLink]:
    """The links of a class to objects of any type, by name."""
    fields = {name: item for name, item in vars(cls).items() if isinstance(item, StrawberryField)}
    levels = {name: item.metadata.get(LEVEL_RESOLVER) for name, item in fields.items()}
    return {name: level for name, level in levels.items() if isinstance(level, AnyLink)}


def reference(
    table: str, *, order: str | type[enum.Enum], filter: type | None = None, unique: Collection[str] = ()
) -> Callable[[type[T]], type[T]]:
    """Declare a class as the type of a reference table's rows, which every caller reads and none writes.

    Its table is made by `reference_table()` and has no `user_id`. The class declares its own `id: strawberry.ID` and is
    no `Node`, since `node(id)` finds only what belongs to the caller. `order`, `filter` and `unique` are as for
    `entity`.
    """
    statements.share(table)
    declare = entity(table, order=order, filter=filter, unique=unique)

    def declare_reference(cls: type[T]) -> type[T]:
        declared: Any = declare(cls)
        declared.__entity__ = dataclasses.replace(entity_of(cls), is_reference=True)
        return cls

    return declare_reference


def computed(*columns: str, name: str | None = None, exported: bool = True) -> Callable[[Callable[..., Any]], Any]:
    """Declare a field that is computed from these columns of its row. Only they may be read from `self`.

    `exported=False` leaves it out of exports, because it depends on the session or is a secret.
    """

    def declare(function: Callable[..., Any]) -> Any:
        return strawberry.field(
            resolver=function,
            name=name,
            description=describe.summary(function),
            metadata={"needs": columns, "exported": exported},
        )

    return declare


def id_of(text: str, *path: str) -> UUID:
    """Parse an id. Raises `Invalid` that names its path, or `id`, if it is not a UUID in the form of RFC 9562."""
    try:
        # The driver's own UUID class is created, hashed and compared in C. By itself it accepts hyphens anywhere, and
        # not only at 8, 13, 18 and 23.
        if len(text) == 36 and text[8:24:5] == "----":
            return pgproto.UUID(text)
    except ValueError:
        pass
    path = path or ("id",)
    raise Invalid(f"{'.'.join(map(to_camel_case, path))}: {text[:60]!r} is not a UUID.", field=path)


def _computed(cls: type) -> dict[str, tuple[str, ...]]:
    fields = {name: item for name, item in vars(cls).items() if isinstance(item, StrawberryField)}
    return {item.graphql_name or to_camel_case(name): item.metadata["needs"] for name, item in fields.items()}


@functools.cache
def ids_of(cls: type) -> frozenset[str]:
    """The names of a class's attributes that are ids."""
    return frozenset(name for name, hint in typing.get_type_hints(cls).items() if kind_of(hint) is UUID)


@functools.cache
def lists_of(cls: type) -> frozenset[str]:
    """The names of a class's attributes that are lists."""
    return frozenset(name for name, hint in typing.get_type_hints(cls).items() if item_of(hint) is not None)


def _is_private(hint: Any) -> bool:
    return any(isinstance(part, StrawberryPrivate) for part in typing.get_args(hint))
