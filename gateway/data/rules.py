"""What to say when the database refuses a value.

The rules are constraints named `<table>_<field>_<rule>`, and the reason for a person is the constraint's comment: a
rule and its wording stand together in the migration. `RAISE` in a trigger follows the same naming with its own
message.
"""

from __future__ import annotations

import asyncpg

from gateway.errors import Conflict, Invalid, NotFound, ParleyError

_COMMENTS = """
    SELECT conname, obj_description(oid, 'pg_constraint') AS reason
    FROM pg_constraint
    WHERE connamespace = 'parley'::regnamespace AND obj_description(oid, 'pg_constraint') IS NOT NULL
"""


class Rules:
    """The wording of the database's rules, read once."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self._reasons = reasons

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> Rules:
        return cls({row["conname"]: row["reason"] for row in await connection.fetch(_COMMENTS)})

    def explain(self, error: asyncpg.PostgresError) -> ParleyError | None:
        """The user error that a refusal stands for, or None when it is not the caller's mistake."""
        match error:
            case asyncpg.NotNullViolationError(column_name=str(column)):
                return Invalid("A value is needed here: it cannot be null.", field=column)
            case asyncpg.ForeignKeyViolationError():
                return NotFound(self._reason(error), field=_field(error))
            case asyncpg.UniqueViolationError():
                return Conflict(self._reason(error), field=_field(error))
            case asyncpg.CheckViolationError() if error.constraint_name in self._reasons:
                return Invalid(self._reason(error), field=_field(error))
            case asyncpg.CheckViolationError():
                return Conflict(self._reason(error), field=_field(error))
            case asyncpg.NumericValueOutOfRangeError():
                return Invalid("A number is out of range.")
            case _:
                return None

    def _reason(self, error: asyncpg.PostgresError) -> str:
        reason = self._reasons.get(error.constraint_name or "")
        return reason or f"{error.args[0][0].upper()}{error.args[0][1:]}."


def _field(error: asyncpg.PostgresError) -> str | tuple[str, ...]:
    table, constraint = error.table_name or "", error.constraint_name or ""
    name, _, rule = constraint.removeprefix(table + "_").rpartition("_")
    return name if rule and name else ()
