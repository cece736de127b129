"""Conventional fields: what a plain table gets from one call.

    standard(Note, input=NoteInput)

gives `note(id)`, `createNote`, `updateNote`, `deleteNote`, `restoreNote` and the subscription `noteChanged`. The list
of them is a `page` link at its parent. Every create takes the client's id and may be sent again; every update takes
the version that it expects; what has no `deleted_at` is neither deleted nor restored. A field with a rule of its own
is written out in its module instead: name it in `without`.
"""

from __future__ import annotations

import datetime
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from uuid import UUID

import asyncpg
import strawberry
from strawberry.utils.str_converters import to_snake_case

from gateway.data.entity import Link, entity_of
from gateway.data.request_hash import COLUMN, request_hash
from gateway.data.writing import Statements
from gateway.errors import Conflict, Invalid, NotFound
from gateway.schema.fields.changed import changed
from gateway.schema.fields.root import lookup, mutation
from gateway.schema.objects.entity import id_of, ids_of
from gateway.schema.types import describe
from gateway.schema.types.argument import ById
from gateway.schema.types.scalars import BigInt
from gateway.schema.types.wrong_declaration import WrongDeclaration

T = TypeVar("T")

_ID = "The id of the new object, a UUID. Sent again with the same values, nothing new is created."
_EXPECTED = "The `version` that the object must have; otherwise nothing changes. Defaults to any version."


def standard(cls: type, *, input: type, without: Collection[str] = (), within: str = "") -> None:
    """Give an entity its conventional fields.

    `without` holds those it does not get: one, create, update, delete, restore, changed. `within` names the table that
    the rows belong to: a subscription may be narrowed to one of its rows. The entity has a link to it, and the feed's
    trigger carries the link's key.
    """
    makers = {"one": _one, "create": _create, "update": _update}
    if entity_of(cls).deletable:
        makers |= {"delete": _delete, "restore": _restore}
    made = [make(cls, input) for name, make in makers.items() if name not in without]
    cls.__standard__ = Standard(input, made, within, "changed" not in without)  # type: ignore[attr-defined]


@dataclass(slots=True)
class Standard:
    """The conventional fields of an entity, as they were declared."""

    input: type
    functions: list[Callable[..., Any]]
    within: str
    is_watched: bool
    """Whether its subscription has to be made yet. That is done when all types are known."""


def functions_of(cls: type, entities: Mapping[str, type]) -> list[Callable[..., Any]]:
    """The conventional root fields of an entity, among all of them by their names."""
    made: Standard | None = getattr(cls, "__standard__", None)
    if made is None:
        return []
    if made.is_watched:
        made.functions.append(changed(cls, parent_of(cls, made.within, entities)))
        made.is_watched = False
    return made.functions


def parent_of(cls: type, table: str, entities: Mapping[str, type]) -> tuple[Link, type] | None:
    """The link from an entity to the table that its rows belong to, and what it leads to. Raises `WrongDeclaration`."""
    if not table:
        return None
    links = [link for link in entity_of(cls).links.values() if link.shape in ("one", "maybe") and link.by == "id"]
    found = [(link, to) for link in links if (to := entities.get(link.target)) and entity_of(to).table == table]
    if len(found) != 1:
        raise WrongDeclaration(
            f"{cls.__name__} is declared within={table!r}, but it has {len(found) or 'no'} links to that table. "
            'Give it one, such as: notebook = one("Notebook", key="notebook_id")'
        )
    return found[0]


async def create(
    db: Statements, cls: type[T], values: dict[str, Any], *, begins_with: Mapping[str, Any] | None = None
) -> T:
    """Insert an object to show it, or find it when the client sends the same again. Must be the first statement of its
    commit. A new one has only the columns that the operation shows.

    `begins_with` holds values that the kind of request sets by itself. Raises `Conflict` when the id is taken by an
    object that another request made.
    """
    begins_with = begins_with or {}
    row = {**with_request_hash(values, *begins_with), **begins_with}
    try:
        return await db.insert(cls, row, for_show=True)
    except asyncpg.UniqueViolationError as error:
        if not is_taken(cls, error):
            raise
    return await made_before(db, cls, row)


