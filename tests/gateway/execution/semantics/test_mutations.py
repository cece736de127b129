"""Mutations: one root field after the other, each with all that is below it, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import GraphQLSchema

from tests.gateway.execution.both import check, later, schema_of

SDL = """
    type Query { number: Int }
    type Counter { number: Int, soon: Int, sure: Int! }
    type Mutation {
        now(to: Int!): Counter
        later(to: Int!): Counter
        fails: Counter
        failsLater: Counter
        sure: Counter!
    }
"""


class Counter:
    """A number that mutations change and fields read when they are asked, which shows the order of both."""

    def __init__(self) -> None:
        self.value = 0

    def number(self, _info: Any) -> int:
        return self.value

    async def soon(self, _info: Any) -> int:
        await later(None, turns=3)
        return self.value


def counting() -> tuple[GraphQLSchema, Callable[[], Counter]]:
    """A schema of mutations, and what makes a counter for them as the root."""

    def now(root: Counter, _info: Any, to: int) -> Counter:
        root.value = to
        return root

    async def slowly(root: Counter, _info: Any, to: int) -> Counter:
        await later(None, turns=2)
        root.value = to
        return root

    def fails(_root: Counter, _info: Any) -> Counter:
        raise ValueError("cannot")

    async def fails_later(_root: Counter, _info: Any) -> Counter:
        await later(None)
        raise ValueError("cannot later")

    schema = schema_of(
        SDL,
        Mutation_now=now,
        Mutation_later=slowly,
        Mutation_fails=fails,
        Mutation_failsLater=fails_later,
        Mutation_sure=fails,
    )
    return schema, Counter


async def test_each_sees_what_those_before_have_done() -> None:
    schema, root = counting()
    operation = """mutation {
        a: now(to: 1) { number soon }
        b: later(to: 2) { soon number }
        c: later(to: 3) { number }
        d: now(to: 4) { soon }
        e: later(to: 5) { number soon }
    }"""
    expect = {
        "a": {"number": 1, "soon": 1},
        "b": {"soon": 2, "number": 2},
        "c": {"number": 3},
        "d": {"soon": 4},
        "e": {"number": 5, "soon": 5},
    }
    await check(schema, operation, expect, root=root)


async def test_those_behind_a_failure_are_still_done() -> None:
    schema, root = counting()
    operation = (
        "mutation { a: now(to: 1) { number } fails { number } failsLater { number } b: later(to: 2) { number } }"
    )
    expect = {"a": {"number": 1}, "fails": None, "failsLater": None, "b": {"number": 2}}
    await check(schema, operation, expect, [("fails", "cannot"), ("failsLater", "cannot later")], root=root)


async def test_nothing_is_done_behind_a_failure_where_null_is_not_allowed() -> None:
    schema, _ = counting()
    counters = []

    def root() -> Counter:
        counters.append(Counter())
        return counters[-1]

    operation = "mutation { a: later(to: 1) { number } sure { number } b: now(to: 2) { number } }"
    await check(schema, operation, None, [("sure", "cannot")], root=root)
    assert [counter.value for counter in counters] == [1, 1]


async def test_failure_below_a_mutation_does_not_stop_the_next() -> None:
    schema, root = counting()
    operation = "mutation { a: now(to: 1) { sure } b: now(to: 2) { number } }"
    errors = [("a.sure", "Cannot return null for non-nullable field Counter.sure.")]
    await check(schema, operation, {"a": None, "b": {"number": 2}}, errors, root=root)


async def test_field_written_twice_is_done_once_and_first_where_it_first_stands() -> None:
    schema, root = counting()
    operation = """
        mutation { a: now(to: 1) { number } b: later(to: 2) { number } ...A }
        fragment A on Mutation { a: now(to: 1) { soon } }
    """
    await check(schema, operation, {"a": {"number": 1, "soon": 1}, "b": {"number": 2}}, root=root)


async def test_mutations_in_fragments_keep_their_order() -> None:
    schema, root = counting()
    operation = """
        mutation { ...First ... on Mutation { c: now(to: 3) { number } } d: later(to: 4) { number } }
        fragment First on Mutation { a: later(to: 1) { number } b: now(to: 2) @skip(if: true) { number } }
    """
    await check(schema, operation, {"a": {"number": 1}, "c": {"number": 3}, "d": {"number": 4}}, root=root)
