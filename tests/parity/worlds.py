"""Worlds: how the fields of a small schema answer, well or badly, at once or later.

A world is a short table of manners. Each position of an answer (an object's key, a field with its arguments, an index)
picks its manner from the table by a checksum, so that every executor meets the same, whatever it asks first, and
Hypothesis makes a failing example smaller by making manners plain.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import zlib
from collections.abc import AsyncIterator, Awaitable, Coroutine, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
)

from tests.parity.manners import Form, Manner, Timing, World


class Broken(Exception):
    """What a resolver of a world raises."""


class Coded(GraphQLError):
    """What a resolver raises that knows GraphQL."""


@dataclass(slots=True)
class Run:
    """One execution in a world: the context that its resolvers get, and which of them were called."""

    world: World
    schema: GraphQLSchema
    calls: list[str] = field(default_factory=list)
    coroutines: list[Coroutine[Any, Any, Any]] = field(default_factory=list)
    tasks: set[asyncio.Future[Any]] = field(default_factory=set)
    in_results: list[Coroutine[Any, Any, Any]] = field(default_factory=list)
    """Coroutines in the results of tasks. A task that ends before it is dropped keeps them to itself."""

    def later(self, turns: int, value: _Thunk) -> Coroutine[Any, Any, Any]:
        made = _later(turns, value)
        (self.in_results if asyncio.current_task() in self.tasks else self.coroutines).append(made)
        return made

    def task(self, value: _Thunk) -> asyncio.Future[Any]:
        made = asyncio.ensure_future(self.later(1, value))
        self.tasks.add(made)
        return made

    def left_behind(self) -> int:
        """How many coroutines were handed to the engine and neither awaited to their end nor closed."""
        return sum(inspect.getcoroutinestate(each) != inspect.CORO_CLOSED for each in self.coroutines)

    def close(self) -> None:
        """Close the coroutines that were never awaited, so that they are not told of when they are collected."""
        for each in (*self.coroutines, *self.in_results):
            if inspect.getcoroutinestate(each) == inspect.CORO_CREATED:
                each.close()

    def roots(self) -> list[str]:
        """The fields of the root that were called, in order."""
        return [call for call in self.calls if "." not in call.partition(" of ")[0]]

    def answer(self, of: Any, key: str) -> Any:
        """What a resolver of this type returns: raises, returns or returns what must be awaited."""
        manner = self.world.manner(key)
        return _in_time(manner.timing, self._thunk(of, key, manner))

    def _item(self, of: Any, key: str) -> Any:
        """What stands in a list: it cannot raise, but can be an exception or an awaitable that raises."""
        manner = self.world.manner(key)
        if manner.timing == "now" and manner.fault in ("raises", "has a code"):
            return Broken(f"{key} is broken")
        return _in_time(manner.timing, self._thunk(of, key, manner))

    def _thunk(self, of: Any, key: str, manner: Manner) -> _Thunk:
        return _Thunk(self, of, key, manner)

    def value(self, of: Any, key: str, manner: Manner) -> Any:
        nullable: Any = get_nullable_type(of)
        match manner.fault:
            case "null":
                return None
            case "raises":
                raise Broken(f"{key} is broken")
            case "has a code":
                raise Coded(f"{key} is refused", extensions={"code": "REFUSED"})
            case "is an exception":
                return Broken(f"{key} is an exception")
            case "is wrong":
                return self._wrong(nullable, key)
        return self._right(nullable, key, manner)

    def _right(self, of: Any, key: str, manner: Manner) -> Any:
        if isinstance(of, GraphQLList):
            size = 0 if manner.form == "empty" else 1 + zlib.crc32(key.encode()) % 3
            items = (self._item(of.of_type, f"{key}[{index}]") for index in range(size))
            return _in_form(manner.form, items, key)
        if is_leaf_type(of):
            return leaf(of, key)
        runtime: Any = self.schema.type_map[self._typename(of, key)]
        if manner.shape == "attributes":
            return WithAttributes(key, runtime.name)
        return self._dictionary(key, runtime)

    def _dictionary(self, key: str, of: GraphQLObjectType) -> dict[str, Any]:
        """An object as a dictionary: some of its leaves as values, all else as functions."""
        made: dict[str, Any] = {"@key": key, "__typename": of.name}
        for name, each in of.fields.items():
            named = get_nullable_type(each.type)
            plain = is_leaf_type(named) and not each.args and zlib.crc32(name.encode()) % 2
            made[name] = leaf(named, f"{key}.{name}") if plain else functools.partial(resolve, made)
        return made

    def _typename(self, of: GraphQLNamedType, key: str) -> str:
        possible = [each.name for each in self.schema.get_possible_types(of)] if is_abstract_type(of) else [of.name]
        return possible[zlib.crc32(key.encode()) % len(possible)]

    def _wrong(self, of: Any, key: str) -> Any:
        """Something that is not of the type."""
        pick = zlib.crc32(key.encode()) // 7
        options: tuple[Any, ...]
        if isinstance(of, GraphQLList):
            options = (7, "text", {"a": 1}, True)
        elif is_abstract_type(of):
            # What these mean is up to `tests.parity.schemas.typename`.
            names = ("Nobody", "Box", "Named", "Colour", "", "is a number", "is nothing", "raises")
            return WithAttributes(key, names[pick % len(names)])
        elif isinstance(of, GraphQLObjectType):
            options = (pick, f"text {pick}", WithAttributes(key, "Nobody"))
        else:
            options = _WRONG.get(of.name, ({},))
        return options[pick % len(options)]


_WRONG: dict[str, tuple[Any, ...]] = {
    "Int": ("seven", 2**40, 1.5, {}, "", float("nan")),
    "Float": ("x", {}, float("inf"), ""),
    "Boolean": ("yes", {}, float("inf")),
    "String": ({}, [1]),
    "ID": (1.5, {}),
    "Colour": ("RED", 7, {}, []),
    "Odd": (2, 6, "x", 7),
}
"""Values that a type cannot show, or only by some conversion."""


def leaf(of: GraphQLNamedType, key: str) -> Any:
    """A value of a scalar or an enumeration."""
    number = zlib.crc32(key.encode()) % 1_000
    if isinstance(of, GraphQLEnumType):
        members = list(of.values.values())
        return members[number % len(members)].value
    match of.name:
        case "Int":
            return (number, float(number), str(number), True)[number % 4]
        case "Float":
            return (number / 8, number, str(number))[number % 3]
        case "Boolean":
            return (True, False, number, 0)[number % 4]
        case "ID":
            return (f"id {number}", number)[number % 2]
        case "Odd":
            return 2 * number + 1
        case _:
            return (f"text of {key}", number, True, number / 4)[0 if number % 5 else number % 4]


@dataclass(frozen=True, slots=True, eq=False)
class _Thunk:
    run: Run
    of: Any
    key: str
    manner: Manner

    def __call__(self) -> Any:
        return self.run.value(self.of, self.key, self.manner)


def _in_form(form: Form, items: Iterator[Any], key: str) -> Any:
    match form:
        case "tuple":
            return tuple(items)
        case "generator":
            return items
        case "breaks off":
            return _breaking(list(items), key)
        case "iterable":
            return Series(list(items))
        case "asynchronous":
            return _one_by_one(items)
        case _:
            return list(items)


def _breaking(items: list[Any], key: str) -> Iterator[Any]:
    """A generator that raises instead of its last item, unless that would have to be awaited."""
    yield from items
    if not any(hasattr(item, "__await__") for item in items):
        raise Broken(f"{key} breaks off")


@dataclass(frozen=True, slots=True)
class Series:
    """Something that can be iterated and nothing else."""

    items: list[Any]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)


async def _one_by_one(items: Iterable[Any]) -> AsyncIterator[Any]:
    """Each is made when it is wanted: what is not read on makes no more."""
    await asyncio.sleep(0)
    for item in items:
        yield item
        await asyncio.sleep(0)


def _in_time(timing: Timing, value: _Thunk) -> Any:
    match timing:
        case "now":
            return value()
        case "coroutine":
            return value.run.later(0, value)
        case "one turn":
            return value.run.later(1, value)
        case "three turns":
            return value.run.later(3, value)
        case "future":
            return value.run.task(value)
        case "awaitable":
            return Awaited(value)


async def _later(turns: int, value: _Thunk) -> Any:
    for _ in range(turns):
        await asyncio.sleep(0)
    return value()


@dataclass(frozen=True, slots=True, eq=False)
class Awaited(Awaitable[Any]):
    """Something that can be awaited and is neither a coroutine nor a future."""

    value: _Thunk

    def __await__(self) -> Generator[Any, None, Any]:
        yield
        return self.value()


def resolve(source: Any, info: GraphQLResolveInfo[Run], **arguments: Any) -> Any:
    """The resolver of every field: what it answers follows from the object's key, the field and its arguments."""
    run: Run = info.context
    told = f"({arguments!r})" if arguments else ""
    key = f"{key_of(source)}.{info.field_name}{told}"
    fields = [step for step in info.path.as_list() if isinstance(step, str)]
    run.calls.append(f"{'.'.join(fields)} of {key}")
    return run.answer(info.return_type, key)


def key_of(source: Any) -> str:
    """What an object is known by; whatever else a resolver was given is known by what it is."""
    match source:
        case {"@key": str(key)} | WithAttributes(key=key):
            return key
        case _:
            return repr(source)


@dataclass(frozen=True, slots=True)
class WithAttributes:
    """An object whose fields are methods, which take what a resolver takes but the source."""

    key: str
    typename: str

    def __getattr__(self, name: str) -> Any:
        if name == "_WithAttributes__typename":
            return self.typename
        if name.startswith("_"):
            raise AttributeError(name)
        return functools.partial(resolve, self)
