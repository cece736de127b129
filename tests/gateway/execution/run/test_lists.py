"""Lists: what may stand for one, what stands in them, and what happens where one breaks off."""

from __future__ import annotations

import collections
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.gateway.execution.both import check, later, schema_of


class Countdown:
    """Can be iterated, and nothing else."""

    def __iter__(self) -> Iterator[int]:
        return iter((3, 2, 1))


class SlowCountdown:
    """Can be iterated by waiting for each item, and nothing else."""

    def __init__(self) -> None:
        self._left = [3, 2, 1]

    def __aiter__(self) -> SlowCountdown:
        return self

    async def __anext__(self) -> int:
        if not self._left:
            raise StopAsyncIteration
        return await later(self._left.pop(0))  # type: ignore[no-any-return]


def _generated() -> Iterator[int]:
    yield from (3, 2, 1)


async def _generated_slowly() -> AsyncIterator[int]:
    for number in (3, 2, 1):
        yield await later(number)


NUMBERS = [
    pytest.param(lambda: [3, 2, 1], id="list"),
    pytest.param(lambda: (3, 2, 1), id="tuple"),
    pytest.param(lambda: dict.fromkeys((3, 2, 1)).keys(), id="view of a dictionary"),
    pytest.param(lambda: range(3, 0, -1), id="range"),
    pytest.param(lambda: collections.deque((3, 2, 1)), id="deque"),
    pytest.param(lambda: map(int, "321"), id="iterator"),
    pytest.param(_generated, id="generator"),
    pytest.param(Countdown, id="iterable"),
    pytest.param(_generated_slowly, id="asynchronous generator"),
    pytest.param(SlowCountdown, id="asynchronous iterator"),
    pytest.param(lambda: [later(3), 2, later(1, turns=3)], id="list of what comes later"),
    pytest.param(lambda: later([later(3), later(2), 1]), id="list that comes later, of what comes later"),
    pytest.param(lambda: later(_generated()), id="generator that comes later"),
]


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("of", ["[Int]", "[Int!]", "[Int]!", "[Int!]!"])
async def test_whatever_can_be_iterated_is_a_list(of: str, numbers: Any) -> None:
    schema = schema_of(f"type Query {{ of: {of} }}", Query_of=lambda *_: numbers())
    await check(schema, "{ of }", {"of": [3, 2, 1]})


async def test_set_is_a_list() -> None:
    await check(schema_of("type Query { of: [Int] }", Query_of=lambda *_: {7}), "{ of }", {"of": [7]})


@pytest.mark.parametrize("value", ["text", b"bytes", {"a": 1}, 7, True, object()])
@pytest.mark.parametrize(("of", "expect"), [("[String]", {"of": None}), ("[String]!", None)])
async def test_text_dictionary_and_number_are_no_lists(of: str, expect: Any, value: Any) -> None:
    schema = schema_of(f"type Query {{ of: {of} }}", Query_of=lambda *_: value)
    await check(schema, "{ of }", expect, [("of", "Expected Iterable, but did not find one for field 'Query.of'.")])


async def test_inner_value_that_is_no_list_fails_alone() -> None:
    schema = schema_of("type Query { of: [[Int]] }", Query_of=lambda *_: [[1], 2, None, [3]])
    errors = [("of.1", "Expected Iterable, but did not find one for field 'Query.of'.")]
    await check(schema, "{ of }", {"of": [[1], None, None, [3]]}, errors)


@pytest.mark.parametrize("item", [lambda: ValueError("bad"), lambda: later(ValueError("bad"))], ids=["now", "later"])
@pytest.mark.parametrize(
    ("of", "expect"),
    [("[Int]", {"of": [1, None, 2]}), ("[Int]!", {"of": [1, None, 2]}), ("[Int!]", {"of": None}), ("[Int!]!", None)],
)
async def test_item_that_fails(of: str, expect: Any, item: Any) -> None:
    schema = schema_of(f"type Query {{ of: {of} }}", Query_of=lambda *_: [1, item(), 2])
    await check(schema, "{ of }", expect, [("of.1", "bad")])


async def test_item_that_cannot_be_shown_fails() -> None:
    schema = schema_of("type Query { of: [Int] }", Query_of=lambda *_: [1, "two", 3])
    errors = [("of.1", "Int cannot represent non-integer value: 'two'")]
    await check(schema, "{ of }", {"of": [1, None, 3]}, errors)


