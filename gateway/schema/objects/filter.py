"""Filters: the attributes of an input become conditions on the columns that they are named after.

A list matches any of its values, including null: `[null]` finds rows without a value. The suffixes `_after`, `_from`,
`_before` and `_until` compare (`>`, `>=`, `<`, `<=`); `_contains` finds a text in a text, ignoring case and normal form
(`containing`); `_includes` finds rows whose list of texts has any of the given ones. The prefix `has_` asks whether a
column has a value. Before a suffix, `_at` is omitted: `created_from` compares `created_at`. An attribute whose full
name is a column matches its value, whatever prefix or suffix the name has.

An attribute may also be named after the column that a link `through` a join table leads to, such as `tag_id`: it finds
rows that are joined to any of the ids, and `has_tag_id` asks whether a row is joined to anything. What is deleted does
not count.

An omitted attribute is no condition. Null is no condition either, unless the attribute's default is `UNSET`: then null
finds rows without a value. An attribute that is `usually` something is that if a list's filter omits it, or if the list
has no filter; null lifts this condition. In `OR` and `NOT`, it is an attribute like any other.

Each filter also has `OR` and `NOT` (`gateway.schema.objects.combined`).
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from gateway.data.clauses.condition import AnyOf, Combined, Condition, NotAll, Related, Test
from gateway.data.entity import Entity
from gateway.data.statements import Through
from gateway.errors import Invalid
from gateway.schema.objects.combined import MOST_CONDITIONS, MOST_NESTED, NOT, OR
from gateway.schema.objects.entity import id_of
from gateway.schema.types.containing import pattern

CONTAINS = "~ {}"
INCLUDES = "?| {}"
HAS = "IS NOT NULL = {}"
IS = "= {}"
_ANY_OF = "= ANY({})"
_ENDINGS = {
    "_after": "> {}",
    "_from": ">= {}",
    "_before": "< {}",
    "_until": "<= {}",
    "_contains": CONTAINS,
    "_includes": INCLUDES,
}


def conditions(entity: Entity, filter: Any) -> tuple[tuple[Test, ...], tuple[Any, ...]]:
    """The conditions of a filter on an entity, and the values of their parameters.

    Raises `Invalid` that names the attribute at fault by its path, such as `filter.OR.1.textContains`.
    """
    if filter is None:
        return _usual_conditions(entity)
    read = _Reader(entity)
    tests = read.tests(filter, "", 0)
    return Combined(tests) if read.combined else tests, tuple(read.values)


@functools.cache
def _usual_conditions(entity: Entity) -> tuple[tuple[Test, ...], tuple[Any, ...]]:
    """The conditions of a list without a filter."""
    read = _Reader(entity)
    known = attributes(entity, entity.filter) if entity.filter is not None else ()
    tests = tuple(read.test(each, each.name, each.usual) for each in known if each.usual is not UNSET)
    return tests, tuple(read.values)


def usually(value: Any) -> Any:
    """Declare an attribute of a filter with the value that it has in a list unless a client sets it."""
    return strawberry.field(default=UNSET, metadata={_USUAL: value})


_USUAL = "usual"


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


def join_tables(entity: Entity) -> Mapping[str, set[Through]]:
    """The join tables of an entity's links, by the column that leads to the other type."""
    tables: dict[str, set[Through]] = {}
    for link in entity.links.values():
        if link.through is not None:
            tables.setdefault(link.through.to, set()).add(link.through)
    return tables


class _Attribute(NamedTuple):
    """An attribute of a filter."""

    name: str
    column: str
    test: str
    through: Through | None
    """The join table to search, if the attribute does not test a column."""
    null_asks: bool
    """Whether null finds rows without a value."""
    usual: Any
    """The value in a list whose filter omits it; `UNSET` if that is no condition."""


@functools.lru_cache(maxsize=1024)
def attributes(entity: Entity, filter: type) -> tuple[_Attribute, ...]:
    """The attributes of a filter of an entity, without `OR` and `NOT`."""
    joined = join_tables(entity)
    found = []
    for each in dataclasses.fields(filter):
        if each.name not in (OR, NOT):
            column, test = tested(entity, each.name)
            through = None if column in entity.kinds else next(iter(joined.get(column, ())), None)
            usual = each.metadata.get(_USUAL, UNSET)
            null_asks = each.default is UNSET and usual is UNSET
            found.append(_Attribute(each.name, column, test, through, null_asks, usual))
    return tuple(found)


