"""Text that cannot be stored is refused by its path, before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest
from tests.gateway.execution.refusal import refusal
from tests.gateway.toy import toy_schema

NOTE = "query ($input: Note!, $any: JSON) { note(input: $input) echo(any: $any) }"
ENGINE = Engine(toy_schema())


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"input": {"content": "a\0b"}},
            "variables.input.content holds a NUL character (U+0000), which cannot be stored",
        ),
        (
            {"input": {"content": "", "inner": {"list": ["ok", "\0"]}}},
            "variables.input.inner.list[1] holds a NUL character (U+0000), which cannot be stored",
        ),
        (
            {"input": {"content": "a\ud83d"}},
            "variables.input.content holds a lone surrogate (U+D83D), which is not a character",
        ),
        ({"any": {"k\0": 1}}, "variables.any.(a key) holds a NUL character (U+0000), which cannot be stored"),
        (
            {"any": [[{"\udfff": 1}]]},
            "variables.any[0][0].(a key) holds a lone surrogate (U+DFFF), which is not a character",
        ),
        ({"undeclared": "\0"}, "variables.undeclared holds a NUL character (U+0000), which cannot be stored"),
    ],
)
def test_variable_is_named_by_its_path(variables: dict[str, Any], message: str) -> None:
    refused = refusal(ENGINE, NOTE, **{"input": {"content": ""}, **variables})
    assert (refused.code, str(refused)) == ("BAD_REQUEST", message)


def test_deeply_nested_variables_are_refused() -> None:
    value: Any = 1
    for _ in range(5_000):
        value = [value]
    refused = refusal(ENGINE, NOTE, input={"content": ""}, any=value)
    assert refused.code == "BAD_REQUEST"
    assert "nested more than 64 levels deep" in str(refused)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{ hello(name: "\\u0000") }', "hello.name"),
        ('{ hello(name: "\\u{0}") }', "hello.name"),
        ('{ hello(name: "\0") }', "hello.name"),
        ('{ hello(name: """\0""") }', "hello.name"),
        ('{ note(input: {content: "", inner: {list: ["a", "\\u0000"]}}) }', "note.input.inner.list"),
        ('query ($name: String = "\\u0000") { hello(name: $name) }', "$name"),
    ],
)
def test_literal_is_named_by_its_place(text: str, path: str) -> None:
    refused = refusal(ENGINE, text)
    assert refused.code == "BAD_REQUEST"
    assert str(refused) == f"{path} holds a NUL character (U+0000), which cannot be stored"
    assert refused.errors[0].locations


@settings(deadline=None)
@given(st.text())
def test_all_other_text_passes(text: str) -> None:
    operation = OperationRequest(NOTE, None, {"input": {"content": text}})
    if "\0" in text:
        assert "NUL" in str(refusal(ENGINE, NOTE, **operation.variables))
    else:
        assert ENGINE.prepare(operation).variables.coerced["input"]["content"] == text
