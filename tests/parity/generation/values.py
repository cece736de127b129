"""Random arguments: literals, variables with and without defaults, and what is sent for them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLScalarType,
    Undefined,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)

from tests.parity.generation.choices import Choices

Taker = GraphQLArgument | GraphQLInputField


Leaf = Callable[[Choices, str, GraphQLNamedType], Any]
"""A value as JSON for a scalar, by the name of the argument or field that takes it."""


class Word(str):
    """A member of an enumeration: a string as JSON, a bare word as a literal."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that the operation declares, and all that may be known of its value."""

    name: str
    type: str
    default: str | None

    def __str__(self) -> str:
        return f"${self.name}: {self.type}" + (f" = {self.default}" if self.default is not None else "")


@dataclass(slots=True)
class Values:
    """Writes the arguments of one operation, and gathers its variables."""

    choices: Choices
    leaf: Leaf
    seen: set[str]
    rare: frozenset[str] = frozenset()
    """Arguments that are seldom given, because with them little is left of an answer."""
    declared: list[Variable] = field(default_factory=list)
    sent: dict[str, Any] = field(default_factory=dict)

    def arguments(self, takers: Mapping[str, GraphQLArgument], of: str) -> str:
        """What stands in the brackets behind a field's name, with them; empty when nothing does.

        `of` is the type of the field: its `id` is one of this type, and is named so to `leaf`.
        """
        own_id = f"{of[:1].lower()}{of[1:]}Id"
        given = {
            name: self.literal(own_id if name == "id" else name, taker.type, has_default=_has_default(taker))
            for name, taker in takers.items()
            if is_required_argument(taker) or self.choices.chance(6 if name in self.rare else 35)
        }
        if takers and not given:
            self.seen.add("arguments left out")
        return f"({', '.join(f'{name}: {text}' for name, text in given.items())})" if given else ""

    def condition(self) -> str:
        """The `if` of a directive."""
        if self.choices.chance(55):
            self.seen.add("condition by variable")
            return self._variable("if", "Boolean!", False, lambda: self.choices.chance(60))
        self.seen.add("condition by literal")
        return "true" if self.choices.chance(60) else "false"

    def literal(
        self, name: str, of: GraphQLInputType, *, has_default: bool = False, constant: bool = False, depth: int = 0
    ) -> str:
        """A valid value as it stands in a document; a constant holds no variable."""
        if not constant and self.choices.chance(35):
            return self._variable_for(name, of, has_default, depth)
        if isinstance(of, GraphQLNonNull):
            return self._content(name, of.of_type, constant, depth)
        if self.choices.chance(12):
            self.seen.add("null literal")
            return "null"
        return self._content(name, of, constant, depth)

    def _content(self, name: str, of: Any, constant: bool, depth: int) -> str:
        match of:
            case GraphQLList(of_type=item):
                if self.choices.chance(20):
                    self.seen.add("single value for a list")
                    return self._content(name, get_named_type(item), constant, depth)
                items = [self.literal(name, item, constant=constant, depth=depth) for _ in range(self.choices.below(3))]
                return f"[{', '.join(items)}]"
            case GraphQLInputObjectType():
                return self._object(of, constant, depth)
            case GraphQLScalarType(name="JSON") if not constant and self.choices.chance(50):
                return self._json_literal()
            case _:
                return literal(self._plain(name, of))

    def _json_literal(self) -> str:
        """A literal of JSON with variables in it."""
        self.seen.add("variable in JSON")
        text, listed, inner = (
            self._variable("json", of, True, functools.partial(self.choices.one_of, _IN_JSON[of]))
            for of in (self.choices.one_of(tuple(_IN_JSON)) for _ in range(3))
        )
        return f"{{text: {text}, list: [1, {listed}, {{inner: {inner}}}]}}"

    def _object(self, of: GraphQLInputObjectType, constant: bool, depth: int) -> str:
        self.seen.add("nested input" if depth else "input object")
        before = len(self.declared)
        if of.is_one_of:
            self.seen.add("input of which one")
            name = self.choices.one_of(list(of.fields))
            one: Any = of.fields[name].type
            if not constant and self.choices.chance(35):
                # No default would do here: the variable itself may not be null.
                sent = functools.partial(self._json_content, name, one, depth)
                return f"{{{name}: {self._variable(name, f'{one}!', False, sent)}}}"
            return f"{{{name}: {self._content(name, one, constant, depth + 1)}}}"
        fields = {
            name: self.literal(name, taker.type, has_default=_has_default(taker), constant=constant, depth=depth + 1)
            for name, taker in self._taken(of, depth)
        }
        if len(self.declared) > before:
            self.seen.add("variable in an input")
        return "{" + ", ".join(f"{name}: {text}" for name, text in fields.items()) + "}"

    def _taken(self, of: GraphQLInputObjectType, depth: int) -> list[tuple[str, GraphQLInputField]]:
        """The fields of an input that are given: those that must be, and fewer of the others the deeper it goes."""
        return [
            (name, taker)
            for name, taker in of.fields.items()
            if is_required_input_field(taker) or self.choices.chance(45 // (1 + depth))
        ]

    def json(self, name: str, of: GraphQLInputType, depth: int = 0) -> Any:
        """A valid value as it is sent for a variable."""
        match of:
            case GraphQLNonNull(of_type=inner):
                return self._json_content(name, inner, depth)
            case _:
                return None if self.choices.chance(12) else self._json_content(name, of, depth)

    def _json_content(self, name: str, of: Any, depth: int) -> Any:
        match of:
            case GraphQLList(of_type=item):
                if self.choices.chance(20):
                    self.seen.add("single value for a list")
                    return self._json_content(name, get_named_type(item), depth)
                return [self.json(name, item, depth) for _ in range(self.choices.below(3))]
            case GraphQLInputObjectType(is_one_of=True):
                chosen = self.choices.one_of(list(of.fields))
                return {chosen: self.json(chosen, GraphQLNonNull(of.fields[chosen].type), depth + 1)}
            case GraphQLInputObjectType():
                return {name: self.json(name, taker.type, depth + 1) for name, taker in self._taken(of, depth)}
            case _:
                return self._plain(name, of)

    def _plain(self, name: str, of: GraphQLNamedType) -> Any:
        if isinstance(of, GraphQLEnumType):
            self.seen.add("enumeration")
            return Word(self.choices.one_of(list(of.values)))
        return self.leaf(self.choices, name, of)

    def _variable_for(self, name: str, of: GraphQLInputType, has_default: bool, depth: int) -> str:
        """A variable that may stand here: one of the same or a stricter type, or a looser one with a default."""
        text = str(of)
        nullable: Any = of.of_type if isinstance(of, GraphQLNonNull) else of
        if isinstance(of, GraphQLNonNull) and (has_default or self.choices.chance(30)):
            # Allowed for its default or the argument's own; a null that is sent is then refused when the field runs.
            default = None if has_default and self.choices.chance(50) else self._constant(name, of, depth)
            return self._variable(name, str(nullable), True, lambda: self.json(name, nullable, depth), default)
        if not isinstance(of, GraphQLNonNull) and self.choices.chance(20):
            return self._variable(name, f"{text}!", False, lambda: self._json_content(name, nullable, depth))
        default = self._constant(name, of, depth) if self.choices.chance(35) else None
        may_be_left_out = default is not None or not isinstance(of, GraphQLNonNull)
        return self._variable(name, text, may_be_left_out, lambda: self.json(name, of, depth), default)

    def _constant(self, name: str, of: GraphQLInputType, depth: int) -> str:
        return self.literal(name, of, constant=True, depth=depth)

    def _variable(
        self, hint: str, of: str, optional: bool, value: Callable[[], Any], default: str | None = None
    ) -> str:
        """A variable of exactly this type: one that is declared already, or a new one with a value or without."""
        again = [known for known in self.declared if known.type == of and known.default == default]
        if again and self.choices.chance(40):
            self.seen.add("variable used twice")
            return f"${self.choices.one_of(again).name}"
        made = Variable(f"{hint}_{len(self.declared)}", of, default)
        self.declared.append(made)
        self.seen.add("variable")
        if default is not None:
            self.seen.add("variable with a default")
        if optional and self.choices.chance(35):
            self.seen.add("variable left out")
        else:
            self.sent[made.name] = value()
            if self.sent[made.name] is None:
                self.seen.add("variable that is null")
        return f"${made.name}"


_IN_JSON: dict[str, tuple[Any, ...]] = {
    "String": ("text", "7", None),
    "Decimal": ("1.50", 0.1),
    "DateTime": ("2020-01-31T12:00:00+02:00",),
    "[Float]": (1.5, [0.5, None]),
    "ToolStatus": ("PENDING",),
    "ConversationFilter": ({"isPinned": True},),
    "JSON": ({"a b": [{}, None]}, "text", 2**63),
}
"""What may be sent for a variable in a literal of JSON, by the variable's type."""


def literal(value: Any) -> str:
    """A value as JSON, as it is written in a document."""
    match value:
        case Word():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{name}: {literal(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(literal, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def scalar(choices: Choices, name: str, of: GraphQLNamedType) -> Any:
    """A valid value of a scalar that GraphQL itself has; of any other, a text."""
    named = get_named_type(of).name
    options = _SCALARS.get(named, _SCALARS["String"])
    return choices.one_of(options)


_SCALARS: dict[str, list[Any]] = {
    "Int": [0, 1, -7, 2**31 - 1],
    "Float": [0.5, 2, -1e3],
    "Boolean": [False, True],
    "ID": ["one", "2", 3],
    "String": ["", "text", 'a "quoted" \\ line\nand another', "ünï — 漢字 🎈", "{$name}"],
}


def _has_default(taker: Taker) -> bool:
    return taker.default is not None or taker.default_value is not Undefined
