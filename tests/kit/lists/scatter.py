"""Fill a list with rows that have many values in common, and nulls."""

from __future__ import annotations

import datetime
import decimal
import json
import random
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from gateway.data.clauses.name import quoted
from gateway.data.entity import Entity, is_enum, order_columns
from gateway.schema.objects import filter as filters
from gateway.schema.types.scalars import JSON, BigInt
from tests.kit.derived import COLUMNS
from tests.kit.lists.list_field import ListField

WORDS = ("apple", "date", "fig", "pear")
VALUES: dict[Any, Sequence[Any]] = {
    str: WORDS,
    bool: (False, True),
    int: (1, 2, 3),
    BigInt: (1, 2, 2**33),
    float: (0.25, 0.5, 1.0),
    decimal.Decimal: (decimal.Decimal("0.5"), decimal.Decimal(1), decimal.Decimal("1.25")),
    datetime.datetime: [datetime.datetime(2026, 1, day, 12, tzinfo=datetime.UTC) for day in (1, 2, 3)],
    datetime.date: [datetime.date(2026, 1, day) for day in (1, 2, 3)],
}
"""A few values of each type of a column, so that rows share them."""
UNIQUE = 1000
"""Where values begin that must not occur twice."""
PATIENCE = 20
"""How many values are tried for a row, if rules refuse them."""


def values_of(kind: Any) -> Sequence[Any]:
    """A few values for a column of this type; empty if its rows keep what they have."""
    if is_enum(kind):
        return tuple(kind)
    if kind is JSON or kind == list[str]:
        return ([], [WORDS[0]], [WORDS[1], WORDS[2]], [WORDS[0], WORDS[2]])
    return VALUES.get(kind, ())


def columns_to_vary(entity: Entity) -> set[str]:
    """The columns by which lists of an entity are filtered or ordered."""
    filtered = () if entity.filter is None else filters.attributes(entity, entity.filter)
    declared = [entity.order] if isinstance(entity.order, str) else [str(member.value) for member in entity.order]
    ordered = {column for order in declared for column, _ in order_columns(order)}
    return ({each.column for each in filtered} | ordered) & entity.kinds.keys()


DISTINCT = """
SELECT attname AS name, format_type(atttypid, NULL) AS type, (
    SELECT con.confrelid::regclass::text FROM pg_constraint AS con
    WHERE con.contype = 'f' AND con.conrelid = attrelid AND attnum = con.conkey[array_upper(con.conkey, 1)]
) AS parent, bool_or((
    SELECT count(*) FROM pg_attribute AS a
    WHERE a.attrelid = indrelid AND a.attnum = ANY (indkey) AND a.attname <> 'user_id'
) = 1) AS alone
FROM pg_index
JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
WHERE indrelid = $1::regclass AND indisunique AND NOT indisprimary
    AND atttypid IN ('uuid'::regtype, 'text'::regtype) AND attname NOT IN ('user_id', 'id') AND attgenerated = ''
GROUP BY attrelid, attname, attnum, atttypid
"""
"""The columns in which rows must differ, by themselves or together, and the table whose ids a column holds, if any."""

SOURCES = """
SELECT DISTINCT source.attname AS name
FROM pg_attrdef AS computed
JOIN pg_attribute AS made ON made.attrelid = adrelid AND made.attnum = adnum AND made.attgenerated <> ''
JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = computed.oid AND d.refobjid = adrelid
JOIN pg_attribute AS source ON source.attrelid = adrelid AND source.attnum = d.refobjsubid
WHERE adrelid = $1::regclass AND made.attname = ANY ($2) AND source.attname <> made.attname
"""
"""The columns that generated columns are computed from."""

DELETED_AT = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)


