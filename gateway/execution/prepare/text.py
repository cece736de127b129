"""Refuse values that cannot be stored as they were sent, before they are altered or cause a PostgreSQL error.

JSON and GraphQL strings may hold U+0000 and lone surrogates; PostgreSQL's `text` and `jsonb` may not. JSON numbers may
have any size, but an integer of more than 64 bits would be parsed as a float, which is another number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    Node,
    ObjectFieldNode,
    StringValueNode,
    VariableDefinitionNode,
    Visitor,
    visit,
)

from gateway.errors import BadRequest
from gateway.execution.prepare.request import RequestErrors

MAX_NESTING = 64

NAMED = (FieldNode, ArgumentNode, ObjectFieldNode, VariableDefinitionNode)

Path = tuple[str | int, ...]

_TEXTLESS = frozenset({int, float, bool, type(None)})
_EXACT = frozenset({str, int, bool, type(None)})

_DIGITS_AS_ZEROS = bytes(ord("0") if chr(byte).isdecimal() else byte for byte in range(128)) + bytes(range(128, 256))
FEWEST_LARGE_DIGITS = 19
"""The fewest digits of an integer of more than 64 bits."""

_MANY_ZEROS = b"0" * FEWEST_LARGE_DIGITS


class OversizedInteger:
    """Stands for an integer of more than 64 bits in parsed JSON."""


def is_storable_json(text: bytes) -> bool:
    """Whether JSON in these bytes certainly holds only text that can be stored. False means that it is not certain.

    What PostgreSQL cannot store can only enter a JSON string by an escape: JSON does not allow an unescaped control
    character, nor UTF-8 a surrogate.
    """
    return b"\\u" not in text and text.count(b"{") + text.count(b"[") <= MAX_NESTING


def may_hold_large_integers(text: bytes) -> bool:
    """Whether JSON in these bytes may hold an integer of more than 64 bits. False is certain, True is not."""
    return _MANY_ZEROS in text.translate(_DIGITS_AS_ZEROS)


def are_exact(variables: object) -> bool:
    """Whether parsed variables certainly hold the numbers that were sent. False means that it is not certain.

    An integer of more than 64 bits is parsed as a float.
    """
    return not variables or (type(variables) is dict and _EXACT.issuperset(map(type, variables.values())))


def check_variables(variables: Mapping[str, Any]) -> None:
    """Refuse variables that hold text or numbers that cannot be stored as they were sent, or that nest too deeply."""
    if not _is_storable(variables):
        _find_fault(variables)


def _is_storable(variables: Mapping[str, Any]) -> bool:
    """Whether the variables certainly have no fault. Keeps no paths, so it is quick."""
    level: list[Any] = [variables]
    for _ in range(MAX_NESTING):
        below: list[Any] = []
        for container in level:
            items = container
            if type(container) is dict:
                if not all(map(_is_text, container)):
                    return False
                items = container.values()
            for item in items:
                kind = type(item)
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is str:
                    if not _is_text(item):
                        return False
                elif kind not in _TEXTLESS:
                    return False
        if not below:
            return True
        level = below
    return False


def _is_text(text: str) -> bool:
    return "\0" not in text and (text.isascii() or _lone_surrogate(text) is None)


def _find_fault(variables: Mapping[str, Any]) -> None:
    pending: list[tuple[Path, Any]] = [(("variables",), variables)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, str):
            _check(value, path)
        elif isinstance(value, Mapping | list):
            if len(path) > MAX_NESTING:
                raise _refusal(f"{_dotted(path[:4])}… is nested more than {MAX_NESTING} levels deep")
            pending.extend(_members(value, path))
        elif isinstance(value, OversizedInteger):
            raise _refusal(f"{_dotted(path)} contains an integer of more than 64 bits")


def _members(value: Mapping[str, Any] | list[Any], path: Path) -> list[tuple[Path, Any]]:
    if isinstance(value, list):
        return [((*path, index), item) for index, item in enumerate(value)]
    for key in value:
        _check(key, (*path, "(a key)"))
    return [((*path, key), item) for key, item in value.items()]


def check_literals(document: DocumentNode) -> None:
    """Refuse a document with a string literal that cannot be stored."""
    text = document.loc.source.body if document.loc else "\0"
    if "\0" in text or "\\u" in text:  # such text can enter a literal in no other way
        visit(document, _Literals())


class _Literals(Visitor):
    def enter_string_value(
        self, node: StringValueNode, _key: Any, parent: Any, _path: Any, ancestors: list[Any]
    ) -> None:
        _check(
            node.value,
            tuple(_name(above) for above in (*ancestors, parent) if isinstance(above, NAMED)),
            node,
        )


def _name(node: FieldNode | ArgumentNode | ObjectFieldNode | VariableDefinitionNode) -> str:
    return f"${node.variable.name.value}" if isinstance(node, VariableDefinitionNode) else node.name.value


def _check(text: str, path: Path, node: Node | None = None) -> None:
    if "\0" in text:
        fault = "a NUL character (U+0000), which cannot be stored"
    elif surrogate := _lone_surrogate(text):
        fault = f"a lone surrogate (U+{ord(surrogate):04X}), which is not a character"
    else:
        return
    raise _refusal(f"{_dotted(path)} holds {fault}", node)


def _lone_surrogate(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return text[error.start]
    return None


def _dotted(path: Collection[str | int]) -> str:
    """The path in dotted form, with unprintable characters of its keys replaced."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:200])


def _refusal(message: str, node: Node | None = None) -> RequestErrors:
    return RequestErrors([GraphQLError(message, node)], BadRequest.code)
