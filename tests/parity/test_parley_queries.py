"""Random queries, and selections on events, on Parley's own schema and a real database.

They come to the same, and the engine sends no more statements than graphql-core does with its loaders.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from gateway.execution.operation import OperationRequest
from gateway.schema.scalars import Cursor
from resolvers.chat.message import MessageAdded
from resolvers.tools.execution import ToolExecutionChanged
from tests.parity import execution
from tests.parity.census import Census
from tests.parity.comparison import Outcome, check_agree
from tests.parity.known import RARE, Known
from tests.parity.operations import Operations, Size
from tests.parity.place import Place
from tests.parity.reduction import explain
from tests.parity.scale import SCALE, drawn

pytestmark = pytest.mark.timeout(600 * max(1, SCALE))

SIZE = Size(depth=5, width=4, roots=3, fields=45)


async def compared(place: Place, request: OperationRequest, root: object = None) -> Outcome:
    """Run an operation both ways, compare, and give what graphql-core made of it."""
    ours, sent = await place.run(execution.ours, place.engine, request, root)
    theirs: Outcome
    theirs, as_usual = await place.run(execution.theirs, place.schema, request, root)
    possible, at_most = await place.run(execution.possible, place.schema, request, root)
    check_agree(ours, theirs, possible)
    # Where graphql-core stops at an error, it does not ask for what it would have asked for otherwise.
    allowed = at_most if theirs.failures else as_usual
    assert len(sent) <= len(allowed), "\n\n".join(("ours:", *sent, "graphql-core's:", *allowed))
    return theirs


async def test_queries_come_to_the_same_in_no_more_statements(place: Place) -> None:
    known, census = await Known.of(place.estate), Census()

    async def attempt(request: OperationRequest) -> Outcome:
        return await compared(place, request)

    for each in drawn(Operations(place.schema, known.leaf, SIZE, rare=RARE).write, 700):
        try:
            census.add(each, await attempt(each.request))
        except Exception:
            await explain(place.schema, each.request, attempt)
            raise
    census.check_rich("inline fragment on object in interface", "fragment on interface")


EVENTS: list[tuple[str, Any]] = [("messageAdded", MessageAdded), ("toolExecutionChanged", ToolExecutionChanged)]


@pytest.mark.parametrize(("field", "of"), EVENTS)
async def test_selections_on_events_come_to_the_same(place: Place, field: str, of: Any) -> None:
    known, events = await Known.of(place.estate), await _events(place, of)
    others = frozenset(place.schema.subscription_type.fields) - {field} if place.schema.subscription_type else ()
    writer = Operations(place.schema, known.leaf, SIZE, without=frozenset(others), rare=RARE)

    for number, each in enumerate(drawn(lambda choices: writer.write(choices, "subscription"), 60)):
        event = events[number % len(events)]

        async def attempt(request: OperationRequest, event: object = event) -> Outcome:
            return await compared(place, request, event)

        try:
            await attempt(each.request)
        except Exception:
            await explain(place.schema, each.request, attempt)
            raise


async def _events(place: Place, of: Any) -> list[Any]:
    """The events of a kind that there have been."""
    cursor = (await place.estate.client.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    context = place.context(OperationRequest("{ __typename }"))
    try:
        changes: Any = await context.changes(of, where={}, after=Cursor(f"{cursor.partition('.')[0]}.0"))
        async with aclosing(changes) as found:
            async for together in found:
                return list(together)
    finally:
        await context.release()
    raise AssertionError("an estate is made of changes")
