"""What a list must contain, worked out in plain Python from all of its rows."""

from __future__ import annotations

import enum
import json
import uuid
from dataclasses import dataclass
from typing import Any

import asyncpg
from strawberry import UNSET

from gateway.data.entity import is_enum
from gateway.schema.objects import filter as filters
from gateway.schema.types.scalars import JSON
from tests.kit.lists.list_field import ListField

Row = dict[str, Any]

ENDINGS = ("_after", "_from", "_before", "_until", "_contains", "_includes")


async def rows_of_list(superuser: asyncpg.Connection, listed: ListField, parent: str) -> list[Row]:
    """The rows of a list that are not deleted, in no order. Columns of a join table are under `link`."""
    through = listed.link.through
    if listed.link.lists_all:
        found = [dict(row) for row in await superuser.fetch(f"SELECT * FROM {listed.table}")]  # noqa: S608
    elif through is None:
        text = f"SELECT * FROM {listed.table} WHERE {listed.by} = {listed.key_of_parent}"  # noqa: S608
        found = [dict(row) for row in await superuser.fetch(text, uuid.UUID(parent))]
    else:
        text = f"SELECT * FROM {through.table} WHERE {through.by} = $1"  # noqa: S608
        joins = [row for row in await superuser.fetch(text, uuid.UUID(parent)) if row.get("deleted_at") is None]
        text = f"SELECT * FROM {listed.target.table} WHERE id = ANY($1)"  # noqa: S608
        rows = {row["id"]: dict(row) for row in await superuser.fetch(text, [row[through.to] for row in joins])}
        found = [rows[row[through.to]] | {"link": dict(row)} for row in joins]
    kept = [row for row in found if not listed.target.deletable or row["deleted_at"] is None]
    for row in kept:
        for column, kind in listed.target.kinds.items():
            if (kind is JSON or kind == list[str]) and isinstance(row[column], str):
                row[column] = json.loads(row[column])
    return kept


def in_order(rows: list[Row], listed: ListField, order: str) -> list[str]:
    """The ids of the rows in an order, nulls last."""
    columns = [part.strip() for part in order.split(",")]
    columns.append("-id" if columns[-1].startswith("-") else "id")
    sorted_rows = list(rows)
    for part in reversed(columns):
        values = {id(row): _sort_value(row, listed, part.removeprefix("-")) for row in sorted_rows}
        known = [row for row in sorted_rows if values[id(row)] is not None]
        known.sort(key=lambda row: values[id(row)], reverse=part.startswith("-"))
        sorted_rows = known + [row for row in sorted_rows if values[id(row)] is None]
    return [str(row["id"]) for row in sorted_rows]


def _sort_value(row: Row, listed: ListField, column: str) -> Any:
    value = row.get("link", row)[column] if column != "id" else row["id"]
    kind = listed.target.kinds[column]
    if is_enum(kind) and value is not None:
        return [member.value for member in kind].index(value)
    return value


def usual_of(listed: ListField) -> dict[str, Any]:
    """The conditions that a list has unless a client sets them."""
    entity = listed.target
    known = () if entity.filter is None else filters.attributes(entity, entity.filter)
    return {each.name: each.usual for each in known if each.usual is not UNSET}


@dataclass(frozen=True, slots=True)
class Reference:
    """Decides which rows meet a filter."""

    listed: ListField
    joined: dict[str, dict[uuid.UUID, set[str]]]
    """By the column of a join table: the ids that each row is joined to."""

    @classmethod
    async def read(cls, superuser: asyncpg.Connection, listed: ListField) -> Reference:
        """A reference that knows the present rows of the target's join tables."""
        joined: dict[str, dict[uuid.UUID, set[str]]] = {}
        for link in listed.target.links.values():
            if (through := link.through) is not None:
                of, deleted = joined.setdefault(through.to, {}), set[uuid.UUID]()
                if (table := listed.target.joined.get(through.to)) is not None:
                    text = f"SELECT id FROM {table} WHERE deleted_at IS NOT NULL"  # noqa: S608
                    deleted = {row["id"] for row in await superuser.fetch(text)}
                for row in await superuser.fetch(f"SELECT * FROM {through.table}"):  # noqa: S608
                    if row.get("deleted_at") is None and row[through.to] not in deleted:
                        of.setdefault(row[through.by], set()).add(str(row[through.to]))
        return cls(listed, joined)

    def lists(self, row: Row, filter: dict[str, Any]) -> bool:
        """Whether a list with this filter has a row, of which it usually has only some."""
        return self.meets(row, usual_of(self.listed) | filter)

    def meets(self, row: Row, filter: dict[str, Any]) -> bool:
        """Whether a row meets a filter, given by attributes as they are declared."""
        return all(self._test(row, name, value) for name, value in filter.items())

    def _test(self, row: Row, name: str, value: Any) -> bool:
        if name == "OR":
            return any(self.meets(row, each) for each in value)
        if name == "NOT":
            return not self.meets(row, value)
        kinds = self.listed.target.kinds
        if value is None and name in usual_of(self.listed):
            return True
        if name in kinds:
            wanted = value if isinstance(value, list) else [value]
            return _plain(row[name]) in [_plain(each) for each in wanted]
        if name in self.joined:
            return bool(self.joined[name].get(row["id"], set()) & set(value))
        if (has := name.removeprefix("has_")) != name and (has in kinds or has in self.joined):
            held = row[has] is not None if has in kinds else bool(self.joined[has].get(row["id"]))
            return held is value
        (ending,) = (each for each in ENDINGS if name.endswith(each))
        stem = name.removesuffix(ending)
        return _compares(row[stem if stem in kinds else f"{stem}_at"], ending, value)


def _compares(held: Any, ending: str, value: Any) -> bool:
    if held is None:
        return False
    match ending:
        case "_after":
            return bool(held > value)
        case "_from":
            return bool(held >= value)
        case "_before":
            return bool(held < value)
        case "_until":
            return bool(held <= value)
        case "_contains":
            return value.lower() in held.lower()
    return bool(set(held) & set(value)) if isinstance(held, list) else False


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else str(value) if isinstance(value, uuid.UUID) else value
