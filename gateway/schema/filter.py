"""Filters: an input's attributes become conditions on the columns of their names.

A list means any of its values; the endings `_after`, `_before`, `_from` and `_contains` compare, the last in any case
and normal form (`containing`); `has_` in front asks whether a column has a value. A column that ends in `_at` is named
without that: `created_from` compares `created_at`. An attribute that is left out or null asks nothing.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from gateway.data.statements import Condition
from gateway.schema.containing import pattern
from gateway.schema.entity import Entity, id_of

_ENDINGS = {"_after": "> {}", "_before": "< {}", "_from": ">= {}", "_contains": "~ {}"}


def conditions(entity: Entity, filter: Any) -> tuple[tuple[Condition, ...], tuple[Any, ...]]:
    """The conditions of a filter on an entity and the values of their parameters."""
    if filter is None:
        return (), ()
    given = [(f.name, getattr(filter, f.name)) for f in dataclasses.fields(filter)]
    pairs = [_condition(entity, name, value) for name, value in given if value is not None]
    return tuple(test for test, _ in pairs), tuple(value for _, value in pairs)


def _condition(entity: Entity, name: str, value: Any) -> tuple[Condition, Any]:
    for ending, test in _ENDINGS.items():
        if name.endswith(ending):
            stem = name.removesuffix(ending)
            column = stem if stem in entity.kinds else f"{stem}_at"
            return Condition(column, test), pattern(value, name) if ending == "_contains" else value
    if name.startswith("has_"):
        return Condition(name.removeprefix("has_"), "IS NOT NULL = {}"), value
    if isinstance(value, list) and len(value) != 1:
        return Condition(name, "= ANY({})"), tuple(_plain(name, item) for item in value)
    if isinstance(value, list):
        # As an equality, an index finds the rows and has them in order as well.
        (value,) = value
    return Condition(name, "= {}"), _plain(name, value)


def _plain(name: str, value: Any) -> Any:
    if name == "id" or name.endswith("_id"):
        return id_of(value, f"filter.{to_camel_case(name)}")
    return value.value if isinstance(value, enum.Enum) else value
