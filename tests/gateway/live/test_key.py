"""Which variables tell subscriptions apart: all but those that only say where to begin."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import pytest
from graphql import build_schema

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest
from gateway.live.feed import Feed
from gateway.live.key import key_of
from tests.gateway.live.audience import Added

ENGINE = Engine(
    build_schema("""
        scalar JSON
        type Query { none: Int }
        type Event { echo(any: JSON, text: String): Int }
        type Subscription { event(after: String, of: String): Event }
    """)
)
ROOT = "subscription($v: String) { event(after: $v) { echo } }"
BELOW = "subscription($v: String) { event(after: $v) { echo(text: $v) } }"
IN_A_FRAGMENT = "subscription($v: String) { event(after: $v) { ...f } } fragment f on Event { echo(text: $v) }"
IN_A_VALUE = "subscription($v: String) { event(after: $v) { echo(any: { of: [$v] }) } }"
IN_A_CONDITION = "subscription($v: Boolean = true) { event { echo @include(if: $v) } }"
OTHER_ARGUMENT = "subscription($v: String) { event(of: $v) { echo } }"
JSON = "subscription($v: JSON) { event { echo(any: $v) } }"


def key(text: str, **variables: Any) -> Any:
    operation = ENGINE.prepare(OperationRequest(text, variables=variables))
    return key_of(operation, Feed(cast("Any", None), Added, UUID(int=1), {}, None), None)


def test_where_to_begin_tells_nobody_apart() -> None:
    assert key(ROOT, v="1.0") == key(ROOT, v="1.7") == key(ROOT, v=None) == key(ROOT)


def test_the_tables_tell_apart() -> None:
    operation = ENGINE.prepare(OperationRequest("subscription { event { echo } }"))

    def of(tables: frozenset[str] | None) -> Any:
        return key_of(operation, Feed(cast("Any", None), Added, UUID(int=1), {}, None, tables), None)

    assert of(frozenset({"messages"})) == of(frozenset({"messages"}))
    assert len({of(None), of(frozenset({"messages"})), of(frozenset({"messages", "users"}))}) == 3


@pytest.mark.parametrize("text", [BELOW, IN_A_FRAGMENT, IN_A_VALUE, OTHER_ARGUMENT])
def test_what_is_used_elsewhere_tells_apart(text: str) -> None:
    assert key(text, v="1.0") == key(text, v="1.0")
    assert len({key(text, v="1.0"), key(text, v="1.7"), key(text, v=None), key(text)}) == 4


def test_condition_tells_apart_and_its_default_is_a_value() -> None:
    assert key(IN_A_CONDITION) == key(IN_A_CONDITION, v=True)
    assert key(IN_A_CONDITION) != key(IN_A_CONDITION, v=False)


def test_values_that_python_takes_for_equal_are_told_apart() -> None:
    values = [1, True, 1.0, "1", 0, False, 0.0, -0.0, None, [], {}]
    assert len({key(JSON, v=value) for value in values}) == len(values)


def test_value_that_json_cannot_hold_is_shared_with_nobody() -> None:
    assert key(JSON, v=2**70) != key(JSON, v=2**70)