class Scatter:
    """Inserts copies of a row, as the superuser and without triggers. Only CHECK and UNIQUE can refuse one."""

    def __init__(self, superuser: asyncpg.Connection, entities: Iterable[Entity], seed: str) -> None:
        self._superuser = superuser
        self._entities = {entity.table: entity for entity in entities}
        self._random = random.Random(seed)  # noqa: S311
        self._unique = UNIQUE

    async def fill(self, listed: ListField, owner: str, parent: str, count: int) -> None:
        """Add `count` rows to a list of a user's: of this parent, and in a join table of what is there to be joined."""
        text = f"SELECT id FROM {listed.table} ORDER BY id LIMIT 1"  # noqa: S608
        if not listed.target.is_reference:
            text = text.replace("ORDER", "WHERE user_id = $1 ORDER")
        model = await self._superuser.fetchval(text, *([] if listed.target.is_reference else [uuid.UUID(owner)]))
        assert model is not None, f"the user has no row of {listed.table}: let a sample of its domain make one"
        columns = {column for _, order in listed.orders for column, _ in order_columns(order)}
        if listed.link.through is None:
            fixed = {} if listed.by == "user_id" or listed.link.lists_all else {listed.by: parent}
            varied = columns | columns_to_vary(listed.target)
            for number in range(count):
                await self.copy(listed.target, listed.table, model, fixed, varied, empty=number == 0)
            await self.copy(listed.target, listed.table, model, fixed, varied, deleted=True)
            return
        to = listed.link.through.to
        free = await self._superuser.fetch(
            f"SELECT id FROM {listed.target.table} AS t WHERE user_id = $1 AND NOT EXISTS"  # noqa: S608
            f" (SELECT FROM {listed.table} WHERE {listed.by} = $2 AND {to} = t.id) ORDER BY id LIMIT $3",
            uuid.UUID(owner),
            uuid.UUID(parent),
            count + 1,
        )
        for number, row in enumerate(free):
            fixed = {listed.by: parent, to: str(row["id"])}
            await self.copy(
                listed.target, listed.table, model, fixed, columns, deleted=number == count, empty=number == 0
            )

    async def copy(
        self,
        entity: Entity,
        table: str,
        model: Any,
        fixed: dict[str, str],
        varied: Iterable[str],
        *,
        deleted: bool = False,
        empty: bool = False,
    ) -> uuid.UUID:
        """Insert a copy of the row `model` with these values, and others in the varied columns. Returns its id.

        If it is to be `empty`, as many of them are null as may be. A generated column is varied by the columns that it
        is computed from.
        """
        names = [row["attname"] for row in await self._superuser.fetch(COLUMNS, table)]
        varied = {*varied, *(row["name"] for row in await self._superuser.fetch(SOURCES, table, [*varied]))}
        varied = sorted(column for column in varied if column in names and column not in fixed)
        distinct = {
            row["name"]: row
            for row in await self._superuser.fetch(DISTINCT, table)
            if row["name"] not in fixed and (row["alone"] or row["name"] not in varied)
        }
        id = uuid.UUID(int=self._random.getrandbits(128), version=4)
        for attempt in range(PATIENCE):
            values = {column: self._value(entity, column) for column in varied}
            if empty and attempt < PATIENCE / 2:  # a rule may want one of them, so some are null by chance later
                values |= dict.fromkeys(set(varied) & entity.nullable)
            changed = {k: v for k, v in values.items() if v is not _AS_IT_IS} | fixed | {"id": str(id)}
            into, made = (", ".join(f"{of}{quoted(name)}" for name in names) for of in ("", "(r)."))
            changed |= {name: await self._distinct(column, table, model, attempt) for name, column in distinct.items()}
            if "deleted_at" in names:
                changed["deleted_at"] = DELETED_AT if deleted else None
            try:
                async with self._superuser.transaction():
                    await self._superuser.execute("SET LOCAL session_replication_role = replica")
                    await self._superuser.execute(
                        f"INSERT INTO {table} ({into}) SELECT {made}"  # noqa: S608
                        f" FROM (SELECT jsonb_populate_record(t, $2) AS r FROM {table} AS t WHERE id = $1) AS made",
                        model,
                        json.dumps(changed, default=str),
                    )
            except (asyncpg.CheckViolationError, asyncpg.UniqueViolationError):
                continue
            return id
        raise AssertionError(f"no copy of a row of {table} is valid with other values in {varied}")

    async def _distinct(self, column: asyncpg.Record, table: str, model: Any, attempt: int) -> str:
        """A value that no row has: the id of a new parent, or a text: words, an emoji or a name, as rules allow."""
        self._unique += 1
        if column["type"] != "uuid":
            texts = (f"{WORDS[0]} {self._unique}", chr(0x1F000 + self._unique % 1000), f"{WORDS[0]}-{self._unique}")
            return texts[attempt % 3]
        parent = self._entities.get(column["parent"])
        held = await self._superuser.fetchval(f"SELECT {column['name']} FROM {table} WHERE id = $1", model)  # noqa: S608
        if parent is None or held is None:
            return str(uuid.uuid4())
        return str(await self.copy(parent, parent.table, held, {}, parent.unique))

    def _value(self, entity: Entity, column: str) -> Any:
        kind = entity.kinds[column]
        if column in entity.unique:
            self._unique += 1
            return _numbered(kind, self._unique)
        # A rule may allow only some values together, so now and then one stays as it is.
        choices = [*values_of(kind), _AS_IT_IS, *([None] if column in entity.nullable else [])]
        chosen = self._random.choice(choices)
        return chosen.value if is_enum(kind) and hasattr(chosen, "value") else chosen


_AS_IT_IS: Any = object()


def _numbered(kind: Any, number: int) -> Any:
    if kind not in (datetime.date, datetime.datetime):
        return number
    day = datetime.date(2000, 1, 1) + datetime.timedelta(days=number)
    return day if kind is datetime.date else datetime.datetime.combine(day, datetime.time(), datetime.UTC)
