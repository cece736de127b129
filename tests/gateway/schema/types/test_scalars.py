"""Each scalar takes one spelling of its values, the same as JSON and as a literal, and refuses all others."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType, parse_const_value

from tests.kit.schema import graphql_schema

SCHEMA = graphql_schema()
OWN = ("BigInt", "Cursor", "Date", "DateTime", "Decimal", "JSON")
UTC = datetime.UTC


def scalar(name: str) -> GraphQLScalarType:
    of = SCHEMA.get_type(name)
    assert isinstance(of, GraphQLScalarType)
    return of


def both(name: str, value: Any) -> Any:
    """What the value comes to, which must be the same from JSON and from a literal."""
    of = scalar(name)
    assert of.coerce_input_literal is not None
    found = of.coerce_input_value(value)
    literal = of.coerce_input_literal(parse_const_value(json.dumps(value)))
    assert (literal, type(literal)) == (found, type(found))
    return found


def check_refused(name: str, value: Any) -> None:
    """The value must be refused as JSON and as a literal, in the same words."""
    of = scalar(name)
    assert of.coerce_input_literal is not None
    with pytest.raises(GraphQLError) as refused:
        of.coerce_input_value(value)
    with pytest.raises(GraphQLError) as refused_too:
        of.coerce_input_literal(parse_const_value(json.dumps(value)))
    assert refused.value.message == refused_too.value.message
    assert refused_too.value.nodes
    assert name in refused.value.message


# --- times and days


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31T12:00:00Z", datetime.datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00z", datetime.datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+05:30", datetime.datetime(2026, 1, 31, 6, 30, tzinfo=UTC)),
        ("2026-01-31T12:00:00-23:59", datetime.datetime(2026, 2, 1, 11, 59, tzinfo=UTC)),
        ("2026-01-31T12:00:00-00:00", datetime.datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5Z", datetime.datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789Z", datetime.datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime.datetime(2017, 1, 1, tzinfo=UTC)),
        ("1990-12-31T15:59:60.5-08:00", datetime.datetime(1991, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime.datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00.000001Z", datetime.datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999998Z", datetime.datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC)),
    ],
)
def test_all_of_rfc_3339_is_a_time(text: str, time: datetime.datetime) -> None:
    found = both("DateTime", text)
    assert (found, found.tzinfo) == (time, UTC)


@pytest.mark.parametrize(
    "value",
    [
        "20260131T120000Z", "2026-01-31T120000Z", "20260131T12:00:00Z", "2026-W05-6T12:00:00Z", "2026W056T120000Z",
        "2026-031T12:00:00Z", "2026-01-31T12Z", "2026-01-31T12:00Z", "2026-01-31", "2026-01-31 12:00:00Z",
        "2026-01-31_12:00:00Z", "2026-01-31T12:00:00", "2026-01-31T12:00:00,5Z", "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00+0100", "2026-01-31T12:00:00+01", "2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00+00:60",
        "2026-01-31T12:00:00 Z", "2026-01-31T12:00:00\u221201:00", "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z", "2026-02-29T12:00:00Z", "2026-13-01T12:00:00Z", "2026-00-01T12:00:00Z",
        "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01",
        "+2026-01-31T12:00:00Z", "26-01-31T12:00:00Z", "2026-1-31T12:00:00Z", " 2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n", "\u0662026-01-31T12:00:00Z", "\uff12026-01-31T12:00:00Z", "now", "", 20260131, 1.5,
        True, [], ["2026-01-31T12:00:00Z"], {},
    ],
)  # fmt: skip
def test_nothing_else_is_a_time(value: Any) -> None:
    check_refused("DateTime", value)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "0001-01-01T05:00:00+05:00", "9999-12-31T23:59:59.9999999Z"])
def test_a_time_that_the_driver_takes_as_infinity_is_refused(text: str) -> None:
    check_refused("DateTime", text)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31"])
def test_a_day_that_the_driver_takes_as_infinity_is_refused(text: str) -> None:
    check_refused("Date", text)


@pytest.mark.parametrize("text", ["2026-01-31", "2024-02-29", "0001-01-02", "9999-12-30"])
def test_a_full_date_is_a_day(text: str) -> None:
    assert both("Date", text) == datetime.date.fromisoformat(text)


@pytest.mark.parametrize(
    "value",
    [
        "20260131", "2026-W05-6", "2026W056", "2026-031", "2026-01", "2026/01/31", "2026-1-31", "2026-02-29",
        "0000-01-01", "2026-01-31T00:00:00Z", " 2026-01-31", "2026-01-31\n", "\u0662026-01-31", "", 20260131, True,
        None, ["2026-01-31"],
    ],
)  # fmt: skip
def test_nothing_else_is_a_day(value: Any) -> None:
    check_refused("Date", value)


# --- numbers


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (28, 28), ("28", 28), (28.0, 28), (-28.0, -28), (1e3, 1000), (-0.0, 0), ("-7", -7), ("0", 0), ("-0", 0),
        (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63)), (str(-(2**63)), -(2**63)), (2.0**53 - 1, 2**53 - 1),
    ],
)  # fmt: skip
def test_a_whole_number_is_a_big_int_as_in_an_int(value: Any, number: int) -> None:
    found = both("BigInt", value)
    assert (found, type(found)) == (number, int)


@pytest.mark.parametrize(
    "value",
    [
        " 1", "1 ", "+1", "1_000", "1,000", "01", "-", "", "28.0", "1e3", "0x1f", "\u0661", "\uff11", "\u00b2", "1\n",
        1.5, 1e-9, 2.0**53, 1e300, 2**63, str(2**63), "9" * 5000, True, None, [1], {},
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_nothing_else_is_a_big_int(value: Any) -> None:
    check_refused("BigInt", value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.0125", "0.0125"),
        (0.1, "0.1"),
        (2, "2"),
        ("-1.50", "-1.5"),
        ("1.25e-6", "0.00000125"),
        ("1E3", "1000"),
        ("0.000000000001", "0.000000000001"),
        (17 * 0.15 / 1_000_000, "0.00000255"),
        (0.30000000000000004, "0.3"),
        ("0.0000000000005", "0"),
        ("0.0000000000015", "0.000000000002"),
        ("0.0000000000025", "0.000000000002"),
        ("0.00000000000250000000000000000000000000000000000000001", "0.000000000003"),
        ("-0.0000000000015", "-0.000000000002"),
        ("-0.0000000000001", "0"),
        ("-0", "0"),
        ("999999999999.999999999999", "999999999999.999999999999"),
        ("1e-400", "0"),
    ],
)
def test_an_amount_keeps_twelve_decimals_and_rounds_the_rest_half_to_even(value: Any, text: str) -> None:
    assert scalar("Decimal").coerce_output_value(both("Decimal", value)) == text


def test_a_literal_keeps_the_digits_that_a_float_would_lose() -> None:
    read = scalar("Decimal").coerce_input_literal
    assert read is not None
    assert read(parse_const_value("100000000000.123456789012")) == Decimal("100000000000.123456789012")


@pytest.mark.parametrize(
    "value",
    [
        " 1", "1 ", "+1", "1_000", "1,5", "01", ".5", "5.", "1e", "-", "", "NaN", "Infinity", "0x1", "\u0661", "\uff11",
        "1.\u0661", "1" * 13,
        "999999999999.9999999999995", "1e400", "1e" + "9" * 30, "0." + "1" * 200, True, None, [1], {},
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_nothing_else_is_an_amount(value: Any) -> None:
    check_refused("Decimal", value)


# --- the others


@pytest.mark.parametrize("name", ["Cursor", "Date", "DateTime", "Decimal", "BigInt"])
@pytest.mark.parametrize("literal", ["BARE", "true", "null", "[]", "{}", "{a: 1}"])
def test_a_literal_of_another_form_is_refused(name: str, literal: str) -> None:
    read = scalar(name).coerce_input_literal
    assert read is not None
    with pytest.raises(GraphQLError, match=name):
        read(parse_const_value(literal))


@pytest.mark.parametrize("value", ["", "x" * 1025, 1, True, None, ["1.1"]])
def test_what_is_no_text_of_a_cursors_length_is_refused(value: Any) -> None:
    check_refused("Cursor", value)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, [[2**64]], {"a": [1, 2**64]}])
def test_json_holds_no_number_of_more_than_64_bits(value: Any) -> None:
    with pytest.raises(GraphQLError, match="64 bits"):
        scalar("JSON").coerce_input_value(value)


@pytest.mark.parametrize("name", OWN)
def test_the_description_tells_what_is_taken(name: str) -> None:
    assert len(scalar(name).description or "") > 80
