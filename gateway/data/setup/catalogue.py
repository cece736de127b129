"""Reads the database catalogue: columns, indexes, foreign keys, and the columns that the feed carries."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import asyncpg

from gateway.data.setup.roles import RUNTIME, SCHEMA

COLUMNS = """
SELECT class.relname AS table, attribute.attname AS name, attribute.attnotnull AS required,
       format_type(attribute.atttypid, NULL) AS type,
       NOT (class.relrowsecurity AND attribute.atttypid = 'numeric'::regtype) AS seeks,
       CASE WHEN attribute.attgenerated <> '' THEN pg_get_expr(given.adbin, given.adrelid) END AS generated,
       ARRAY(
           SELECT privilege
           FROM unnest('{INSERT,UPDATE}'::text[]) AS privilege
           WHERE NOT has_column_privilege($2::name, class.oid, attribute.attnum, privilege)
       ) AS withheld
FROM pg_attribute AS attribute
JOIN pg_class AS class ON class.oid = attribute.attrelid
LEFT JOIN pg_attrdef AS given ON given.adrelid = attribute.attrelid AND given.adnum = attribute.attnum
WHERE class.relnamespace = to_regnamespace($1)
  AND class.relkind IN ('r', 'p')
  AND attribute.attnum > 0
  AND NOT attribute.attisdropped
"""

INDEXES = """
SELECT class.relname AS table, index.indisunique AS is_unique,
       pg_get_expr(index.indpred, index.indrelid) AS condition,
       ARRAY(
           SELECT pg_get_indexdef(index.indexrelid, position, false)
           FROM generate_series(1, index.indnkeyatts) AS position
           ORDER BY position
       ) AS columns,
       CASE WHEN method.amname = 'btree' THEN ARRAY(
           SELECT CASE option & 3 WHEN 1 THEN 'DESC NULLS LAST' WHEN 2 THEN 'NULLS FIRST' WHEN 3 THEN 'DESC' ELSE '' END
           FROM unnest(index.indoption) WITH ORDINALITY AS key (option, position)
           ORDER BY position
       ) ELSE '{}' END AS directions
FROM pg_index AS index
JOIN pg_class AS class ON class.oid = index.indrelid
JOIN pg_class AS own ON own.oid = index.indexrelid
JOIN pg_am AS method ON method.oid = own.relam
WHERE class.relnamespace = to_regnamespace($1) AND index.indisvalid
"""

KEYS = """
SELECT class.relname AS table,
       ARRAY(
           SELECT attribute.attname::text
           FROM unnest(con.conkey) WITH ORDINALITY AS held (number, position)
           JOIN pg_attribute AS attribute ON attribute.attrelid = con.conrelid AND attribute.attnum = held.number
           ORDER BY position
       ) AS columns,
       ARRAY(
           SELECT attribute.attname::text
           FROM unnest(con.confkey) WITH ORDINALITY AS named (number, position)
           JOIN pg_attribute AS attribute ON attribute.attrelid = con.confrelid AND attribute.attnum = named.number
           ORDER BY position
       ) AS named
FROM pg_constraint AS con
JOIN pg_class AS class ON class.oid = con.conrelid
WHERE con.contype = 'f' AND class.relnamespace = to_regnamespace($1)
"""

LISTS = r"""
SELECT class.relname AS table, substring(pg_get_expr(conbin, conrelid) FROM '_list_mistake\("?(\w+)"?[,)]') AS column
FROM pg_constraint
JOIN pg_class AS class ON class.oid = conrelid
WHERE contype = 'c' AND connamespace = to_regnamespace($1) AND conname LIKE '%\_list'
"""

OF_USERS = r"""
SELECT unnest(string_to_array(encode(tgargs, 'escape'), '\000')) AS table
FROM pg_trigger
WHERE tgrelid = to_regclass($1 || '.users') AND tgname = 'complete'
"""
REFERENCES = """
SELECT relname AS name
FROM pg_class
WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p')
  AND starts_with(obj_description(oid, 'pg_class'), 'Reference data')
