"""Which requests are known by their bytes when they come again."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.execution import Engine
from gateway.execution.operation import Operation
from gateway.http.plain.endpoint import read_request
from gateway.http.plain.recent import LARGEST_BYTES, MOST_BYTES, RecentQueries
from gateway.schema.build import graphql_schema

ENGINE = Engine(graphql_schema())
POINT = "query Point($id: ID!) { conversation(id: $id) { title } }"


def body(query: str, **variables: Any) -> bytes:
    return orjson.dumps({"query": query, "variables": variables})


def operation(sent: bytes) -> Operation:
    return ENGINE.prepare(read_request(sent))


def test_a_query_is_known_with_its_variables() -> None:
    recent = RecentQueries()
    one, other = body(POINT, id="1"), body(POINT, id="2")
    recent.keep(one, operation(one))
    assert not recent, "it may not come again"
    recent.keep(one, operation(one))
    assert recent[one].variables.coerced == {"id": "1"}
    assert other not in recent


@pytest.mark.parametrize(
    "sent",
    [
        body("query($f: ConversationFilter) { viewer { conversations(filter: $f) { totalCount } } }", f={}),
        body(POINT + "#" * LARGEST_BYTES, id="1"),
    ],
    ids=["a variable that a resolver may change", "a large one"],
)
def test_what_must_not_or_need_not_be_kept_is_not(sent: bytes) -> None:
    recent = RecentQueries()
    for _ in range(3):
        recent.keep(sent, operation(sent))
    assert not recent


def test_the_oldest_make_room() -> None:
    recent = RecentQueries()
    known = operation(body(POINT, id="1"))
    bodies = [f"{number:0{LARGEST_BYTES}}".encode() for number in range(MOST_BYTES // LARGEST_BYTES + 2)]
    for each in bodies * 2:
        for _ in range(2):
            recent.keep(each, known)
    assert sum(map(len, recent)) == MOST_BYTES
    for _ in range(2):
        recent.keep(b"small", known)
    assert b"small" in recent
    assert sum(map(len, recent)) <= MOST_BYTES
