"""Random operations on small schemas, whose fields answer in all the ways there are, good and bad."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import GraphQLNamedType, GraphQLSchema

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest
from tests.parity import execution
from tests.parity.comparison import Outcome, check_agree, check_equal
from tests.parity.generation.census import Census
from tests.parity.generation.choices import Choices
from tests.parity.generation.operations import Generated, Kind, Operations, Size
from tests.parity.generation.reduction import explain, failure
from tests.parity.generation.scale import SCALE, drawn
from tests.parity.generation.values import scalar
from tests.parity.manners import World, world_of
from tests.parity.schemas import small_schema
from tests.parity.worlds import Run

# graphql-core leaves coroutines behind where a sibling fails; that we leave none is a test of its own.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.timeout(600 * max(1, SCALE)),
]

SIZE = Size(depth=4, width=4, roots=3, fields=40)


@dataclass(frozen=True, slots=True)
class Case:
    """An operation in a world."""

    generated: Generated
    world: World


@pytest.fixture(autouse=True)
async def _quiet() -> None:
    """graphql-core forgets futures that failed, which is not what is tested."""
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)


def odd(choices: Choices, name: str, of: GraphQLNamedType) -> Any:
    """Values of the scalars of the small schemas."""
    return choices.one_of((1, 3, -5)) if of.name == "Odd" else scalar(choices, name, of)


async def check_alike(schema: GraphQLSchema, kind: Kind, operations: int, *, asynchronous: bool) -> Census:
    """Run so many operations of one kind both ways, which must come to the same."""
    writer, engine, census = Operations(schema, odd, SIZE), Engine(schema), Census()

    def case(choices: Choices) -> Case:
        # The world first: it takes as many choices each time.
        world = world_of(choices, asynchronous=asynchronous)
        return Case(writer.write(choices, kind), world)

    for each in drawn(case, operations):
        try:
            census.add(each.generated, await compared(schema, engine, each, asynchronous=asynchronous))
        except Exception:
            await _explain(schema, engine, each, asynchronous=asynchronous)
            raise
    gc.collect()  # while the warnings of `pytestmark` are still ignored
    return census


async def _explain(schema: GraphQLSchema, engine: Engine, case: Case, *, asynchronous: bool) -> None:
    world = case.world

    async def attempt(request: OperationRequest) -> None:
        await compared_in(world, schema, engine, request, asynchronous=asynchronous)

    if await failure(attempt, case.generated.request) is None:
        world = world.calm
    expected = await failure(attempt, case.generated.request)
    for slot in range(len(world.table)):
        before, world = world, world.plainer(slot)
        if await failure(attempt, case.generated.request) != expected:
            world = before
    try:
        await explain(schema, case.generated.request, attempt)
    except Exception as error:
        error.add_note(f"{world}")
        raise


async def compared(schema: GraphQLSchema, engine: Engine, case: Case, *, asynchronous: bool) -> Outcome:
    """Run one operation both ways, with no faults and in its world, and give what graphql-core made of it."""
    for world in (case.world.calm, case.world):
        theirs = await compared_in(world, schema, engine, case.generated.request, asynchronous=asynchronous)
    return theirs


async def compared_in(
    world: World, schema: GraphQLSchema, engine: Engine, request: OperationRequest, *, asynchronous: bool
) -> Outcome:
    mine, their_own = Run(world, schema), Run(world, schema)
    ours = await execution.ours(engine, request, mine)
    theirs = await execution.theirs(schema, request, their_own)
    if asynchronous:
        check_agree(ours, theirs, await execution.possible(schema, request, Run(world, schema)))
    else:
        check_equal(ours, theirs)
    check_calls(mine, their_own, request.query)
    return theirs


def check_calls(ours: Run, theirs: Run, text: str) -> None:
    """No resolver is called twice for a field of an object; of a mutation, only those that graphql-core calls."""
    assert len(ours.calls) == len(set(ours.calls))
    if "mutation" in text:
        assert ours.roots() == theirs.roots()


ABSTRACT = (
    "inline fragment on interface in interface",
    "inline fragment on object in interface",
    "inline fragment on object in union",
    "fragment on interface",
    "fragment on union",
    "nested input",
    "input of which one",
)

CASES = [
    pytest.param(False, False, 250, id="resolvers that answer at once"),
    pytest.param(False, True, 250, id="default resolvers that answer at once"),
    pytest.param(True, False, 250, id="resolvers that answer later"),
    pytest.param(True, True, 250, id="default resolvers that answer later"),
]


@pytest.mark.parametrize(("asynchronous", "default_resolvers", "operations"), CASES)
async def test_queries_come_to_the_same(asynchronous: bool, default_resolvers: bool, operations: int) -> None:
    schema = small_schema(asynchronous=asynchronous, default_resolvers=default_resolvers)
    census = await check_alike(schema, "query", operations, asynchronous=asynchronous)
    census.check_rich(*ABSTRACT)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["at once", "later"])
async def test_mutations_come_to_the_same_in_the_same_order(asynchronous: bool) -> None:
    schema = small_schema(asynchronous=asynchronous, default_resolvers=True)
    await check_alike(schema, "mutation", 150, asynchronous=asynchronous)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["at once", "later"])
async def test_selections_on_an_event_come_to_the_same(asynchronous: bool) -> None:
    schema = small_schema(asynchronous=asynchronous, default_resolvers=True)
    await check_alike(schema, "subscription", 75, asynchronous=asynchronous)


async def test_nothing_is_left_behind() -> None:
    """Whatever fails, each coroutine that a resolver made has ended, or was closed, with the operation."""
    schema = small_schema(asynchronous=True, default_resolvers=False)
    writer, engine = Operations(schema, odd, SIZE), Engine(schema)

    def case(choices: Choices) -> Case:
        return Case(world=world_of(choices, asynchronous=True), generated=writer.write(choices))

    for each in drawn(case, 200):

        async def attempt(request: OperationRequest, world: World = each.world) -> None:
            run = Run(world, schema)
            await execution.ours(engine, request, run)
            await asyncio.sleep(0)  # a task that was cancelled before its first step ends one turn later
            left = run.left_behind()
            for _ in range(10):  # let what was left run out, or pytest would tell of it once more at the end
                await asyncio.sleep(0)
                run.close()
            assert not left, world

        if await failure(attempt, each.generated.request):
            await explain(schema, each.generated.request, attempt)
    gc.collect()