@dataclasses.dataclass(slots=True)
class _Reader:
    """Reads a filter and those that it contains."""

    entity: Entity
    values: list[Any] = dataclasses.field(default_factory=list)
    combined: bool = False
    count: int = 0

    def tests(self, filter: Any, path: str, depth: int) -> tuple[Test, ...]:
        tests: list[Test] = []
        cls: Any = type(filter)
        for attribute in attributes(self.entity, cls):
            value = getattr(filter, attribute.name)
            if value is UNSET and not depth:
                value = attribute.usual
            if value is not UNSET and (value is not None or attribute.null_asks):
                tests.append(self.test(attribute, path + attribute.name, value))
        if (others := getattr(filter, OR, None)) is not None:
            if not others:
                self._add(path + OR)
            each = [self._nested(other, f"{path}{OR}.{n}", depth) for n, other in enumerate(others)]
            self.combined = True
            tests.append(AnyOf(tuple(each)))
        if (other := getattr(filter, NOT, None)) is not None:
            tests.append(NotAll(self._nested(other, path + NOT, depth)))
        if not tests and depth:
            # A filter without conditions counts as well, or a client could send any number of them.
            self._add(path.removesuffix("."))
        return tuple(tests)

    def test(self, attribute: _Attribute, name: str, value: Any) -> Test:
        """The condition that an attribute has this value. `name` is its path."""
        self._add(name)
        living = self.entity.joined.get(attribute.column, "")
        test, values = (
            _related(attribute, living, name, value) if attribute.through else self._test(attribute, name, value)
        )
        self.values += values
        return test

    def _nested(self, filter: Any, path: str, depth: int) -> tuple[Test, ...]:
        self.combined = True
        if depth == MOST_NESTED:
            raise _invalid(path, f"{OR} and {NOT} may be nested {MOST_NESTED} deep")
        return self.tests(filter, f"{path}.", depth + 1)

    def _add(self, name: str) -> None:
        self.count += 1
        if self.count > MOST_CONDITIONS:
            raise _invalid(name, f"a filter has at most {MOST_CONDITIONS} conditions")

    def _test(self, attribute: _Attribute, name: str, value: Any) -> tuple[Test, tuple[Any, ...]]:
        column, test = attribute.column, attribute.test
        if test == CONTAINS:
            return Condition(column, test), (pattern(value, name),)
        if test != IS:
            return Condition(column, test), (tuple(value) if test == INCLUDES else value,)
        plain = _plain_id if self.entity.kinds[column] is UUID else _plain
        items = value if isinstance(value, list) else [value]
        values = [plain(name, item) for item in items if item is not None]
        or_null = len(values) < len(items)
        if or_null and not values:
            return Condition(column, "IS NULL"), ()
        if len(values) == 1:
            # With an equality, an index finds the rows and also returns them in order.
            return Condition(column, IS, or_null), (values[0],)
        return Condition(column, _ANY_OF, or_null), (tuple(values),)


def _related(attribute: _Attribute, living: str, name: str, value: Any) -> tuple[Test, tuple[Any, ...]]:
    through = attribute.through
    assert through is not None  # noqa: S101 - the caller has checked it
    table = through.table, through.by, through.to
    if attribute.test == HAS:
        return Related(*table, deletable=through.deletable, exists=value, living=living), ()
    ids = [_plain_id(name, item) for item in (value if isinstance(value, list) else [value])]
    if len(ids) == 1:
        return Related(*table, IS, through.deletable, living=living), (ids[0],)
    return Related(*table, _ANY_OF, through.deletable, living=living), (tuple(ids),)


def _invalid(name: str, reason: str) -> Invalid:
    field = f"filter.{to_camel_case(name)}"
    return Invalid(f"{field}: {reason}.", field=field)


def _plain_id(name: str, value: Any) -> Any:
    return id_of(value, f"filter.{to_camel_case(name)}")


def _plain(_name: str, value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value
