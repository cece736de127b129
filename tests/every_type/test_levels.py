"""A link of many objects takes as many statements as that of one, for every link of every type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type, is_leaf_type, is_required_argument

from tests.kit.generated import entities, fields_of
from tests.kit.lists.full_lists import LISTS, FullLists, full_lists, reference_data
from tests.kit.lists.list_field import ListField
from tests.kit.schema import graphql_schema

__all__ = ["full_lists", "reference_data"]

SCHEMA = graphql_schema()
LISTED = {listed.target.name: listed for listed in reversed(LISTS)}
"""A list of each type, of the user if there is one."""
ROW_TYPES = {entity.name for entity in entities()}


@dataclass(frozen=True, slots=True)
class Level:
    """A field of the objects of a list that leads to other rows."""

    listed: ListField
    name: str
    below: str
    """The selection set of the field."""

    def __str__(self) -> str:
        return f"{self.listed.target.name}.{self.name}"


def levels() -> Iterator[Level]:
    """Each field of each type that is listed and that leads to other rows, as a list or alone."""
    for kind, listed in sorted(LISTED.items()):
        for name, field in fields_of(SCHEMA.type_map[kind]).items():
            of: Any = get_named_type(field.type)
            if is_leaf_type(of) or any(map(is_required_argument, field.args.values())):
                continue
            page = fields_of(of).get("nodes")
            target: Any = get_named_type(page.type) if page else of
            if target.name in ROW_TYPES or isinstance(target, GraphQLInterfaceType):
                yield Level(listed, name, f"{{ totalCount nodes {_plain(target)} }}" if page else _plain(target))


def _plain(of: GraphQLObjectType | GraphQLInterfaceType) -> str:
    """The fields of a type that are columns."""
    leaves = [name for name, field in of.fields.items() if is_leaf_type(get_named_type(field.type)) and not field.args]
    return "{ __typename " + " ".join(leaves) + " }"


@pytest.mark.parametrize("level", list(levels()), ids=str)
async def test_a_link_of_many_objects_is_followed_by_one_statement(full_lists: FullLists, level: Level) -> None:
    client, parent = full_lists.estate.client, full_lists.parent(level.listed)
    selection = f"{{ id {level.name} {level.below} }}"
    if level.listed.is_page:
        selection = f"{{ nodes {selection} }}"
    sent = []
    for _ in range(2):  # the driver asks for the types of parameters once
        client.statements.texts.clear()
        found = await level.listed.ask(client, parent, "", selection)
        sent = list(client.statements.texts)
    rows = found["nodes"] if level.listed.is_page else found
    most = 2 + ("totalCount" in level.below) + (level.listed.parent is not None)
    # A link to objects of any type takes a statement for each type.
    reached = [row[level.name] for row in rows if isinstance(row[level.name], dict)]
    most += max(0, len({each["__typename"] for each in reached if "__typename" in each}) - 1)
    assert most < len(rows), "so few rows prove nothing"
    assert len(sent) <= most, "\n\n".join(sent)
