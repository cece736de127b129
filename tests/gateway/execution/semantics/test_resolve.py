"""How a field gets its value, and how fields that go by one key become one."""

from __future__ import annotations

from collections import ChainMap
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from tests.gateway.execution.both import check, later, schema_of

SDL = "type Query { it: String, of(number: Int = 2, text: String): String, inner: Query, all: [Query!] }"


class Plain:
    """Values as attributes, properties and methods."""

    it = "attribute"

    def of(self, info: Any, number: int, text: str = "none") -> str:
        return f"{info.context} {number} {text}"

    @property
    def inner(self) -> Plain:
        return self

    async def all(self, _info: Any) -> list[Any]:
        return [self, later({"it": "key"})]


SOURCES = [
    pytest.param({"it": "value"}, {"it": "value"}, id="dictionary"),
    pytest.param({"it": lambda info: info.field_name}, {"it": "it"}, id="dictionary with a function"),
    pytest.param({"it": lambda _: later("soon")}, {"it": "soon"}, id="dictionary with a function that takes its time"),
    pytest.param({}, {"it": None}, id="empty dictionary"),
    pytest.param(ChainMap({}, {"it": "value"}), {"it": "value"}, id="chain of dictionaries"),
    pytest.param(MappingProxyType({"it": "value"}), {"it": "value"}, id="mapping"),
    pytest.param(SimpleNamespace(it="value"), {"it": "value"}, id="namespace"),
    pytest.param(SimpleNamespace(), {"it": None}, id="namespace without it"),
    pytest.param(Plain(), {"it": "attribute"}, id="object"),
    pytest.param(None, {"it": None}, id="nothing"),
    pytest.param(7, {"it": None}, id="number"),
]


@pytest.mark.parametrize(("source", "expect"), SOURCES)
async def test_field_without_a_resolver(source: Any, expect: Any) -> None:
    await check(schema_of(SDL), "{ it }", expect, root=lambda: source)


async def test_method_is_given_its_arguments_and_the_context() -> None:
    expect = {"of": "ctx 2 none", "b": "ctx 5 x", "inner": {"it": "attribute"}}
    operation = '{ of b: of(number: 5, text: "x") inner { it } }'
    await check(schema_of(SDL), operation, expect, root=Plain(), context="ctx")


async def test_sources_of_one_list_may_be_of_different_kinds() -> None:
    expect = {"all": [{"it": "attribute", "inner": {"it": "attribute"}}, {"it": "key", "inner": None}]}
    await check(schema_of(SDL), "{ all { it inner { it } } }", expect, root=Plain())


async def test_what_a_property_or_a_method_raises_is_the_error_of_its_field() -> None:
    class Broken:
        @property
        def it(self) -> str:
            raise ValueError("property")

        def of(self, _info: Any, number: int) -> str:
            raise ValueError(f"method {number}")

    errors = [("it", "property"), ("of", "method 2")]
    await check(schema_of(SDL), "{ it of }", {"it": None, "of": None}, errors, root=Broken())


async def test_exception_that_is_returned_is_the_error_of_its_field() -> None:
    schema = schema_of(SDL, Query_it=lambda *_: ValueError("returned"), Query_of=lambda *_, **__: later(1))
    await check(schema, "{ it of }", {"it": None, "of": "1"}, [("it", "returned")])


async def test_resolver_sees_where_it_is() -> None:
    def told(_: Any, info: Any, **__: Any) -> str:
        names = [node.name.value for node in info.field_nodes]
        return f"{info.parent_type} {info.field_name} {info.return_type} {names} {info.operation.name.value}"

    schema = schema_of(SDL, Query_it=told)
    expect = {"a": "Query it String ['it', 'it'] Named"}
    await check(schema, "query Named { a: it ...F } fragment F on Query { a: it }", expect)


async def test_path_tells_keys_and_not_names() -> None:
    def told(_: Any, info: Any, **__: Any) -> str:
        return ".".join(map(str, info.path.as_list()))

    schema = schema_of(SDL, Query_it=told, Query_inner=lambda *_: {})
    await check(schema, "{ a: inner { b: inner { c: it } } }", {"a": {"b": {"c": "a.b.c"}}})


