"""Introspection is bounded by the standard query, and answered once for everyone."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from graphql import get_introspection_query, graphql_sync

from gateway.errors import TooLarge
from gateway.execution import Engine
from gateway.execution.introspection import MOST_KEPT_BYTES, SHARE_OF_ONE
from gateway.execution.prepare.request import OperationRequest, RequestErrors
from gateway.fairness.shares import Held
from tests.kit.schema import graphql_schema

SCHEMA = graphql_schema()
STANDARD = get_introspection_query()


@pytest.fixture
def engine() -> Engine:
    return Engine(SCHEMA)


async def answer(engine: Engine, text: str, **variables: Any) -> bytes:
    operation = engine.prepare(OperationRequest(text, variables=variables))
    return (await engine.run(operation, None)).bytes()


def runs(engine: Engine) -> int:
    return sum(engine.ways.values())


async def test_standard_query_is_answered_once(engine: Engine) -> None:
    first = await answer(engine, STANDARD)
    assert orjson.loads(first)["data"] == graphql_sync(SCHEMA, STANDARD).data
    assert await answer(engine, STANDARD) == first
    assert runs(engine) == 1


NEWER = ("specified_by_url", "directive_is_repeatable", "schema_description", "input_value_deprecation", "one_of")


async def test_richest_standard_query_is_answered(engine: Engine) -> None:
    richest = get_introspection_query(**dict.fromkeys(NEWER, True))
    assert b"errors" not in (await answer(engine, richest))[:100]


@pytest.mark.parametrize(
    "text",
    [
        "{" + " ".join(f"a{n}: __schema {{ types {{ name }} }}" for n in range(30)) + "}",
        "{ ...A ...B } fragment A on Query { a: __schema { types { name } } ...B }"
        " fragment B on Query { b: __schema { types { name } } c: __schema { types { name } } }",
    ],
)
def test_schema_is_asked_for_a_few_times_at_most(engine: Engine, text: str) -> None:
    with pytest.raises(RequestErrors, match="asks for __schema more than 2 times"):
        engine.prepare(OperationRequest(text))


NESTED = " ".join(f"a{n}: ofType {{ fields {{ name args {{ name }} }} }}" for n in range(10))
LARGE = {
    "nested lists": "{ __schema { types { fields { type { " + NESTED + " } } } } }",
    "aliases of lists": "{ __schema { types {"
    + " ".join(f"a{n}: fields {{ name type {{ name }} args {{ name }} }}" for n in range(8))
    + "} } }",
    "aliases of types": "{"
    + " ".join(f'a{n}: __type(name: "Mutation") {{ ...T }}' for n in range(50))
    + "} fragment T on __Type { fields { type { ofType { ...F } ...F } } }"
    + " fragment F on __Type { fields { args { name type { name } } } }",
    "beside data": "{ viewer { id } __schema { types { fields { type { " + NESTED + " } } } } }",
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
async def test_asking_for_more_than_twice_the_standard_ends(engine: Engine, text: str) -> None:
    with pytest.raises(TooLarge, match="introspects more than twice"):
        await answer(engine, text)


async def test_what_was_too_large_is_not_run_again(engine: Engine) -> None:
    for _ in range(3):
        with pytest.raises(TooLarge):
            await answer(engine, LARGE["nested lists"])
    assert runs(engine) == 1


async def test_answer_depends_on_the_values_of_variables(engine: Engine) -> None:
    text = (
        'query ($all: Boolean, $no: Boolean = false) { __type(name: "Query") { name @skip(if: $no) '
        "fields(includeDeprecated: $all) { name } } }"
    )
    with_name = await answer(engine, text, all=True)
    assert await answer(engine, text, all=True, no=True) != with_name
    assert await answer(engine, text, all=True) == with_name
    assert runs(engine) == 2


async def test_answers_of_one_text_to_several_operations_differ(engine: Engine) -> None:
    text = 'query A { __type(name: "Query") { name } } query B { __type(name: "Mutation") { name } }'
    for name, of in (("A", b"Query"), ("B", b"Mutation"), ("A", b"Query")):
        operation = engine.prepare(OperationRequest(text, name))
        assert of in (await engine.run(operation, None)).bytes()


async def test_kept_answers_are_bounded(engine: Engine) -> None:
    for number in range(60):
        await answer(engine, f"{{ __schema {{ a{number}: types {{ name description fields {{ name }} }} }} }}")
    assert 0 < engine.introspected.kept.weight <= MOST_KEPT_BYTES


async def test_answer_that_holds_data_is_not_kept(engine: Engine) -> None:
    for text in ("{ __typename }", '{ __type(name: "Query") { name } node(id: "x") { id } }'):
        operation = engine.prepare(OperationRequest(text))
        assert engine.introspected.key(operation) is None


ARGUMENTS = (
    'query ($all: Boolean = true, $no: Boolean = false, $name: String = "Query") {'
    " __schema { directives { name locations args(includeDeprecated: $all) { name type { ...T } defaultValue } } }"
    " __type(name: $name) { ...T __typename fields(includeDeprecated: $all) { name @skip(if: $no) } }"
    ' node: __type(name: "Node") { possibleTypes { name } }'
    ' none: __type(name: "Nothing") { name } __typename }'
    " fragment T on __Type { kind name ofType { kind name ofType { name enumValues { name } } } inputFields { name } }"
)


@pytest.mark.parametrize(
    "variables",
    [{}, {"all": False}, {"no": True}, {"name": "Node"}, {"name": "MessageRole"}, {"all": None}, {"no": None}],
    ids=str,
)
async def test_answers_are_those_of_graphql_core(engine: Engine, variables: dict[str, Any]) -> None:
    plain = Engine(SCHEMA, breadth_first=False)
    mine = orjson.loads(await answer(engine, ARGUMENTS, **variables))
    assert mine == orjson.loads(await answer(plain, ARGUMENTS, **variables))
    assert ("errors" in mine) == (None in variables.values())


async def test_whole_schema_is_kept_also_if_it_is_large(engine: Engine) -> None:
    text = await answer(engine, STANDARD)
    largest = MOST_KEPT_BYTES // SHARE_OF_ONE
    assert len(text) < largest
    engine.introspected.keep("large", orjson.Fragment(b"null"), largest)
    assert engine.introspected.kept.get("large") is not None


async def test_introspection_draws_on_the_budget() -> None:
    with pytest.raises(TooLarge, match="exceeds"):
        await answer(Engine(SCHEMA, operation_bytes=100_000), STANDARD)


async def test_introspection_gives_back_what_it_held(engine: Engine) -> None:
    held: list[int] = []
    take = Held.take

    def watched(self: Held, count: int) -> bool:
        held.append(count)
        return take(self, count)

    engine.budgets.free = 1000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Held, "take", watched)
        await answer(engine, STANDARD)
    assert max(held) > 0
    assert engine.budgets.shares.taken == {}
