"""Everything in the API says what it is, in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    build_ast_schema,
    parse,
)

from gateway.schema.build import sdl
from gateway.schema.declaration import elements
from gateway.schema.types import describe
from tests.kit.schema import graphql_schema


def _elements() -> Iterator[tuple[str, Any]]:
    return elements(graphql_schema())


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


EMPTY_PHRASE = re.compile(r"What to |What came of |Which [\w ]+\.$")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
FILLERS = WORD.findall("a an and be been caller for how in is it its of on or that the them this to was what who with")


def _says_nothing(coordinate: str, text: str) -> bool:
    """Whether a description only repeats the name of what it describes."""
    said, named = ({word.lower().rstrip("s") for word in WORD.findall(each)} for each in (text, coordinate))
    return bool(EMPTY_PHRASE.match(text)) or said - {word.rstrip("s") for word in FILLERS} <= named


@pytest.mark.parametrize(
    ("coordinate", "text"),
    [
        ("Mutation.refreshSession(input:)", "What to refresh session."),
        ("AddMessagePayload", "What came of `addMessage`."),
        ("DeleteMessageInput", "Which message to delete."),
        ("DeleteMessageInput.id", "Its id."),
        ("MessageEdge.node", "The Message."),
    ],
)
def test_a_phrase_without_content_is_known(coordinate: str, text: str) -> None:
    assert _says_nothing(coordinate, text)


def test_arguments_inputs_and_what_is_generated_say_more_than_their_names() -> None:
    spoken = re.compile(r".*\(|\w*(Input|Payload|Filter|Edge|Connection)\b")
    found = {name: element.description for name, element in _elements() if spoken.match(name)}
    assert len(found) > 200
    assert {name: text for name, text in found.items() if _says_nothing(name, text)} == {}


def test_the_schema_says_what_it_is_also_in_the_committed_file() -> None:
    assert graphql_schema().description
    assert build_ast_schema(parse(sdl())).description == graphql_schema().description


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


@pytest.mark.parametrize(
    ("noun", "one", "several"),
    [
        ("note", "a note", "notes"),
        ("attachment", "an attachment", "attachments"),
        ("tool execution", "a tool execution", "tool executions"),
        ("category", "a category", "categories"),
        ("day", "a day", "days"),
        ("e-mail", "an e-mail", "e-mails"),
        ("user", "a user", "users"),
        ("usage log", "a usage log", "usage logs"),
        ("unit", "a unit", "units"),
        ("upload", "an upload", "uploads"),
        ("utility", "a utility", "utilities"),
        ("hour", "an hour", "hours"),
        ("LLM model", "an LLM model", "LLM models"),
        ("one-off", "a one-off", "one-offs"),
        ("status", "a status", "statuses"),
        ("tax", "a tax", "taxes"),
        ("batch", "a batch", "batches"),
        ("analysis", "an analysis", "analyses"),
        ("person", "a person", "people"),
        ("Attachment", "an Attachment", "Attachments"),
    ],
)
def test_a_noun_has_its_article_and_its_plural(noun: str, one: str, several: str) -> None:
    assert (describe.with_article(noun), describe.plural(noun)) == (one, several)


def test_a_class_within_a_function_or_another_class_is_described() -> None:
    class Local:
        one: int
        """Within a function."""

        class Inner:
            one: int
            """Within a class."""

    assert describe.attributes(Local) == {"one": "Within a function."}
    assert describe.attributes(Local.Inner) == {"one": "Within a class."}
