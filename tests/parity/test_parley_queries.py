"""Random queries, and selections on events, on Parley's own schema and a real database.

They come to the same, and the engine sends no more statements than graphql-core does with its loaders.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.execution.prepare.request import OperationRequest
from gateway.schema.types.scalars import Cursor
from resolvers.chat.message import MessageAdded
from resolvers.tools.execution import ToolExecutionChanged
from tests.kit.generated import tables
from tests.parity import execution
from tests.parity.comparison import Outcome, Possible, check_agree
from tests.parity.generation.census import Census
from tests.parity.generation.operations import Generated, Operations, Size
from tests.parity.generation.reduction import Attempt, explain
from tests.parity.generation.scale import SCALE, drawn
from tests.parity.known import RARE, Known
from tests.parity.served_user import ServedUser

pytestmark = [
    pytest.mark.timeout(600 * max(1, SCALE)),
    # graphql-core leaves coroutines behind where a field fails. `test_small_schemas` tests that the engine does not.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SIZE = Size(depth=5, width=4, roots=3, fields=45)


@dataclass(frozen=True, slots=True)
class Both:
    """What came of an operation that was run both ways, and the statements that each sent."""

    ours: Outcome
    theirs: Outcome
    possible: Possible
    sent: list[str]
    allowed: list[str]

    @classmethod
    async def of(cls, served: ServedUser, request: OperationRequest, root: object = None) -> Both:
        ours, sent = await served.run(execution.ours, served.engine, request, root)
        theirs, as_usual = await served.run(execution.theirs, served.schema, request, root)
        possible, at_most = await served.run(execution.possible, served.schema, request, root)
        # Where graphql-core stops at an error, it does not ask for what it would have asked for otherwise.
        return cls(ours, theirs, possible, sent, at_most if theirs.failures else as_usual)

    def check_answers(self) -> None:
        check_agree(self.ours, self.theirs, self.possible)

    def check_statements(self) -> None:
        assert self.is_frugal, "\n\n".join(("ours:", *self.sent, "graphql-core's:", *self.allowed))

    @property
    def is_frugal(self) -> bool:
        """Whether no more was sent than graphql-core's loaders send, but for two things.

        A root object that is not there is found out by what does not hang from it, and then looked for. And a link that
        is asked for twice, for cursors in one field only, or a row that `node` finds as well, is read twice. If the
        link leads to any type, that is so for each type.
        """
        data = json.loads(self.ours.data) or {}
        absent = sum(value is None for value in data.values())
        twice = len(tables()) if "changes" in json.dumps(data) else 1
        return len(self.sent) <= len(self.allowed) + absent + twice


async def check_each(
    served: ServedUser, each: list[Generated], root: Callable[[int], object] = lambda _: None
) -> Census:
    """All answers must be the same; and only then is it asked what they took."""
    census, wasteful, sent, allowed = Census(), None, 0, 0
    for number, generated in enumerate(each):
        try:
            both = await Both.of(served, generated.request, root(number))
            both.check_answers()
        except Exception:
            await explain(served.schema, generated.request, _attempt(served, root(number), Both.check_answers))
            raise
        census.add(generated, both.theirs)
        sent, allowed = sent + len(both.sent), allowed + len(both.allowed)
        if wasteful is None and not both.is_frugal:
            wasteful = (number, generated)
    if wasteful is not None:
        number, generated = wasteful
        await explain(served.schema, generated.request, _attempt(served, root(number), Both.check_statements))
    assert sent <= allowed
    return census


def _attempt(served: ServedUser, root: object, check: Callable[[Both], None]) -> Attempt:
    async def attempt(request: OperationRequest) -> None:
        check(await Both.of(served, request, root))

    return attempt


async def test_queries_come_to_the_same_in_no_more_statements(served: ServedUser) -> None:
    known = await Known.of(served.estate)
    queries = drawn(Operations(served.schema, known.leaf, SIZE, rare=RARE).write, 500)
    census = await check_each(served, queries)
    census.check_rich("inline fragment on object in interface", "fragment on interface")


EVENTS: list[tuple[str, Any]] = [("messageAdded", MessageAdded), ("toolExecutionChanged", ToolExecutionChanged)]


@pytest.mark.parametrize(("field", "of"), EVENTS)
async def test_selections_on_events_come_to_the_same(served: ServedUser, field: str, of: Any) -> None:
    known, events = await Known.of(served.estate), await _events(served, of)
    others = frozenset(served.schema.subscription_type.fields) - {field} if served.schema.subscription_type else ()
    writer = Operations(served.schema, known.leaf, SIZE, without=frozenset(others), rare=RARE)

    selections = drawn(lambda choices: writer.write(choices, "subscription"), 60)
    await check_each(served, selections, lambda number: events[number % len(events)])


async def _events(served: ServedUser, of: Any) -> list[Any]:
    """The events of a kind that there have been."""
    cursor = (await served.estate.client.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    context = served.context(OperationRequest("{ __typename }"))
    try:
        changes: Any = await context.changes(of, where={}, after=Cursor(f"{cursor.partition('.')[0]}.0"))
        async with aclosing(changes) as found:
            async for together in found:
                return list(together)
    finally:
        await context.release()
    raise AssertionError("an estate is made of changes")
