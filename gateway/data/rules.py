"""Turns constraint violations into user errors.

The rules are constraints named `<table>_<field>_<rule>`, and the message for users is the constraint's comment, so a
rule and its wording are together in the migration. Unique indexes are named and explained in the same way. `RAISE` in a
trigger uses the same names, with its own message: an `invalid_parameter_value` is an invalid value, a `check_violation`
a conflict with the object's state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from gateway.data import statements
from gateway.errors import Conflict, Invalid, NotFound, ParleyError

_COMMENTS = """
    SELECT
        conname, relname, contype = 'c' AS is_check, pg_get_expr(conbin, conrelid) AS condition,
        obj_description(c.oid, 'pg_constraint') AS reason,
        ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)) AS columns
    FROM pg_constraint AS c
    JOIN pg_class AS t ON t.oid = conrelid
    WHERE connamespace = 'parley'::regnamespace AND obj_description(c.oid, 'pg_constraint') IS NOT NULL
    UNION ALL
    SELECT i.relname, t.relname, false, NULL, obj_description(i.oid, 'pg_class'), '{}'
    FROM pg_index
    JOIN pg_class AS i ON i.oid = indexrelid
    JOIN pg_class AS t ON t.oid = indrelid
    WHERE t.relnamespace = 'parley'::regnamespace AND indisunique AND obj_description(i.oid, 'pg_class') IS NOT NULL
    ORDER BY conname
"""
_COLUMNS = """
    SELECT relname, attname, attnotnull AND NOT atthasdef AS is_needed, format_type(atttypid, atttypmod) AS type
    FROM pg_attribute
    JOIN pg_class AS t ON t.oid = attrelid
    WHERE relnamespace = 'parley'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
    ORDER BY attrelid, attnum
"""
NEEDED = "A value is needed here: it cannot be null."

Ask = Callable[..., Awaitable[list[Any]]]
"""Runs a statement that reads no table, with its arguments."""


@dataclass(frozen=True, slots=True)
class ProposedRow:
    """Values to be written to a table, by column, in the form that the driver accepts."""

    table: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checks:
    """The rules of one table that depend only on a row's own columns."""

    columns: tuple[str, ...]
    uses: Mapping[str, frozenset[str]]
    """The columns that each rule depends on."""
    text: str
    """A statement that returns the names of the rules that the values of `columns` violate."""


class Rules:
    """The database's rules and their wording, read once."""

    def __init__(
        self, reasons: Mapping[str, str], checks: Mapping[str, Checks], needed: Mapping[str, frozenset[str]]
    ) -> None:
        self._reasons = reasons
        self._checks = checks
        self._needed = needed

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> Rules:
        rules, columns = await connection.fetch(_COMMENTS), await connection.fetch(_COLUMNS)
        types, needed = defaultdict[str, dict[str, str]](dict), defaultdict[str, set[str]](set)
        for row in columns:
            types[row["relname"]][row["attname"]] = row["type"]
            if row["is_needed"]:
                needed[row["relname"]].add(row["attname"])
        checks = {
            table: _checks(types[table], [rule for rule in rules if rule["relname"] == table and rule["is_check"]])
            for table in {rule["relname"] for rule in rules if rule["is_check"]}
        }
        reasons = {rule["conname"]: rule["reason"] for rule in rules}
        return cls(reasons, checks, {table: frozenset(names) for table, names in needed.items()})

    def explain(self, error: asyncpg.PostgresError) -> ParleyError | None:
        """The user error for a database error, or None if it is not the caller's mistake."""
        match error:
            case asyncpg.NotNullViolationError(column_name=str(column)):
                return Invalid(NEEDED, field=column)
            case asyncpg.ForeignKeyViolationError():
                return NotFound(self._reason(error), field=_field(error))
            case asyncpg.UniqueViolationError():
                return Conflict(self._reason(error), field=_field(error))
            case asyncpg.CheckViolationError() if error.constraint_name in self._reasons:
                return Invalid(self._reason(error), field=_field(error))
            case asyncpg.CheckViolationError():
                return Conflict(self._reason(error), field=_field(error))
            case asyncpg.InvalidParameterValueError(constraint_name=str()):
                return Invalid(self._reason(error), field=_field(error))
            case asyncpg.NumericValueOutOfRangeError():
                return Invalid("A number is out of range.")
            case _:
                return None

    async def broken(self, proposed: ProposedRow, ask: Ask) -> list[ParleyError]:
        """An error for each rule that the values violate, among those that depend on these values alone."""
        table, values = proposed.table, proposed.values
        null = {column for column in self._needed.get(table, ()) if values.get(column, "") is None}
        errors: list[ParleyError] = [Invalid(NEEDED, field=column) for column in sorted(null)]
        if (checks := self._checks.get(table)) is not None:
            (row,) = await ask(checks.text, *map(values.get, checks.columns))
            for name, *path in (found.split(".") for found in row["broken"]):
                if checks.uses[name] <= values.keys():
                    field = _named(table, name)
                    within = (field,) if isinstance(field, str) else field
                    errors.append(Invalid(self._reasons[name], field=(*within, *filter(None, path))))
        return errors

    def _reason(self, error: asyncpg.PostgresError) -> str:
        reason = self._reasons.get(error.constraint_name or "")
        return reason or f"{error.args[0][0].upper()}{error.args[0][1:]}."


def _checks(types: Mapping[str, str], rules: list[asyncpg.Record]) -> Checks:
    uses = {rule["conname"]: frozenset(rule["columns"]) for rule in rules}
    columns = tuple(sorted(frozenset().union(*uses.values())))
    conditions = tuple((rule["conname"], rule["condition"]) for rule in rules)
    return Checks(columns, uses, statements.broken_rules(tuple((name, types[name]) for name in columns), conditions))


def _field(error: asyncpg.PostgresError) -> str | tuple[str, ...]:
    return _named(error.table_name or "", error.constraint_name or "")


def _named(table: str, constraint: str) -> str | tuple[str, ...]:
    name, _, rule = constraint.removeprefix(table + "_").rpartition("_")
    return name if rule and name else ()
