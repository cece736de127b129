"""From a text to the operation that is to run."""

from __future__ import annotations

import pytest
from graphql import get_introspection_query

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest
from tests.gateway.execution.refusal import refusal
from tests.gateway.toy import toy_schema


def test_operation_knows_its_name_kind_and_fields(engine: Engine) -> None:
    operation = engine.prepare(
        OperationRequest(
            "query A { a: hello } mutation B { write(text: $t) } query C { node { ...F ... { broken } } }"
            " fragment F on Node { node { id } }".replace("$t", '"x"'),
            "C",
        )
    )
    assert (operation.name, operation.kind) == ("C", "query")
    assert operation.field_names == {"node", "id", "broken"}


@pytest.mark.parametrize("kind", ["query", "mutation", "subscription"])
def test_anonymous_operation_needs_no_name(engine: Engine, kind: str) -> None:
    field = {"query": "hello", "mutation": 'write(text: "x")', "subscription": "silence"}[kind]
    operation = engine.prepare(OperationRequest(f"{kind} {{ {field} }}"))
    assert (operation.name, operation.kind) == (None, kind)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("query A { hello } query B { hello }", None, "several operations"),
        ("query A { hello } query B { hello }", "C", "Unknown operation named 'C'"),
        ("query A { hello }", "", "Unknown operation named ''"),
        ("{ hello }", "A", "Unknown operation named 'A'"),
        ("fragment F on Node { id }", None, "no operation"),
        ("type Query { id: ID }", None, "no operation"),
    ],
)
def test_the_operation_must_be_plain_to_find(engine: Engine, text: str, name: str | None, message: str) -> None:
    refused = refusal(engine, text, name)
    assert refused.code == "BAD_REQUEST"
    assert message in str(refused)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{ hello ",
        "{ hello(name: }",
        "\0",
        "{ hello \ud800 }",
        '{ hello(name: "\\ud800") }',
        "{ hello }" + "#" * 40_000,
        "#\n" * 101 + "{ hello }",
        "{" + " hello" * 1_000 + " }",
        '{ hello(name: "' + "x" * 40_000 + '") }',
        "{" + "node {" * 500 + "id" + "}" * 501,
        "{ echo(any: " + "[" * 900 + "]" * 900 + ") }",
    ],
)
def test_text_that_is_not_graphql_or_too_long_is_not_parsed(engine: Engine, text: str) -> None:
    assert refusal(engine, text).code == "GRAPHQL_PARSE_FAILED"


def test_at_most_ten_errors_are_reported(engine: Engine) -> None:
    refused = refusal(engine, "{ node {" + " ".join(f"wrong{number}" for number in range(40)) + "} }")
    assert refused.code == "GRAPHQL_VALIDATION_FAILED"
    assert len(refused.errors) == 11
    assert "Too many validation errors" in refused.errors[-1].message


def test_introspection_is_answered_unless_it_is_off(engine: Engine) -> None:
    introspection = OperationRequest(get_introspection_query())
    assert engine.prepare(introspection).kind == "query"
    closed = Engine(toy_schema(), introspection=False)
    assert "introspection has been disabled" in str(refusal(closed, introspection.query))
    assert closed.prepare(OperationRequest("{ __typename }"))


def test_names_are_suggested_only_where_introspection_is_on(engine: Engine) -> None:
    assert "Did you mean" in str(refusal(engine, "{ helo }"))
    closed = Engine(toy_schema(), introspection=False)
    assert "Did you mean" not in str(refusal(closed, "{ helo }"))
    query = "query ($note: Note!) { note(input: $note) }"
    assert "Did you mean" not in str(refusal(closed, query, note={"content": "", "iner": {}}))


def test_five_thousand_digits_in_the_text_are_an_error_like_others(engine: Engine) -> None:
    refused = refusal(engine, "{ double(of: " + "1" * 5_000 + ") }")
    assert refused.code == "GRAPHQL_VALIDATION_FAILED"


def test_document_is_read_once(engine: Engine) -> None:
    request = OperationRequest("query A { hello } query B { hello }", "A")
    assert engine.prepare(request).document is engine.prepare(request).document
    other = OperationRequest(request.query, "B")
    assert engine.prepare(other).name == "B"