def _breaks_off() -> Iterator[int]:
    yield 1
    raise ValueError("broke off")


async def _breaks_off_slowly() -> AsyncIterator[int]:
    yield 1
    raise ValueError("broke off")


@pytest.mark.parametrize("numbers", [_breaks_off, _breaks_off_slowly])
async def test_list_that_breaks_off_is_null_as_a_whole(numbers: Any) -> None:
    schema = schema_of("type Query { of: [Int] }", Query_of=lambda *_: numbers())
    await check(schema, "{ of }", {"of": None}, [("of", "broke off")])


async def test_item_that_failed_before_its_list_broke_off_is_told_first() -> None:
    def broken() -> Iterator[Any]:
        yield ValueError("bad")
        raise ValueError("broke off")

    schema = schema_of("type Query { of: [Int], sure: [Int!] }", Query_of=lambda *_: broken())
    await check(schema, "{ of }", {"of": None}, [("of.0", "bad"), ("of", "broke off")])


async def test_item_that_may_not_be_null_fails_its_list_before_it_breaks_off() -> None:
    def broken() -> Iterator[Any]:
        yield None
        raise ValueError("broke off")

    schema = schema_of("type Query { of: [Int!] }", Query_of=lambda *_: broken())
    errors = [("of.0", "Cannot return null for non-nullable field Query.of.")]
    await check(schema, "{ of }", {"of": None}, errors)


async def test_asynchronous_list_is_closed_where_an_item_fails() -> None:
    closed = []

    async def numbers() -> AsyncIterator[Any]:
        try:
            yield 1
            yield None
            yield 3
        finally:
            closed.append(True)

    schema = schema_of("type Query { of: [Int!] }", Query_of=lambda *_: numbers())
    errors = [("of.1", "Cannot return null for non-nullable field Query.of.")]
    await check(schema, "{ of }", {"of": None}, errors)
    assert closed == [True, True]


async def test_what_is_awaited_in_a_list_of_lists() -> None:
    def grid(*_: Any) -> Any:
        return [later([1, later(2)]), [later(3, turns=2)], later(None), []]

    schema = schema_of("type Query { of: [[Int!]] }", Query_of=grid)
    await check(schema, "{ of }", {"of": [[1, 2], [3], None, []]})


OBJECTS = """
    type Query { all: [Item], grid: [[Item!]!] }
    type Item { number: Int, twice: Int!, soon: Int }
"""


def _twice(item: Any, _info: Any) -> int:
    if item["number"] == 3:
        raise ValueError("three is too much")
    return 2 * item["number"]  # type: ignore[no-any-return]


def _soon(item: Any, _info: Any) -> Any:
    return later(item["number"], turns=4 - item["number"])


async def test_objects_of_a_list_stay_in_order_however_late_their_fields_come() -> None:
    schema = schema_of(
        OBJECTS, Query_all=lambda *_: [{"number": n} for n in (1, 2, 3)], Item_soon=_soon, Item_twice=_twice
    )
    expect = {"all": [{"soon": 1, "number": 1}, {"soon": 2, "number": 2}, {"soon": 3, "number": 3}]}
    await check(schema, "{ all { soon number } }", expect)


async def test_object_of_a_list_that_fails_is_null_alone() -> None:
    schema = schema_of(OBJECTS, Query_all=lambda *_: [{"number": n} for n in (1, 3, 2)], Item_twice=_twice)
    expect = {"all": [{"twice": 2}, None, {"twice": 4}]}
    await check(schema, "{ all { twice } }", expect, [("all.1.twice", "three is too much")])


async def test_object_that_fails_in_a_list_of_lists_takes_what_may_not_be_null_with_it() -> None:
    schema = schema_of(
        OBJECTS, Query_grid=lambda *_: [[{"number": 1}], [{"number": 3}, {"number": 2}]], Item_twice=_twice
    )
    await check(schema, "{ grid { twice } }", {"grid": None}, [("grid.1.0.twice", "three is too much")])


async def test_empty_list_and_list_of_nulls() -> None:
    schema = schema_of(OBJECTS, Query_all=lambda *_: [None, None], Query_grid=lambda *_: [])
    await check(schema, "{ all { number } grid { number } }", {"all": [None, None], "grid": []})
