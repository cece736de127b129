"""Refuses to serve on a role or a table that would let one user see another's rows.

Row-level security binds neither superusers, nor roles with BYPASSRLS, nor, unless it is forced, a table's
owner. Each of these turns it off without a word, so each is looked for before the first request.
"""

from __future__ import annotations

import asyncpg

from gateway.data.roles import OWNER, SCHEMA
from gateway.refusal import Refusal

ROLES = """
SELECT current_user AS name,
       role.rolname AS through,
       role.rolsuper AS superuser
FROM pg_roles AS role
WHERE (role.rolsuper OR role.rolbypassrls)
  AND pg_has_role(current_user, role.oid, 'MEMBER')
  AND (role.rolname = current_user OR NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
ORDER BY role.rolname
"""

OWNED = """
SELECT DISTINCT owner.rolname AS owner
FROM (
    SELECT nspowner AS role FROM pg_namespace WHERE nspname = $1
    UNION SELECT relowner FROM pg_class WHERE relnamespace = to_regnamespace($1)
    UNION SELECT proowner FROM pg_proc WHERE pronamespace = to_regnamespace($1)
    UNION SELECT oid FROM pg_roles WHERE rolname = $2
) AS found
JOIN pg_roles AS owner ON owner.oid = found.role
WHERE pg_has_role(current_user, owner.oid, 'MEMBER')
ORDER BY owner.rolname
"""

TABLES = """
SELECT class.relname AS name,
       class.relkind = 'm' AS materialized,
       class.relrowsecurity AS enabled,
       class.relforcerowsecurity AS forced,
       EXISTS (SELECT FROM pg_policy AS policy WHERE policy.polrelid = class.oid) AS has_policy,
       has_table_privilege(class.oid, 'TRUNCATE') AS may_truncate,
       has_any_column_privilege(class.oid, 'SELECT') AS may_select,
       class.relispartition AS partition
FROM pg_class AS class
WHERE class.relnamespace = to_regnamespace($1)
  AND class.relkind IN ('r', 'p', 'm')
  AND EXISTS (
    SELECT FROM pg_attribute AS attribute
    WHERE attribute.attrelid = class.oid
      AND attribute.attname = 'user_id'
      AND NOT attribute.attisdropped
  )
ORDER BY class.relname
"""


class UnsafeDatabase(Refusal):
    """Row-level security would not hold. Lists each problem, with what mends it."""


async def refuse_unsafe(connection: asyncpg.Connection) -> None:
    """Raise `UnsafeDatabase` unless row-level security binds this role on every table of users' rows."""
    problems = await _role_problems(connection) or await _ownership_problems(connection)
    problems += [problem for row in await connection.fetch(TABLES, SCHEMA) for problem in _table_problems(row)]
    if problems:
        raise UnsafeDatabase("Parley does not start, because users could see each other's data:", problems)


async def _role_problems(connection: asyncpg.Connection) -> list[str]:
    problems = []
    for row in await connection.fetch(ROLES):
        power = "SUPERUSER" if row["superuser"] else "BYPASSRLS"
        if row["through"] == row["name"]:
            problems.append(
                f"The role {row['name']} is {power}. Serve with another role in PARLEY_DATABASE_URL, or: "
                f'ALTER ROLE "{row["name"]}" NO{power};'
            )
        else:
            problems.append(
                f"The role {row['name']} is a member of {row['through']}, which is {power}: "
                f'REVOKE "{row["through"]}" FROM "{row["name"]}";'
            )
    return problems


async def _ownership_problems(connection: asyncpg.Connection) -> list[str]:
    name = await connection.fetchval("SELECT current_user")
    owners = [row["owner"] for row in await connection.fetch(OWNED, SCHEMA, OWNER)]
    return [
        f'The role {name} owns objects in schema {SCHEMA}: REASSIGN OWNED BY "{name}" TO {OWNER};'
        if owner == name
        else f'The role {name} is a member of {owner}, which owns objects: REVOKE "{owner}" FROM "{name}";'
        for owner in owners
    ]


def _table_problems(row: asyncpg.Record) -> list[str]:
    table = f'{SCHEMA}."{row["name"]}"'
    if row["partition"] and not row["may_select"]:
        return []
    if row["materialized"]:
        return [f"{table} is materialized, so no policy can guard it: revoke SELECT on it."] * row["may_select"]
    faults = []
    if not row["enabled"]:
        faults.append(f"{table} has no row-level security: ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;")
    if not row["forced"]:
        faults.append(f"{table} does not force it on its owner: ALTER TABLE {table} FORCE ROW LEVEL SECURITY;")
    if not row["has_policy"]:
        faults.append(f"{table} has no policy: CREATE POLICY … ON {table} …;")
    if row["may_truncate"]:
        faults.append(f"{table} may be truncated, which no policy stops: REVOKE TRUNCATE ON {table} FROM …;")
    return faults
