"""Everything in the API says what it is, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    is_introspection_type,
    is_specified_scalar_type,
)

from gateway.schema import describe
from gateway.schema.build import graphql_schema


def _elements() -> Iterator[tuple[str, Any]]:
    """Every type, field, argument, input field and enumeration value, by its coordinate."""
    for name, of in graphql_schema().type_map.items():
        if is_introspection_type(of) or is_specified_scalar_type(of):
            continue
        yield name, of
        match of:
            case GraphQLObjectType() | GraphQLInterfaceType():
                for field_name, field in of.fields.items():
                    yield f"{name}.{field_name}", field
                    for argument_name, argument in field.args.items():
                        yield f"{name}.{field_name}({argument_name}:)", argument
            case GraphQLInputObjectType():
                for field_name, input_field in of.fields.items():
                    yield f"{name}.{field_name}", input_field
            case GraphQLEnumType():
                for value_name, value in of.values.items():
                    yield f"{name}.{value_name}", value


def test_everything_has_a_description() -> None:
    elements = dict(_elements())
    assert len(elements) > 300
    assert [coordinate for coordinate, element in elements.items() if not element.description] == []


def test_descriptions_are_sentences_without_leftovers_of_their_source() -> None:
    faults = [
        coordinate
        for coordinate, element in _elements()
        if element.description
        and (
            not element.description.endswith((".", "`"))
            or "  " in element.description
            or "\n" in element.description.replace("\n\n", "")
            or element.description.startswith(f"{element}(")
        )
    ]
    assert faults == []


class Sample:
    """The class."""

    one: int
    """One line."""
    two: int = 2
    """Two
    lines.

    And a paragraph.
    """
    three: int
    four = 4
    """Four."""


def test_the_string_under_an_attribute_describes_it() -> None:
    assert describe.attributes(Sample) == {
        "one": "One line.",
        "two": "Two lines.\n\nAnd a paragraph.",
        "four": "Four.",
    }


def test_a_docstring_is_unwrapped_into_paragraphs() -> None:
    assert describe.summary(Sample) == "The class."
    assert describe.summary(lambda: None) is None


@pytest.mark.parametrize(("name", "said"), [("Note", "note"), ("ToolExecution", "tool execution")])
def test_a_class_has_a_name_that_a_person_would_say(name: str, said: str) -> None:
    assert describe.words(type(name, (), {})) == said
