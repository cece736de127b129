"""Bulk writes: a mutation over a list of items, written by one statement.

    @mutation(scope="messages:write")
    async def add_message(info: Info, input: AddMessageInput) -> Message: ...

    add_messages = in_bulk(add_message)

The migration of the table declares `add_bulk_insert()`, or has a function of its own that does the same.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import asyncpg
import strawberry
from strawberry.utils.str_converters import to_camel_case

from gateway.errors import Conflict, Invalid, ParleyError, Refused
from gateway.schema.fields.idempotent import made_before, with_request_hash
from gateway.schema.fields.inputs import values_of
from gateway.schema.fields.root import mutation, scopes_of
from gateway.schema.objects import mistakes
from gateway.schema.types import describe

T = TypeVar("T")

MOST_ITEMS = 200
_PARTIAL = "Whether to write the items without mistakes even if others are refused. Defaults to false."


def in_bulk(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make the mutation that does for a list of items what this one does for one, which is to create an object.

    Its name is the plural of the other one's. All items are written, or none; with `partial`, those that are right.
    """
    hints = typing.get_type_hints(function)
    cls: Any = hints["return"]
    item, name = hints["input"], describe.plural(function.__name__)

    async def make(info: Any, input: Any) -> Any:
        return await create_all(info.context, cls, input.items, partial=bool(input.partial))

    each = f"`{to_camel_case(function.__name__)}`"
    make.__name__ = make.__qualname__ = name
    make.__module__ = function.__module__
    make.__doc__ = f"""Like {each} for up to {MOST_ITEMS} items at once. If one is refused, none is written, unless
    `partial` is set. The `field` of each user error begins with `items` and the item's index, from 0.
    """
    make.__annotations__ = {"info": strawberry.Info, "input": _input_of(name, item, each), "return": list[cls | None]}
    return mutation(scope=scopes_of(function))(make)


async def create_all(context: Any, cls: type[T], items: Sequence[Any], *, partial: bool) -> list[T | None]:
    """Create an object for each input, or return those that the same request created before.

    Raises `Refused` with all mistakes. Then nothing is written; with `partial`, only the items without mistakes.
    """
    if len(items) > MOST_ITEMS:
        raise Invalid(f"At most {MOST_ITEMS} items are allowed, not {len(items)}.", field="items")
    rows, errors = list[dict[str, Any] | None](), dict[int, Exception]()
    for index, item in enumerate(items):
        try:
            rows.append(with_request_hash(values_of(item)))
        except Invalid as mistake:
            rows.append(None)
            errors[index] = mistake
    known = [row for row in rows if row is not None]
    if not errors:
        try:
            async with context.autocommit() as db:
                return await db.insert_all(cls, known, for_show=True) if known else []
        except asyncpg.PostgresError as error:
            if context.rules.explain(error) is None:
                raise
    return await _one_by_one(context, cls, rows, errors, partial=partial)


async def _one_by_one(
    context: Any, cls: type[T], rows: Sequence[dict[str, Any] | None], errors: dict[int, Exception], *, partial: bool
) -> list[T | None]:
    """Create the objects by a statement each, which tells what is wrong with which."""
    made = list[T | None]([None] * len(rows))
    try:
        async with context.transaction() as db:
            for index, row in enumerate(rows):
                if row is None:
                    continue
                try:
                    made[index] = await _created(db, cls, row)
                except (Conflict, asyncpg.PostgresError) as error:
                    if not isinstance(error, Conflict) and context.rules.explain(error) is None:
                        raise
                    errors[index] = error
            if errors and not partial:
                raise Refused([])
    except Refused:
        made = []
    if errors:
        told = [each for index in sorted(errors) for each in await _told(context, cls, index, errors[index])]
        raise Refused(told, current=made or None)
    return made


async def _created(db: Any, cls: type[T], row: dict[str, Any]) -> T:
    try:
        async with db.savepoint():
            return await db.insert(cls, row)  # type: ignore[no-any-return]
    except asyncpg.UniqueViolationError as error:
        return await made_before(db, cls, row, error)


async def _told(context: Any, cls: type, index: int, error: Exception) -> list[ParleyError]:
    """The mistakes of one item, each with its place in the input."""
    if isinstance(error, asyncpg.PostgresError):
        found = await mistakes.of_refusal(context, error)
    else:
        found = await mistakes.of_error(context, error, cls.__entity__)  # type: ignore[arg-type, attr-defined]
    for each in found:
        each.field = ("items", str(index), *each.field)
    return found


def _input_of(name: str, item: type, each: str) -> type:
    body: dict[str, Any] = {
        "items": strawberry.field(description=f"The inputs of {each}, at most {MOST_ITEMS}."),
        "partial": strawberry.field(description=_PARTIAL, default=None),
        "__annotations__": {"items": list[item], "partial": bool | None},  # type: ignore[valid-type]
    }
    title = to_camel_case(name)
    made = type(f"{title[:1].upper()}{title[1:]}Input", (), body)
    return strawberry.input(made, description=f"A list of inputs of {each}.")
