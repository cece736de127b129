"""Random operations that are valid on a schema, whatever the schema.

Nothing is generated and then thrown away: what would not validate is not written. Two fields are in conflict when one
response key stands for both, so in one operation a key stands for one field, with its arguments and type, always.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationType,
    get_named_type,
    is_composite_type,
    is_leaf_type,
)
from graphql.utilities.type_comparators import do_types_overlap

from gateway.execution.prepare.request import OperationRequest
from tests.parity.generation.choices import Choices
from tests.parity.generation.values import Leaf, Values, scalar

Kind = Literal["query", "mutation", "subscription"]
Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType

ALIASES = ("a", "b", "c", "node", "name", "id")
"""Some of them names of fields, so that a key says nothing of what stands behind it."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large an operation may get."""

    depth: int = 4
    width: int = 4
    roots: int = 3
    fields: int = 60


@dataclass(frozen=True, slots=True)
class Generated:
    """An operation, and which constructs it was made of."""

    request: OperationRequest
    seen: frozenset[str]

    def __repr__(self) -> str:
        return f"\n{self.request.query}\nvariables: {self.request.variables}\n"


@dataclass(frozen=True, slots=True)
class Operations:
    """Writes valid operations on a schema. `leaf` gives the values of scalars; `without` names fields not to
    select, and `rare` arguments to give seldom.
    """

    schema: GraphQLSchema
    leaf: Leaf = scalar
    size: Size = Size()
    without: frozenset[str] = frozenset()
    rare: frozenset[str] = frozenset()

    def write(self, choices: Choices, kind: Kind = "query") -> Generated:
        """The operation that follows from the choices."""
        return _Writer(self, choices).operation(kind)


@dataclass(frozen=True, slots=True)
class _Written:
    """A field as it was written: its key and what stands behind it."""

    key: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class _Fragment:
    name: str
    on: Composite
    text: str
    cost: int


