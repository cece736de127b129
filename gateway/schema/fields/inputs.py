"""Input types: made for an entity's conventional mutations, and read into values of columns."""

from __future__ import annotations

import datetime
import decimal
import enum
import typing
from collections.abc import Collection, Mapping
from typing import Any

import strawberry

from gateway.errors import Invalid
from gateway.schema.objects.entity import id_of, ids_of, lists_of
from gateway.schema.types import describe
from gateway.schema.types.json_list import is_class
from gateway.vault.row_secrets import SecretForm


def values_of(input: Any, *, without: Collection[str] = (), nulls: bool = False) -> dict[str, Any]:
    """The values that a client set in an input, by column.

    A null counts as not set, so that a new object gets the column's default. With `nulls`, it is the value None, which
    clears or resets the column of an existing object: see `Statements.update`. Lists of objects become what their
    column holds: see `gateway.schema.types.json_list`. Raises `Invalid` with each id that is none.
    """
    cls: type = type(input)
    ids = ids_of(cls)
    try:
        values = _set_values(vars(input), ids, without, nulls)
        for name in lists_of(cls):
            if name in values:
                values[name] = stored(values[name], name)
    except Invalid:
        raise _all_invalid(vars(input), ids, lists_of(cls), without, nulls) from None
    return values


def stored(value: Any, *path: str) -> Any:
    """A value of an input as a JSON column holds it. Raises `Invalid` with the path of an id that is none."""
    if isinstance(value, list):
        return [stored(item, *path, str(index)) for index, item in enumerate(value)]
    cls: type = type(value)
    if is_class(cls):
        ids = ids_of(cls)
        members = ((name, member) for name, member in vars(value).items() if member not in (None, strawberry.UNSET))
        return {
            name: str(id_of(member, *path, name)) if name in ids else stored(member, *path, name)
            for name, member in members
        }
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    return str(value) if isinstance(value, datetime.date | decimal.Decimal) else value


def _set_values(
    values: Mapping[str, Any], ids: Collection[str], without: Collection[str], nulls: bool
) -> dict[str, Any]:
    return {
        name: id_of(value, name) if name in ids and value is not None else value
        for name, value in values.items()
        if value is not strawberry.UNSET and (value is not None or nulls) and name not in without
    }


def _all_invalid(
    values: Mapping[str, Any], ids: Collection[str], lists: Collection[str], without: Collection[str], nulls: bool
) -> Invalid:
    valid: dict[str, Any] = {}
    mistakes: list[Invalid] = []
    for name, value in values.items():
        try:
            one = _set_values({name: value}, ids, without, nulls)
            valid |= {name: stored(one[name], name)} if name in lists and name in one else one
        except Invalid as mistake:
            mistakes.append(mistake)
    first, *others = mistakes
    return Invalid(first.message, field=first.field, others=others, values=valid)


def secret_forms(source: type) -> dict[str, SecretForm]:
    """The attributes of an input's class that are declared with `secret()`."""
    return {name: form for name, form in vars(source).items() if isinstance(form, SecretForm)}


def input_of(name: str, text: str, source: type, first: dict[str, tuple[Any, str]], *, optional: bool = False) -> type:
    """An input type with the attributes of `source` after those in `first`."""
    texts, secrets = describe.attributes(source) if source is not object else {}, secret_forms(source)
    hints = typing.get_type_hints(source) if source is not object else {}
    fields = {key: (of, words, type(None) in typing.get_args(of)) for key, (of, words) in first.items()}
    for key, of in hints.items():
        free = optional or (hasattr(source, key) and key not in secrets)
        fields[key] = (of | None if free else of, texts[key], free)
    body: dict[str, Any] = {
        key: strawberry.field(description=words, **({"default": strawberry.UNSET} if free else {}))
        for key, (_, words, free) in fields.items()
    }
    body["__annotations__"] = {key: of for key, (of, _, _) in fields.items()}
    return strawberry.input(type(name, (), body), description=text)
