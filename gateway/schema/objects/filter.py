"""Filters: the attributes of an input become conditions on the columns that they are named after.

A list matches any of its values, including null: `[null]` finds rows without a value. The suffixes `_after`, `_before`,
`_from` and `_contains` compare; `_contains` ignores case and normal form (`containing`). The prefix `has_` asks whether
a column has a value. Before a suffix, `_at` is omitted: `created_from` compares `created_at`. An attribute whose full
name is a column matches its value, whatever prefix or suffix the name has.

An omitted attribute has its default, also if the whole filter is omitted. Null is no condition, unless the attribute's
default is `UNSET`: then null finds rows without a value.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Iterable
from itertools import chain
from typing import Any
from uuid import UUID

from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from gateway.data.entity import Entity
from gateway.data.statements import Condition
from gateway.schema.objects.entity import id_of
from gateway.schema.types.containing import pattern

CONTAINS = "~ {}"
HAS = "IS NOT NULL = {}"
IS = "= {}"
_ENDINGS = {"_after": "> {}", "_before": "< {}", "_from": ">= {}", "_contains": CONTAINS}


def conditions(entity: Entity, filter: Any) -> tuple[tuple[Condition, ...], tuple[Any, ...]]:
    """The conditions of a filter on an entity, and the values of their parameters."""
    if filter is None:
        return _by_default(entity)
    return _conditions(entity, [(f, getattr(filter, f.name)) for f in dataclasses.fields(filter)])


@functools.cache
def _by_default(entity: Entity) -> tuple[tuple[Condition, ...], tuple[Any, ...]]:
    """The conditions of a list whose filter is omitted: those of attributes with a default other than null."""
    attributes = dataclasses.fields(entity.filter) if entity.filter else ()
    return _conditions(entity, [(f, f.default) for f in attributes if f.default is not dataclasses.MISSING])


def _conditions(
    entity: Entity, attributes: Iterable[tuple[dataclasses.Field[Any], Any]]
) -> tuple[tuple[Condition, ...], tuple[Any, ...]]:
    pairs = [_condition(entity, f.name, value) for f, value in attributes if _asks(f, value)]
    return tuple(test for test, _ in pairs), tuple(chain.from_iterable(values for _, values in pairs))


def tested(entity: Entity, name: str) -> tuple[str, str]:
    """The column and the test that an attribute of a filter stands for."""
    if name not in entity.kinds:
        for ending, test in _ENDINGS.items():
            if name.endswith(ending):
                stem = name.removesuffix(ending)
                return stem if stem in entity.kinds else f"{stem}_at", test
        if name.startswith("has_"):
            return name.removeprefix("has_"), HAS
    return name, IS


def _asks(attribute: dataclasses.Field[Any], value: Any) -> bool:
    return value is not UNSET and (value is not None or attribute.default is UNSET)


def _condition(entity: Entity, name: str, value: Any) -> tuple[Condition, tuple[Any, ...]]:
    column, test = tested(entity, name)
    if test == CONTAINS:
        return Condition(column, test), (pattern(value, name),)
    if test != IS:
        return Condition(column, test), (value,)
    plain = _plain_id if entity.kinds[column] is UUID else _plain
    items = value if isinstance(value, list) else [value]
    values = [plain(name, item) for item in items if item is not None]
    or_null = len(values) < len(items)
    if or_null and not values:
        return Condition(column, "IS NULL"), ()
    if len(values) == 1:
        # With an equality, an index finds the rows and also returns them in order.
        return Condition(column, IS, or_null), (values[0],)
    return Condition(column, "= ANY({})", or_null), (tuple(values),)


def _plain_id(name: str, value: Any) -> Any:
    return id_of(value, f"filter.{to_camel_case(name)}")


def _plain(_name: str, value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value
