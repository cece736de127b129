"""What a client gets to see of an operation, and what only the log does."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from gateway.execution import Engine
from gateway.execution.complete import Answer, Large, failed
from gateway.execution.prepare.request import OperationRequest
from tests.gateway.execution.refusal import refusal
from tests.gateway.toy import Toy, ToyContext


async def run(engine: Engine, query: str, **variables: Any) -> Answer:
    operation = engine.prepare(OperationRequest(query, None, variables))
    return await engine.run(operation, ToyContext(1, None, Toy()))


async def test_error_of_ours_is_shown_with_its_code_and_field(engine: Engine) -> None:
    answer = await run(engine, "{ missing }")
    assert answer.data == {"missing": None}
    assert answer.errors == (
        {
            "message": "There is no such thing.",
            "locations": [{"line": 1, "column": 3}],
            "path": ["missing"],
            "extensions": {"code": "NOT_FOUND", "field": ["input", "id"]},
        },
    )


async def test_what_an_error_carries_for_the_payload_is_not_shown(engine: Engine) -> None:
    answer = await run(engine, "{ conflict }")
    assert answer.errors[0]["extensions"] == {"code": "CONFLICT"}


async def test_unexpected_error_is_a_reference_and_its_cause_is_in_the_log(engine: Engine) -> None:
    with capture_logs() as lines:
        answer = await run(engine, 'query Mine { a: boom hello(name: "private") }')
    (error,) = answer.errors
    assert error["message"] == "Something went wrong on our side."
    assert error["path"] == ["a"]
    assert error["extensions"].keys() == {"code", "reference"}
    assert error["extensions"]["code"] == "INTERNAL"
    (line,) = lines
    assert (line["reference"], line["operation"], line["path"]) == (
        error["extensions"]["reference"],
        "Mine",
        ["a"],
    )
    assert line["cause"][0]["type"] == "builtins.RuntimeError"
    assert line["cause"][0]["at"][-1].endswith(" boom")
    assert "secret" not in repr(line)
    assert "private" not in repr(line)


async def test_null_where_none_is_allowed_is_our_fault(engine: Engine) -> None:
    answer = await run(engine, "{ nodes { broken } }")
    assert answer.data is None
    assert answer.has_data
    assert answer.errors[0]["extensions"]["code"] == "INTERNAL"


async def test_value_that_its_type_cannot_represent_keeps_its_message(engine: Engine) -> None:
    answer = await run(engine, "{ huge }")
    assert "Int cannot represent non 32-bit signed integer value" in answer.errors[0]["message"]
    assert answer.errors[0]["extensions"].keys() == {"code", "reference"}


async def test_data_that_json_cannot_hold_is_our_fault(engine: Engine) -> None:
    answer = await run(engine, "{ unserialisable }")
    with capture_logs() as lines:
        body = orjson.loads(answer.bytes())
    assert body["errors"][0]["extensions"]["reference"] == lines[0]["reference"]
    assert "data" not in body


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "Variable '$of' has invalid value: Expected a value of non-null type 'Int!' to be provided."),
        ({"of": "x"}, "Variable '$of' has invalid value"),
        ({"of": 2**31}, "Int cannot represent non 32-bit signed integer value"),
        ({"of": None}, "Variable '$of' has invalid value"),
        ({"of": 1.5}, "Int cannot represent non-integer value"),
    ],
)
def test_variable_of_the_wrong_type_is_a_bad_request(engine: Engine, variables: dict[str, Any], message: str) -> None:
    refused = refusal(engine, "query ($of: Int!) { double(of: $of) }", **variables)
    (error,) = failed(refused).errors
    assert message in error["message"]
    assert error["extensions"] == {"code": "BAD_REQUEST"}


def test_refusal_has_no_data(engine: Engine) -> None:
    body = orjson.loads(failed(refusal(engine, "{")).bytes())
    assert body.keys() == {"errors"}
    assert body["errors"][0]["locations"]


def test_answer_is_written_with_what_it_has() -> None:
    assert Answer({"a": 1}).bytes() == b'{"data":{"a":1}}'
    assert Answer(None, extensions={"cost": 1}).bytes() == b'{"data":null,"extensions":{"cost":1}}'


def test_a_large_answer_is_written_as_any_other() -> None:
    data = {
        "viewer": {"id": "1", "items": [{"name": "\u00e4", "none": None, "below": [1, [2]]}, None], "empty": []},
        "text": "text",
        "flags": [True, "x"],
    }
    expect = Answer(orjson.loads(orjson.dumps(data))).bytes()
    large = Answer(Large(data))
    assert large.bytes() == expect
    assert large.bytes() == expect, "also when it is asked for again"