MERGED = [
    ("{ it it }", {"it": "x"}),
    ("{ inner { it } inner { b: it } }", {"inner": {"it": "x", "b": "x"}}),
    ("{ inner { inner { it } } inner { inner { b: it } it } }", {"inner": {"inner": {"it": "x", "b": "x"}, "it": "x"}}),
    ("{ ...A ...B } fragment A on Query { inner { it } } fragment B on Query { inner { b: it } }", None),
    ("{ ... { inner { it } } ... on Query { inner { b: it } } }", None),
    ("{ ...A ... on Query { ...A inner { b: it } } } fragment A on Query { inner { it } }", None),
]


@pytest.mark.parametrize(("operation", "expect"), MERGED)
async def test_fields_with_one_key_are_one(operation: str, expect: Any) -> None:
    calls = []

    def inner(*_: Any) -> dict[str, Any]:
        calls.append(1)
        return {}

    schema = schema_of(SDL, Query_it=lambda *_: "x", Query_inner=inner)
    await check(schema, operation, expect or {"inner": {"it": "x", "b": "x"}})
    times = 2 if "inner { inner" in operation else 1 if "inner" in operation else 0
    assert len(calls) == 2 * times


async def test_keys_stand_in_the_order_of_the_text_however_late_their_values_come() -> None:
    schema = schema_of(
        "type Query { a: Int, b: Int, c: Int }",
        Query_a=lambda *_: later(1, turns=3),
        Query_b=lambda *_: 2,
        Query_c=lambda *_: later(3),
    )
    await check(schema, "{ c b a ...F } fragment F on Query { b d: b }", {"c": 3, "b": 2, "a": 1, "d": 2})


SHOWN = [
    ("Int", 1.0, 1),
    ("Int", "12", 12),
    ("Int", True, 1),
    ("Float", 1, 1.0),
    ("Float", "1.5", 1.5),
    ("Boolean", 1, True),
    ("Boolean", 0, False),
    ("String", 5, "5"),
    ("String", True, "true"),
    ("String", 2.5, "2.5"),
    ("ID", 5, "5"),
    ("ID", "x", "x"),
]


@pytest.mark.parametrize(("of", "value", "shown"), SHOWN)
async def test_scalar_shows_a_value_as_its_type(of: str, value: Any, shown: Any) -> None:
    schema = schema_of(
        f"type Query {{ it: {of}, all: [{of}!]! }}", Query_it=lambda *_: value, Query_all=lambda *_: [value]
    )
    await check(schema, "{ it all }", {"it": shown, "all": [shown]})


UNFIT = [
    ("Int", "x", "Int cannot represent non-integer value: 'x'"),
    ("Int", 2**31, "Int cannot represent non 32-bit signed integer value: 2147483648"),
    ("Int", 1.5, "Int cannot represent non-integer value: 1.5"),
    ("Float", "x", "Float cannot represent non numeric value: 'x'"),
    ("Float", float("inf"), "Float cannot represent non numeric value: inf"),
    ("Boolean", "x", "Boolean cannot represent a non boolean value: 'x'"),
    ("String", [1], "String cannot represent value: [1]"),
    ("ID", [1], "ID cannot represent value: [1]"),
    ("Colour", "BLUE", "Enum 'Colour' cannot represent value: 'BLUE'"),
]


@pytest.mark.parametrize(("of", "value", "message"), UNFIT)
async def test_scalar_refuses_a_value_that_is_not_of_its_type(of: str, value: Any, message: str) -> None:
    schema = schema_of(f"enum Colour {{ RED }} type Query {{ it: {of}, sure: {of}! }}", Query_it=lambda *_: value)
    await check(schema, "{ it }", {"it": None}, [("it", message)])
    await check(schema, "{ sure }", None, [("sure", message)], root={"sure": value})


async def test_scalar_that_shows_nothing_fails_its_field() -> None:
    schema = schema_of("scalar Odd type Query { it: Odd, at: Int }", Query_it=lambda *_: 6, Query_at=lambda *_: 1)
    odd: Any = schema.type_map["Odd"]
    odd.coerce_output_value = lambda _: None
    message = "Expected `Odd.coerce_output_value(6)` to return non-nullable value, returned: None"
    await check(schema, "{ it at }", {"it": None, "at": 1}, [("it", message)])
