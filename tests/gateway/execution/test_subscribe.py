"""Subscriptions: what may be a source of events, what comes of each event, and how the stream ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, nullcontext
from typing import Any

import orjson
import pytest
from graphql import GraphQLSchema

from gateway.execution import Engine
from gateway.execution.complete import Answer
from gateway.execution.prepare.request import OperationRequest
from gateway.execution.subscribe import Together
from tests.gateway.execution.both import later, schema_of
from tests.gateway.execution.subscribing import subscribe

SDL = """
    type Query { it: Int }
    type Mail { subject: String, sure: String!, number(plus: Int = 0): Int, soon: Int }
    type Subscription { mail(least: Int = 0): Mail, sureMail: Mail!, count: Int, sureCount: Int! }
"""

both_ways = pytest.mark.parametrize("breadth_first", [True, False], ids=["breadth-first", "depth-first"])


def listening(source: Any, field: str = "mail", **resolvers: Callable[..., Any]) -> GraphQLSchema:
    """A schema in which one field has a source of events; each event is the root of what is selected."""
    schema = schema_of(SDL, Mail_soon=lambda mail, _: later(mail["number"], turns=2), **resolvers)
    assert schema.subscription_type is not None
    schema.subscription_type.fields[field].subscribe = source
    return schema


def mails(*numbers: int) -> Callable[..., AsyncIterator[Any]]:
    """A source of a mail for each number."""

    async def source(_root: Any, _info: Any, least: int = 0) -> AsyncIterator[Any]:
        for number in numbers:
            if number >= least:
                yield {"mail": _mail(number), "sureMail": _mail(number), "count": number}

    return source


def _mail(number: int) -> dict[str, Any]:
    return {"subject": f"Mail {number}", "number": lambda _, plus: number + plus} | (
        {"sure": "x"} if number % 2 else {}
    )


async def answers(schema: GraphQLSchema, operation: str, breadth_first: bool, **variables: Any) -> list[dict[str, Any]]:
    """All answers of a subscription, as a client gets them."""
    engine = Engine(schema, breadth_first=breadth_first)
    prepared = engine.prepare(OperationRequest(operation, variables=variables))
    async with aclosing(subscribe(engine, prepared, lambda: nullcontext("context"))) as stream:
        return [_content(answer) async for answer in stream]


def _content(answer: Answer) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(answer.bytes())
    for error in content.get("errors", ()):
        error.pop("locations", None)
        error.pop("extensions", None)
    return content


@both_ways
async def test_each_event_has_an_answer_in_order(breadth_first: bool) -> None:
    found = await answers(listening(mails(1, 2)), "subscription { mail { subject } }", breadth_first)
    assert found == [{"data": {"mail": {"subject": f"Mail {number}"}}} for number in (1, 2)]


@both_ways
async def test_arguments_and_variables_reach_the_source_and_the_fields_below(breadth_first: bool) -> None:
    operation = "subscription ($least: Int!, $plus: Int = 10) { m: mail(least: $least) { number(plus: $plus) } }"
    found = await answers(listening(mails(1, 2, 3)), operation, breadth_first, least=2)
    assert found == [{"data": {"m": {"number": 12}}}, {"data": {"m": {"number": 13}}}]


@both_ways
async def test_events_that_wait_together_have_an_answer_each_in_order(breadth_first: bool) -> None:
    async def source(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield Together({"count": number} for number in range(45))
        yield {"count": 45}
        yield Together([{"count": 46}])

    found = await answers(listening(source, "count"), "subscription { count }", breadth_first)
    assert found == [{"data": {"count": number}} for number in range(47)]


@both_ways
async def test_events_that_wait_together_fail_one_by_one(breadth_first: bool) -> None:
    async def source(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield Together([{"sureCount": 1}, {"sureCount": None}, {"sureCount": "three"}, {"sureCount": 4}])

    one, two, three, four = await answers(listening(source, "sureCount"), "subscription { sureCount }", breadth_first)
    assert one == {"data": {"sureCount": 1}}
    assert two["data"] is None
    assert two["errors"][0]["path"] == ["sureCount"]
    assert three["data"] is None
    assert four == {"data": {"sureCount": 4}}


@both_ways
async def test_failure_within_an_event_ends_nothing(breadth_first: bool) -> None:
    found = await answers(listening(mails(1, 2, 3)), "subscription { mail { subject sure } }", breadth_first)
    assert [answer["data"]["mail"] and answer["data"]["mail"]["sure"] for answer in found] == ["x", None, "x"]
    assert [error["path"] for error in found[1]["errors"]] == [["mail", "sure"]]


@both_ways
async def test_event_that_fails_where_null_is_not_allowed_has_no_data(breadth_first: bool) -> None:
    schema = listening(mails(1, 2, 3), "sureMail")
    found = await answers(schema, "subscription { sureMail { sure } }", breadth_first)
    assert [answer["data"] for answer in found] == [{"sureMail": {"sure": "x"}}, None, {"sureMail": {"sure": "x"}}]


@both_ways
async def test_fields_of_an_event_may_take_their_time(breadth_first: bool) -> None:
    async def source(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield {"mail": {"number": 5}}

    found = await answers(listening(source), "subscription { mail { soon number } }", breadth_first)
    assert found == [{"data": {"mail": {"soon": 5, "number": 5}}}]


@both_ways
async def test_resolver_of_the_root_field_is_given_the_event(breadth_first: bool) -> None:
    async def source(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield 20
        yield 21

    schema = listening(source, "count", Subscription_count=lambda event, _: later(event + 1))
    assert await answers(schema, "subscription { count }", breadth_first) == [
        {"data": {"count": 21}},
        {"data": {"count": 22}},
    ]


@both_ways
async def test_function_that_waits_before_it_gives_the_source(breadth_first: bool) -> None:
    async def source(root: Any, info: Any, **arguments: Any) -> Any:
        return await later(mails(7)(root, info, **arguments))

    found = await answers(listening(source), "subscription { mail { subject } }", breadth_first)
    assert found == [{"data": {"mail": {"subject": "Mail 7"}}}]


class Countdown:
    """A source that is an iterator and no generator."""

    def __init__(self) -> None:
        self.left = [2, 1]
        self.closed = False

    def __aiter__(self) -> Countdown:
        return self

    async def __anext__(self) -> Any:
        if not self.left:
            raise StopAsyncIteration
        return {"count": self.left.pop(0)}

    async def aclose(self) -> None:
        self.closed = True


@both_ways
async def test_source_that_is_an_iterator_is_closed(breadth_first: bool) -> None:
    source = Countdown()
    schema = listening(lambda *_, **__: source, "count")
    found = await answers(schema, "subscription { count }", breadth_first)
    assert found == [{"data": {"count": 2}}, {"data": {"count": 1}}]
    assert source.closed


def _raises(*_: Any, **__: Any) -> Any:
    raise RuntimeError("no source")


NO_SOURCES = [
    pytest.param(_raises, id="raises"),
    pytest.param(lambda *_, **__: later(RuntimeError("no source")), id="raises later"),
    pytest.param(lambda *_, **__: RuntimeError("no source"), id="is an exception"),
    pytest.param(lambda *_, **__: "text", id="is no stream"),
    pytest.param(lambda *_, **__: None, id="is nothing"),
]


@both_ways
@pytest.mark.parametrize("source", NO_SOURCES)
async def test_subscription_without_a_source_is_an_error_and_nothing_else(source: Any, breadth_first: bool) -> None:
    (only,) = await answers(listening(source), "subscription { mail { subject } }", breadth_first)
    assert "data" not in only
    assert len(only["errors"]) == 1


@both_ways
async def test_source_that_breaks_off_ends_with_an_error(breadth_first: bool) -> None:
    async def source(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield {"count": 1}
        raise RuntimeError("broke off")

    first, last = await answers(listening(source, "count"), "subscription { count }", breadth_first)
    assert first == {"data": {"count": 1}}
    assert "data" not in last


@both_ways
async def test_stream_that_is_left_early_closes_its_source(breadth_first: bool) -> None:
    source = Countdown()
    engine = Engine(listening(lambda *_, **__: source, "count"), breadth_first=breadth_first)
    operation = engine.prepare(OperationRequest("subscription { count }"))
    async with aclosing(subscribe(engine, operation, lambda: nullcontext(None))) as stream:
        assert _content(await anext(stream)) == {"data": {"count": 2}}
    assert source.closed
