"""What is exported of a type follows from its declaration, for types that nothing else knows of."""

from __future__ import annotations

import pytest

from gateway.export.selection import ExportedType, JoinedList, exported_types
from gateway.schema.build import build_schema, domain_modules
from gateway.schema.strawberry_private import core_of
from tests.gateway.schema.plain_table import binder, crate, meeting, memo, notebook, pin

NODE = "id version createdAt updatedAt"


@pytest.fixture(scope="module")
def types() -> dict[str, ExportedType]:
    """The exported types of a schema with a few more."""
    schema = core_of(build_schema([*domain_modules(), binder, crate, meeting, memo, notebook, pin]))
    return {of.name: of for of in exported_types(schema)}


def selected(of: ExportedType) -> str:
    """What the query selects of an object."""
    return of.query.partition(f"... on {of.name} {{ ")[2].removesuffix(" } } }")


def test_a_link_to_any_type_is_exported_as_its_type_and_id(types: dict[str, ExportedType]) -> None:
    assert selected(types["Pin"]) == f"{NODE} thing {{ __typename id }} notebook {{ id }} table"


def test_values_are_exported_whole(types: dict[str, ExportedType]) -> None:
    guest = "attendees { name role answer personId cameAt words topics }"
    assert selected(types["Meeting"]) == f"{NODE} reasons links {guest} data"


def test_lists_of_other_objects_are_not_exported(types: dict[str, ExportedType]) -> None:
    assert selected(types["Notebook"]) == f"{NODE} title"
    assert types["Notebook"].lists == {}


def test_a_join_table_is_listed_at_one_side(types: dict[str, ExportedType]) -> None:
    assert types["Conversation"].lists.keys() == types["Crate"].lists.keys() == {"tags"}
    assert types["Tag"].lists == {}
    assert types["Memo"].lists.keys() == {"stamps"}
    assert "ORDER BY j.created_at, j.tag_id" in types["Crate"].lists["tags"].statement
    assert types["Crate"].lists["tags"].shape(["1"]) == {"nodes": [{"id": "1"}]}
    assert JoinedList("", is_page=False).shape(["1"]) == [{"id": "1"}]


def test_reference_data_is_not_exported(types: dict[str, ExportedType]) -> None:
    assert "LlmModel" not in types
    assert types["Message"].file == "Message.jsonl"
