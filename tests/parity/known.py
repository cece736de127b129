"""What there is to ask for in an estate: the values of arguments that lead to something, and some that do not."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLNamedType

from tests.kit.estate import Estate
from tests.parity.generation.choices import Choices
from tests.parity.generation.values import scalar

CURSORS = """{
    viewer {
        conversations { pageInfo { endCursor } nodes { messages(first: 1) { pageInfo { endCursor } } } }
        oldest: conversations(orderBy: OLDEST) { pageInfo { endCursor } }
        toolExecutions(first: 2) { pageInfo { endCursor } }
        usageLogs { pageInfo { endCursor } }
        sessions { pageInfo { endCursor } }
    }
}"""

FEED_CURSORS = ("1.0", "1.5", "1.20")
TYPES = ("Conversation", "Message", "ToolExecution")

RARE = frozenset({"after", "before", "last", "expectedVersion"})
"""Arguments with which little is left of most answers."""


def kinds_named(name: str, kinds: Iterable[str]) -> list[str]:
    """The types whose ids an argument or input field of this name takes, such as `Message` of `messageId`."""
    return [kind for kind in kinds if (name[:1].upper() + name[1:]).startswith(kind)]


@dataclass(frozen=True, slots=True)
class Known:
    """Ids, cursors and a word of an estate."""

    ids: dict[str, list[str]]
    """Some of each type."""
    cursors: list[str]
    word: str

    @classmethod
    async def of(cls, estate: Estate) -> Known:
        found = await estate.client.data(CURSORS)
        ids = {kind: ids[:3] for kind, ids in estate.ids.items()}
        return cls(ids, [*sorted(set(_cursors_in(found))), *FEED_CURSORS], estate.canary)

    def leaf(self, choices: Choices, name: str, of: GraphQLNamedType) -> Any:
        """A value of a scalar: mostly one that leads to something, sometimes one that is refused."""
        match of.name:
            case "ID":
                own = kinds_named(name, self.ids)
                kinds = own if own and choices.chance(80) else self.ids
                ids = [id for kind in kinds for id in self.ids[kind]]
                return choices.one_of((*ids * 3, str(uuid.UUID(int=choices.below(9))), "no id", ""))
            case "Cursor":
                return choices.one_of((*self.cursors, "no-cursor"))
            case "Int" if name in ("first", "last"):
                return choices.one_of((1, 2, 3, 5, 0, 10, 50, 1, 2, 3, 4, 5, 200, 201, -1))
            case "String" if name == "types":
                return choices.one_of((*TYPES * 3, "Nothing"))
            case "String":
                return choices.one_of((self.word, self.word, "something else", "", "100%_\\"))
            case _:
                return plain(choices, name, of)


def plain(choices: Choices, name: str, of: GraphQLNamedType) -> Any:
    """A valid value of a scalar that is Parley's own or GraphQL's."""
    options = _VALUES.get(of.name)
    return scalar(choices, name, of) if options is None else choices.one_of(options)


_VALUES: dict[str, tuple[Any, ...]] = {
    "Date": ("2020-01-31", "2999-12-31", "2026-01-31"),
    "DateTime": ("2020-01-31T12:00:00Z", "2999-12-31T00:00:00+02:00"),
    "Decimal": ("1.5", 2, "0.000001"),
    "BigInt": (1, "2", 2**40),
    "Cursor": ("no-cursor",),
    "JSON": ({}, {"note": [1, None, "x"]}, [], "text"),
}


def _cursors_in(value: Any) -> list[str]:
    match value:
        case {"endCursor": str(cursor)}:
            return [cursor]
        case dict():
            return [cursor for item in value.values() for cursor in _cursors_in(item)]
        case list():
            return [cursor for item in value for cursor in _cursors_in(item)]
    return []
