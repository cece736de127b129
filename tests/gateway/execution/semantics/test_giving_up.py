"""Nobody waits for what will not be shown: a value that is lost ends what would have stood beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from graphql import build_schema

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest
from tests.gateway.execution.both import check, later

SCHEMA = build_schema("""
    type Query {
        slow: String
        slowToo: String!
        failing: Int!
        nest: Query
        sure: Query!
        many: [Query!]
        numbers: [Int!]
        some: [Int]
        peers: [Query!]
        node: Node
        nodes: [Node!]
    }
    interface Node { slow: String failing: Int! }
    type Thing implements Node { slow: String failing: Int! }
""")
Answer = Callable[[], Any]


class Object:
    """An object some of whose fields never answer; those that are waited for are noted."""

    def __init__(self, failing: Answer, waited_for: list[str]) -> None:
        self._failing = failing
        self._waited_for = waited_for
        self.__typename = "Thing"

    async def slow(self, _info: Any) -> str:
        return await self._never("slow")

    async def slowToo(self, _info: Any) -> str:  # noqa: N802 - the name of a field
        return await self._never("slowToo")

    def failing(self, _info: Any) -> Any:
        return self._failing()

    def nest(self, _info: Any) -> Object:
        return self

    sure = nest

    def many(self, _info: Any) -> list[Object]:
        return [Object(lambda: later(1), self._waited_for), self]

    def node(self, _info: Any) -> dict[str, Any]:
        return {"__typename": "Thing", "slow": self.slow, "failing": self.failing}

    def nodes(self, _info: Any) -> list[Any]:
        return [self.node(_info), self.node(_info)]

    def numbers(self, _info: Any) -> list[Any]:
        return [self._never("number"), self._failing()]

    async def _never(self, name: str) -> str:
        self._waited_for.append(name)
        try:
            await asyncio.Event().wait()
        finally:
            self._waited_for.remove(name)
        raise AssertionError


async def _raising() -> None:
    await asyncio.sleep(0)
    raise RuntimeError("failed")


async def _later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


ANSWERS: dict[str, Answer] = {
    "raises": _raising,
    "is null": lambda: later(None),
    "is an exception": lambda: _later(RuntimeError("failed")),
    "is no number": lambda: later("text"),
}


PLACES = {
    "{ slow failing }": None,
    "{ failing slow }": None,
    "{ slow slowToo failing }": None,
    "{ nest { slow failing } }": {"nest": None},
    "{ nest { slow sure { failing } } }": {"nest": None},
    "{ nest { sure { slow } failing } }": {"nest": None},
    "{ many { failing slow } }": {"many": None},
    "{ nest { many { failing } } numbers }": {"nest": {"many": None}, "numbers": None},
    "{ numbers }": {"numbers": None},
    "{ node { slow failing } }": {"node": None},
    "{ nodes { slow failing } }": {"nodes": None},
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("operation", PLACES)
async def test_what_stands_beside_a_lost_value_is_ended(operation: str, answer: str) -> None:
    for breadth_first in (True, False):
        waited_for: list[str] = []
        async with asyncio.timeout(5):
            found = await data_of(operation, Object(ANSWERS[answer], waited_for), breadth_first=breadth_first)
        assert (found, waited_for) == (PLACES[operation], [])


async def data_of(operation: str, root: object, *, breadth_first: bool) -> Any:
    """The data, after one error at least for what was lost, and none for what was given up."""
    engine = Engine(SCHEMA, breadth_first=breadth_first)
    result = await engine.execute(engine.prepare(OperationRequest(operation)), None, root)
    assert result.errors
    assert not any("given up" in error.message for error in result.errors)
    return result.data


class Counted:
    """An asynchronous iterator that notes how far it was read, and whether it was closed."""

    def __init__(self, *items: Any) -> None:
        self.left = list(items)
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        if not self.left:
            raise StopAsyncIteration
        item = self.left.pop(0)
        if item is KeyError:
            raise KeyError("broken")
        return item

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("field", "items", "left", "closed"),
    [
        ("numbers", (1, None, 2, 3), 2, 1),
        ("numbers", (1, "text", 2, 3), 2, 1),
        ("numbers", (1, ValueError("bad"), 2), 1, 1),
        ("numbers", (1, KeyError, 2), 1, 1),
        ("numbers", (1, 2, 3), 0, 0),
        ("some", (1, None, 2, 3), 0, 0),
        ("some", (1, KeyError, 2), 1, 1),
        ("peers", ({}, None, {}), 1, 1),
    ],
)
@pytest.mark.parametrize("breadth_first", [True, False])
async def test_iterator_is_read_as_far_as_it_counts(
    field: str, items: tuple[Any, ...], left: int, closed: int, breadth_first: bool
) -> None:
    counted = Counted(*items)
    engine = Engine(SCHEMA, breadth_first=breadth_first)
    operation = engine.prepare(OperationRequest(f"{{ {field}{' { slow }' if field == 'peers' else ''} }}"))
    result = await engine.execute(operation, None, {field: counted})
    assert (len(counted.left), counted.closed) == (left, closed)
    assert result.data is not None
    assert (result.data[field] is None) == bool(result.errors)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (None, "Cannot return null for non-nullable field Query.numbers."),
        ("text", "Int cannot represent non-integer value: 'text'"),
    ],
)
async def test_both_executors_tell_the_same_error(item: object, message: str) -> None:
    await check(
        SCHEMA,
        "{ numbers }",
        {"numbers": None},
        [("numbers.1", message)],
        root=lambda: {"numbers": Counted(1, item, 2)},
    )