def with_request_hash(values: dict[str, Any], *also: Any) -> dict[str, Any]:
    """The values of a new row with the hash of the request that they and `also` come to, if it names an id."""
    return {**values, COLUMN: request_hash(values, also)} if "id" in values else values


def is_taken(cls: type, error: asyncpg.UniqueViolationError) -> bool:
    """Whether an insert failed because there is an object with its id."""
    return error.constraint_name == f"{entity_of(cls).table}_pkey"


async def made_before(db: Statements, cls: type[T], row: Mapping[str, Any]) -> T:
    """The object with the id of a row that could not be inserted. Raises `Conflict` if another request made it."""
    existing: Any = await db.get(cls, row["id"], COLUMN)
    if existing is None or existing[COLUMN] != row[COLUMN]:
        raise Conflict("This id already belongs to an object with different values.", field="id", current=existing)
    return cast("T", existing)


async def change(
    db: Statements, cls: type[T], id: UUID, values: dict[str, Any], *, expected: int | None = None, guard: str = "true"
) -> T:
    """Change an object that is not deleted and still has the expected version.

    Raises `NotFound`, or `Conflict` with the object as it now stands.
    """
    parameters = () if expected is None else (expected,)
    version = "" if expected is None else f" AND version = ${3 + len(values)}"
    changed = await db.update(cls, id, values, guard=guard + version, parameters=parameters)
    if changed is not None:
        return changed
    current: Any = await db.get(cls, id)
    if current is None:
        raise NotFound(f"There is no such {describe.words(cls)}.", field="id")
    require_version(cls, current, expected)
    raise Conflict(f"This {describe.words(cls)} is deleted.", field="id", current=current)


def require_version(cls: type, current: Any, expected: int | None) -> None:
    """Raise `Conflict` unless the object has the version that is expected, if one is."""
    if expected is not None and current.version != expected:
        raise Conflict(
            f"This {describe.words(cls)} has changed since version {expected}: it is at version {current.version}.",
            field="expected_version",
            current=current,
        )


def given(input: Any, *, without: Collection[str] = (), nulls: bool = False) -> dict[str, Any]:
    """The values of an input that were given, by column. A null is as if not given, or clears the value with
    `nulls`. Raises `Invalid` with each id that is none."""
    cls: type = type(input)
    ids = ids_of(cls)
    try:
        return _given(vars(input), ids, without, nulls)
    except Invalid:
        raise _all_invalid(vars(input), ids, without, nulls) from None


def _given(values: Mapping[str, Any], ids: Collection[str], without: Collection[str], nulls: bool) -> dict[str, Any]:
    return {
        name: id_of(value, name) if name in ids and value is not None else value
        for name, value in values.items()
        if value is not strawberry.UNSET and (value is not None or nulls) and name not in without
    }


def _all_invalid(values: Mapping[str, Any], ids: Collection[str], without: Collection[str], nulls: bool) -> Invalid:
    found: dict[str, Any] = {}
    mistakes: list[Invalid] = []
    for name, value in values.items():
        try:
            found |= _given({name: value}, ids, without, nulls)
        except Invalid as mistake:
            mistakes.append(mistake)
    first, *others = mistakes
    return Invalid(first.message, field=first.field, others=others, values=found)


def _a(cls: type) -> str:
    return describe.with_article(describe.words(cls))


def _expected(input: Any) -> int | None:
    version: int | None = input.expected_version
    return None if version is strawberry.UNSET else version


def _one(cls: type, input: type) -> Callable[..., Any]:
    def key(context: Any, id: Any) -> UUID:
        return id_of(id)

    several = describe.plural(describe.words(cls))
    text = f"One of the caller's {several}, by id. Includes deleted ones; null if there is none."
    return lookup(cls)(_function(key, to_snake_case(cls.__name__), text, id=ById, returns=UUID))  # type: ignore[no-any-return]


def _create(cls: type, input: type) -> Callable[..., Any]:
    async def make(info: Any, input: Any) -> Any:
        async with info.context.autocommit() as db:
            return await create(db, cls, given(input))

    taken = _input(
        f"Create{cls.__name__}Input",
        f"The values of a new {describe.words(cls)}. Omitted fields take their defaults.",
        input,
        {"id": (strawberry.ID | None, _ID)},
    )
    text = f"Create {_a(cls)}. Sent again with the same id and values, it returns the same object."
    return mutation(_function(make, f"create_{to_snake_case(cls.__name__)}", text, input=taken, returns=cls))