"""
"""The tables that reference_table() has marked by their comment."""

FEEDS = """
SELECT proname AS name, prosrc AS source
FROM pg_proc
WHERE pronamespace = to_regnamespace($1) AND starts_with(proname, 'feed_') AND prorettype = 'trigger'::regtype
"""

JOINS = r"""
SELECT substring(obj_description(oid, 'pg_proc') FROM 'join_function\((.*)\)') AS arguments
FROM pg_proc
WHERE pronamespace = to_regnamespace($1) AND obj_description(oid, 'pg_proc') LIKE 'Made by SELECT join_function(%'
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    type: str
    required: bool
    """Whether it is NOT NULL."""
    generated: str | None = None
    """The expression of a generated column."""
    seeks: bool = True
    """Whether a comparison can seek in an index on it. Under row-level security, only leakproof comparisons can."""
    withheld: frozenset[str] = frozenset()
    """The privileges, INSERT and UPDATE, that the serving role does not have on it."""


@dataclass(frozen=True, slots=True)
class Index:
    """A valid index. Expressions are listed among its columns as text."""

    columns: tuple[str, ...]
    unique: bool
    condition: str | None
    """The predicate of a partial index; None if it covers all rows."""
    directions: tuple[str, ...] = field(default=(), compare=False)
    """What follows each column in CREATE INDEX, such as `DESC NULLS LAST`; empty if the index keeps no order."""


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key: columns of the table, and the referenced columns of the other table."""

    columns: tuple[str, ...]
    named: tuple[str, ...]


@dataclass(slots=True)
class Table:
    """A table in the database."""

    columns: dict[str, Column] = field(default_factory=dict)
    indexes: list[Index] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    carried: set[str] = field(default_factory=set)
    """The columns whose values the feed carries."""
    in_feed: bool = False
    """Whether the feed tells of its rows."""
    lists: set[str] = field(default_factory=set)
    """The columns that a list rule limits."""
    completes_users: bool = False
    """Whether each user has one row, which the trigger of `one_per_user()` inserts."""
    is_reference: bool = False
    """Whether `reference_table()` made it: its rows are the same for all users."""
    joins: tuple[str, str] | None = None
    """The columns of the first and of the second side, if `join_table()` made the table."""

    def determined_by(self, column: str) -> set[str]:
        """The columns that are equal in all rows of a user with the same value in this column.

        If the column is part of a foreign key and references an id, the other columns of the key belong to the same
        referenced row.
        """
        columns = {"user_id", column}
        for key in self.keys:
            if dict(zip(key.columns, key.named, strict=True)).get(column) == "id":
                columns.update(key.columns)
        return columns


async def read_catalogue(connection: asyncpg.Connection) -> Mapping[str, Table]:
    """Read all tables of the schema, by name."""
    tables: dict[str, Table] = defaultdict(Table)
    for row in await connection.fetch(COLUMNS, SCHEMA, RUNTIME):
        tables[row["table"]].columns[row["name"]] = Column(
            row["type"], row["required"], row["generated"], row["seeks"], frozenset(row["withheld"])
        )
    for row in await connection.fetch(INDEXES, SCHEMA):
        columns = tuple(name.strip('"') for name in row["columns"])
        tables[row["table"]].indexes.append(
            Index(columns, row["is_unique"], row["condition"], tuple(row["directions"]))
        )
    for row in await connection.fetch(KEYS, SCHEMA):
        tables[row["table"]].keys.append(Key(tuple(row["columns"]), tuple(row["named"])))
    for row in await connection.fetch(LISTS, SCHEMA):
        tables[row["table"]].lists.add(row["column"])
    for row in await connection.fetch(OF_USERS, SCHEMA):
        if (name := row["table"]) in tables:
            tables[name] = replace(tables[name], completes_users=True)
    for row in await connection.fetch(REFERENCES, SCHEMA):
        tables[row["name"]].is_reference = True
    for row in await connection.fetch(JOINS, SCHEMA):
        name, first, _, second, _ = re.findall(r"'(\w+)'", row["arguments"])
        tables[name].joins = first, second
    for row in await connection.fetch(FEEDS, SCHEMA):
        if (name := row["name"].removeprefix("feed_")) in tables:
            tables[name].in_feed = True
            tables[name].carried.update(_CARRIED.findall(row["source"]))
    return dict(tables)


async def database_id(connection: asyncpg.Connection) -> str:
    """Tell a database from all others, whatever its address is."""
    identified = await connection.fetchval(
        "SELECT format('%s/%s', system_identifier, oid) FROM pg_control_system(), pg_database "
        "WHERE datname = current_database()"
    )
    return str(identified)


_CARRIED = re.compile(r"'(\w+)', NEW\.\"?\1\b")
"""An argument of `jsonb_build_object`, as written by `carried()`."""