@dataclass(slots=True)
class _Writer:
    of: Operations
    choices: Choices
    seen: set[str] = field(default_factory=set)
    keys: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    written: defaultdict[str, list[_Written]] = field(default_factory=lambda: defaultdict(list))
    fragments: list[_Fragment] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    cost: int = 0
    values: Values = field(init=False)

    def __post_init__(self) -> None:
        self.values = Values(self.choices, self.of.leaf, self.seen, self.of.rare)

    def operation(self, kind: Kind) -> Generated:
        root = self.of.schema.get_root_type(OperationType(kind))
        assert root is not None
        if kind == "subscription":
            body = "{ " + self._field(root, self.of.size.depth, directives=False) + " }"
        else:
            body = self._selection_set(root, self.of.size.depth, self.of.size.roots)
        definition = self._header(kind) + body
        parts = [*(f"fragment {each.name} on {each.on} {each.text}" for each in self.fragments), definition]
        if self.choices.chance(50):
            parts.reverse()
        name = "Chosen" if definition.startswith(f"{kind} Chosen") else None
        if name and self.choices.chance(30):
            self.seen.add("several operations")
            parts.insert(0, "query Other { __typename }")
        request = OperationRequest("\n".join(parts), name, self.values.sent)
        return Generated(request, frozenset(self.seen))

    def _header(self, kind: Kind) -> str:
        declared = ", ".join(map(str, self.values.declared))
        variables = f"({declared})" if declared else ""
        if self.choices.chance(30):
            return f"{kind} Chosen{variables} "
        return f"{kind}{variables} " if variables or kind != "query" else ""

    def _selection_set(self, of: Composite, depth: int, width: int | None = None) -> str:
        count = 1 + self.choices.below(width or self.of.size.width)
        if width and count > 1:
            self.seen.add("several root fields")
        return "{ " + " ".join(self._selection(of, depth) for _ in range(count)) + " }"

    def _selection(self, of: Composite, depth: int) -> str:
        roll = self.choices.below(100)
        if self.cost > self.of.size.fields or roll >= 95:
            return self._typename()
        if roll >= 83 and depth > 0:
            return self._inline(of, depth)
        if roll >= 70 and depth > 0:
            return self._spread(of, depth)
        if roll >= 58 and self.written[of.name]:
            return self._again(of, depth)
        return self._field(of, depth)

    def _typename(self) -> str:
        self.seen.add("__typename")
        self.cost += 1
        key = self._key("__typename", "", "String!")
        return self._named(key, "__typename") + self._directives()

    def _inline(self, of: Composite, depth: int) -> str:
        if self.choices.chance(25):
            self.seen.add("inline fragment without condition")
            condition, on = "", of
        else:
            on = self.choices.one_of(list(self._overlapping(of)))
            self.seen.add(f"inline fragment on {_kind(on)} in {_kind(of)}" + (" itself" if on is of else ""))
            condition = f" on {on}"
        directives = self._directives()
        if directives:
            self.seen.add("directive on inline fragment")
        return f"...{condition}{directives} {self._selection_set(on, depth - 1, None)}"

    def _spread(self, of: Composite, depth: int) -> str:
        fits = [
            each
            for each in self.fragments
            if do_types_overlap(self.of.schema, of, each.on) and self.cost + each.cost < self.of.size.fields
        ]
        if fits and self.choices.chance(50):
            fragment = self.choices.one_of(fits)
            self.seen.add("fragment used twice")
            self.cost += fragment.cost
        else:
            fragment = self._fragment(self.choices.one_of(list(self._overlapping(of))), depth - 1)
        directives = self._directives()
        if directives:
            self.seen.add("directive on spread")
        return f"...{fragment.name}{directives}"

    def _fragment(self, on: Composite, depth: int) -> _Fragment:
        before, known = self.cost, len(self.fragments)
        text = self._selection_set(on, depth)
        self.seen.add(f"fragment on {_kind(on)}")
        if len(self.fragments) > known:
            self.seen.add("fragment within a fragment")
        made = _Fragment(f"F{len(self.fragments)}", on, text, self.cost - before)
        self.fragments.append(made)
        return made

    def _field(self, of: Composite, depth: int, *, directives: bool = True) -> str:
        chosen = self._chosen(of, depth)
        if chosen is None:
            return self._typename()
        name, definition = chosen
        arguments = self.values.arguments(definition.args, get_named_type(definition.type).name)
        key = self._key(name, arguments, str(definition.type))
        self.written[of.name].append(_Written(key, name, arguments))
        return self._whole(key, name, arguments, definition, depth, directives=directives)

    def _again(self, of: Composite, depth: int) -> str:
        """A field that stands on this type already, with other selections: the two are merged."""
        again = self.choices.one_of(self.written[of.name])
        definition = _fields(of)[again.name]
        if is_composite_type(get_named_type(definition.type)) and depth <= 0:
            return self._typename()
        self.seen.add("field written again" if is_leaf_type(get_named_type(definition.type)) else "fields merged")
        return self._whole(again.key, again.name, again.arguments, definition, depth)

    def _whole(
        self, key: str, name: str, arguments: str, definition: GraphQLField, depth: int, *, directives: bool = True
    ) -> str:
        self.cost += 1
        text = self._named(key, name) + arguments + (self._directives() if directives else "")
        named: Any = get_named_type(definition.type)
        return f"{text} {self._selection_set(named, depth - 1)}" if is_composite_type(named) else text

    def _chosen(self, of: Composite, depth: int) -> tuple[str, GraphQLField] | None:
        """A field of the type, rather one with fields of its own where there is room for them."""
        allowed = {name: each for name, each in _fields(of).items() if name not in self.of.without}
        leaves = [item for item in allowed.items() if is_leaf_type(get_named_type(item[1].type))]
        others = [item for item in allowed.items() if item not in leaves] if depth > 0 else []
        options = others if others and (not leaves or self.choices.chance(60)) else leaves
        return self.choices.one_of(options) if options else None

    def _key(self, name: str, arguments: str, of: str) -> str:
        """A response key that stands for nothing else."""
        behind = (name, arguments, of)
        first = self.choices.one_of(ALIASES) if self.choices.chance(20) else name
        others = (f"{name}{number}" for number in itertools.count(2))
        return next(
            key for key in itertools.chain((first, name), others) if self.keys.setdefault(key, behind) == behind
        )

    def _named(self, key: str, name: str) -> str:
        if key == name:
            return name
        self.seen.add("alias")
        return f"{key}: {name}"

    def _directives(self) -> str:
        if not self.choices.chance(9):
            return ""
        names = self.choices.one_of((("include",), ("skip",), ("skip", "include"), ("include", "skip")))
        self.seen.update(f"@{name}" for name in names)
        return "".join(f" @{name}(if: {self.values.condition()})" for name in names)

    def _overlapping(self, of: Composite) -> Iterator[Composite]:
        yield from _overlapping(self.of.schema, of.name)


@functools.cache
def _overlapping(schema: GraphQLSchema, name: str) -> tuple[Composite, ...]:
    """The types that a fragment may be on inside this type: itself first."""
    of: Any = schema.type_map[name]
    composite: list[Any] = [each for each in schema.type_map.values() if is_composite_type(each)]
    others = [each for each in composite if each is not of and not each.name.startswith("__")]
    return (of, *(each for each in others if do_types_overlap(schema, of, each)))


def _fields(of: Composite) -> dict[str, GraphQLField]:
    return {} if isinstance(of, GraphQLUnionType) else of.fields


def _kind(of: GraphQLNamedType) -> str:
    return {"GraphQLObjectType": "object", "GraphQLInterfaceType": "interface"}.get(type(of).__name__, "union")