def _update(cls: type, input: type) -> Callable[..., Any]:
    guard = "deleted_at IS NULL" if entity_of(cls).deletable else "true"

    async def edit(info: Any, input: Any) -> Any:
        values = given(input, without=("expected_version",), nulls=True)
        id = values.pop("id")
        if not values:
            raise Invalid("Set at least one value to change.")
        async with info.context.autocommit() as db:
            return await change(db, cls, id, values, expected=_expected(input), guard=guard)

    taken = _input(
        f"Update{cls.__name__}Input",
        f"Changes to {_a(cls)}. Omitted fields keep their values.",
        input,
        {"id": (strawberry.ID, _named(cls)), "expected_version": (BigInt | None, _EXPECTED)},
        optional=True,
    )
    text = f"Update {_a(cls)}.{' A deleted one must be restored first.' if entity_of(cls).deletable else ''}"
    return mutation(_function(edit, f"update_{to_snake_case(cls.__name__)}", text, input=taken, returns=cls))


def _delete(cls: type, input: type) -> Callable[..., Any]:
    text = f"Delete {_a(cls)}. It can be restored. If it is already deleted, it is returned unchanged."
    return _mark_deleted(cls, "delete", text)


def _restore(cls: type, input: type) -> Callable[..., Any]:
    text = f"Restore a deleted {describe.words(cls)}. If it is not deleted, it is returned unchanged."
    return _mark_deleted(cls, "restore", text)


def _mark_deleted(cls: type, verb: str, text: str) -> Callable[..., Any]:
    guard = "deleted_at IS NULL" if verb == "delete" else "deleted_at IS NOT NULL"

    async def mark(info: Any, input: Any) -> Any:
        async with info.context.autocommit() as db:
            return await set_deleted(db, cls, input, deleted=verb == "delete", guard=guard)

    taken = _input(
        f"{verb.title()}{cls.__name__}Input",
        f"The {describe.words(cls)} to {verb}, and optionally the version it must have.",
        object,
        {"id": (strawberry.ID, _named(cls)), "expected_version": (BigInt | None, _EXPECTED)},
    )
    return mutation(_function(mark, f"{verb}_{to_snake_case(cls.__name__)}", text, input=taken, returns=cls))


async def set_deleted(db: Statements, cls: type[T], input: Any, *, deleted: bool, guard: str) -> T:
    """Mark an object as deleted or not. If it already is as asked, it is returned unchanged."""
    id, expected = id_of(input.id), _expected(input)
    at = datetime.datetime.now(datetime.UTC) if deleted else None
    try:
        return await change(db, cls, id, {"deleted_at": at}, expected=expected, guard=guard)
    except Conflict as conflict:
        if conflict.current is None or conflict.field == ("expected_version",):
            raise
        return cast("T", conflict.current)


def _named(cls: type) -> str:
    return f"The id of the {describe.words(cls)}, a UUID."


def _function(body: Callable[..., Any], name: str, text: str, *, returns: Any, **arguments: Any) -> Callable[..., Any]:
    body.__name__ = body.__qualname__ = name
    body.__doc__ = text
    body.__annotations__ = {"info": strawberry.Info, **arguments, "return": returns}
    return body


def _input(name: str, text: str, source: type, first: dict[str, tuple[Any, str]], *, optional: bool = False) -> type:
    """An input type with the attributes of `source` after those in `first`."""
    texts = describe.attributes(source) if source is not object else {}
    hints = typing.get_type_hints(source) if source is not object else {}
    fields = {key: (of, words, type(None) in typing.get_args(of)) for key, (of, words) in first.items()}
    for key, of in hints.items():
        free = optional or hasattr(source, key)
        fields[key] = (of | None if free else of, texts[key], free)
    body: dict[str, Any] = {
        key: strawberry.field(description=words, **({"default": strawberry.UNSET} if free else {}))
        for key, (_, words, free) in fields.items()
    }
    body["__annotations__"] = {key: of for key, (of, _, _) in fields.items()}
    return strawberry.input(type(name, (), body), description=text)
