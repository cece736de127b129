"""`@skip` and `@include`: what is left of an operation, and in what order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.execution.both import check, schema_of

SCHEMA = schema_of(
    "type Query { a: String, b: String, inner: Query }",
    Query_a=lambda *_: "a",
    Query_b=lambda *_: "b",
    Query_inner=lambda *_: {},
)

KEPT = ["", "@include(if: true)", "@skip(if: false)", "@include(if: true) @skip(if: false)", "@include(if: $yes)"]
LEFT_OUT = [
    "@include(if: false)",
    "@skip(if: true)",
    "@include(if: true) @skip(if: true)",
    "@include(if: false) @skip(if: false)",
    "@include(if: false) @skip(if: true)",
    "@skip(if: $yes)",
    "@include(if: $no)",
]
PLACES = [
    pytest.param("a b {}", "", id="field"),
    pytest.param("a ...B {}", "fragment B on Query { b }", id="fragment spread"),
    pytest.param("a ... on Query {} {{ b }}", "", id="inline fragment"),
    pytest.param("a ... {} {{ b }}", "", id="inline fragment without condition"),
]


def _operation(selection: str, fragments: str, directives: str) -> str:
    head = "query ($yes: Boolean!, $no: Boolean = false) " if "$" in directives else ""
    unused = " ".join(
        f"x{name}: a @skip(if: ${name})" for name in ("yes", "no") if head and f"${name}" not in directives
    )
    return f"{head}{{ {selection.format(directives)} {unused} }} {fragments}"


def _variables(directives: str) -> dict[str, Any]:
    return {"yes": True} if "$" in directives else {}


@pytest.mark.parametrize("directives", KEPT)
@pytest.mark.parametrize(("selection", "fragments"), PLACES)
async def test_kept(selection: str, fragments: str, directives: str) -> None:
    more = {"xno": "a"} if "$yes" in directives else {}
    operation = _operation(selection, fragments, directives)
    await check(SCHEMA, operation, {"a": "a", "b": "b", **more}, variables=_variables(directives))


@pytest.mark.parametrize("directives", LEFT_OUT)
@pytest.mark.parametrize(("selection", "fragments"), PLACES)
async def test_left_out(selection: str, fragments: str, directives: str) -> None:
    more = {"xno": "a"} if "$yes" in directives else {}
    operation = _operation(selection, fragments, directives)
    await check(SCHEMA, operation, {"a": "a", **more}, variables=_variables(directives))


async def test_everything_left_out_is_an_empty_object() -> None:
    await check(SCHEMA, "{ a @skip(if: true) }", {})
    await check(SCHEMA, "{ inner { a @skip(if: true) } }", {"inner": {}})


async def test_field_left_out_once_and_kept_once_is_kept() -> None:
    await check(SCHEMA, "{ a @skip(if: true) a }", {"a": "a"})
    await check(SCHEMA, "{ inner @skip(if: true) { a } inner { b } }", {"inner": {"b": "b"}})


async def test_fragment_left_out_at_first_is_still_there_at_its_second_use() -> None:
    await check(SCHEMA, "{ ...B @skip(if: true) a ...B } fragment B on Query { b }", {"a": "a", "b": "b"})


async def test_same_text_with_other_variables_comes_to_something_else() -> None:
    operation = "query ($yes: Boolean!) { a @include(if: $yes) inner { b @skip(if: $yes) } }"
    await check(SCHEMA, operation, {"a": "a", "inner": {}}, variables={"yes": True})
    await check(SCHEMA, operation, {"inner": {"b": "b"}}, variables={"yes": False})
