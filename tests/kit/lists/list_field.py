"""The lists of a schema: each link to several rows, and each list at Query, in each of its orders."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from gateway.data.entity import Entity, Link
from tests.kit.serving import Client


@dataclass(frozen=True, slots=True)
class ListField:
    """A field that lists rows."""

    parent: Entity | None
    """The type that has the field; None for Query."""
    name: str
    link: Link
    target: Entity

    def __str__(self) -> str:
        return f"{self.parent.name if self.parent else 'Query'}.{self.name}"

    @property
    def is_page(self) -> bool:
        """Whether it is a connection."""
        return self.link.shape == "page"

    @property
    def table(self) -> str:
        """The table that the list is read from: the target's, or a join table."""
        return self.target.table if self.link.through is None else self.link.through.table

    @property
    def by(self) -> str:
        """The column of that table that references the parent."""
        return self.link.by if self.link.through is None else self.link.through.by

    @property
    def key_of_parent(self) -> str:
        """What that column holds, in SQL, if `$1` is the parent's id."""
        if self.parent is None or self.parent.table == "users" or self.link.key == "id":
            return "$1"
        return f"(SELECT {self.link.key} FROM {self.parent.table} WHERE id = $1)"  # noqa: S608

    @property
    def orders(self) -> list[tuple[str, str]]:
        """The orders: the argument that chooses each, and the order as it is declared."""
        declared = self.link.order or self.target.order
        if isinstance(declared, str):
            return [("", declared)]
        return [(f"orderBy: {member.name}", str(member.value)) for member in declared]

    def operation(self, declared: str, arguments: str, selection: str) -> str:
        """A query of the list, under the alias `list`. `declared` are its variables besides the parent's id."""
        field = f"list: {self.name}{f'({arguments})' if arguments else ''} {selection}"
        if self.parent is None:
            return f"query{f'({declared})' if declared else ''} {{ {field} }}"
        if self.parent.is_reference:
            parents = next(map(to_camel_case, self.parent.roots), "")
            assert parents, f"nothing lists all rows of {self.parent.name}: declare a root_page()"
            return f"query{f'({declared})' if declared else ''} {{ parents: {parents} {{ nodes {{ id {field} }} }} }}"
        return f"query($id: ID!, {declared}) {{ parent: node(id: $id) {{ ... on {self.parent.name} {{ {field} }} }} }}"

    async def ask(
        self, client: Client, parent: str, arguments: str, selection: str, declared: str = "", **variables: Any
    ) -> Any:
        """The list of a parent."""
        operation = self.operation(declared, arguments, selection)
        if self.parent is None:
            return (await client.data(operation, **variables))["list"]
        if self.parent.is_reference:
            found = (await client.data(operation, **variables))["parents"]["nodes"]
            return next(node["list"] for node in found if node["id"] == parent)
        return (await client.data(operation, id=parent, **variables))["parent"]["list"]


def list_fields(entities: Mapping[str, Entity]) -> Iterator[ListField]:
    """The lists of these types of rows of these types."""
    for entity in entities.values():
        for name, link in entity.links.items():
            if link.shape in ("many", "page") and link.target in entities and link.query is None:
                yield ListField(entity, to_camel_case(name), link, entities[link.target])
        for name, link in entity.roots.items():
            yield ListField(None, to_camel_case(name), link, entity)


def sent(value: Any) -> Any:
    """A value of a column as a client sends it."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, list):
        return [sent(item) for item in value]
    return value if value is None or isinstance(value, str | bool | int | float) else _text(value)


def _text(value: Any) -> str:
    return str(value.isoformat() if hasattr(value, "isoformat") else value)
