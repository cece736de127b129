"""Refuses to serve with a role or table that would let one user see another's rows, or the queue of background jobs.

Row-level security does not apply to superusers, to roles with BYPASSRLS or, unless it is forced, to a table's owner.
Each of these disables it silently, so all are checked before the first request.
"""

from __future__ import annotations

import asyncpg

from gateway.data.setup.roles import OWNER, SCHEMA, WORK_SCHEMA, quoted
from gateway.refusal import Refusal

ROLE = """
SELECT role.rolname AS name,
       role.rolsuper AS superuser,
       role.rolbypassrls AS bypasses,
       role.rolcreaterole OR pg_has_role(role.oid, database.datdba, 'MEMBER') AS administers
FROM pg_roles AS role, pg_database AS database
WHERE role.rolname = current_user AND database.datname = current_database()
"""

POWERFUL = """
SELECT oid, rolname AS name, CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'BYPASSRLS' END AS power
FROM pg_roles
WHERE (rolsuper OR rolbypassrls) AND rolname <> current_user AND pg_has_role(current_user, oid, 'MEMBER')
ORDER BY rolname
"""

OWNERS = """
SELECT DISTINCT owner.oid, owner.rolname AS name
FROM (
    SELECT nspowner AS role FROM pg_namespace WHERE nspname = ANY ($1)
    UNION SELECT relowner FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname = ANY ($1)
    UNION SELECT proowner FROM pg_proc JOIN pg_namespace AS n ON n.oid = pronamespace WHERE nspname = ANY ($1)
    UNION SELECT oid FROM pg_roles WHERE rolname = $2
) AS found
JOIN pg_roles AS owner ON owner.oid = found.role
WHERE pg_has_role(current_user, owner.oid, 'MEMBER')
ORDER BY owner.rolname
"""

MEMBERSHIPS = """
SELECT above.rolname AS above, grantor.rolname AS grantor
FROM pg_auth_members AS membership
JOIN pg_roles AS member ON member.oid = membership.member
JOIN pg_roles AS above ON above.oid = membership.roleid
JOIN pg_roles AS grantor ON grantor.oid = membership.grantor
WHERE member.rolname = current_user AND pg_has_role(above.oid, $1::oid, 'MEMBER')
ORDER BY above.rolname, grantor.rolname
"""
"""The direct memberships of the serving role through which it is a member of another role."""

RIGHTS = """
SELECT object.kind,
       object.name,
       acl.privilege_type AS privilege,
       array_agg(DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END)
           AS grantees
FROM (
    SELECT 'DATABASE' AS kind, quote_ident(datname) AS name, coalesce(datacl, acldefault('d', datdba)) AS acl
    FROM pg_database
    WHERE datname = current_database()
    UNION ALL
    SELECT 'SCHEMA', quote_ident(nspname), coalesce(nspacl, acldefault('n', nspowner))
    FROM pg_namespace
    WHERE nspname = ANY ($1)
    UNION ALL
    SELECT CASE relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
           format('%s."%s"', nspname, replace(relname, '"', '""')), acl
    FROM pg_class AS class
    JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    CROSS JOIN LATERAL (
        SELECT class.relacl
        UNION ALL
        SELECT attacl FROM pg_attribute WHERE attrelid = class.oid AND class.relkind = 'm'
    ) AS granted (acl)
    WHERE nspname = ANY ($1) AND class.relkind IN ('r', 'p', 'm')
) AS object
CROSS JOIN LATERAL aclexplode(object.acl) AS acl
WHERE (acl.grantee = 0 OR pg_has_role(current_user, acl.grantee, 'MEMBER'))
  AND (object.kind, acl.privilege_type) IN (
    ('DATABASE', 'TEMPORARY'), ('DATABASE', 'CREATE'), ('SCHEMA', 'CREATE'), ('TABLE', 'TRUNCATE'),
    ('TABLE', 'TRIGGER'), ('MATERIALIZED VIEW', 'SELECT'))
GROUP BY object.kind, object.name, acl.privilege_type
ORDER BY object.kind, object.name, acl.privilege_type
"""

DANGERS = {
    ("DATABASE", "TEMPORARY"): "lets this role create temporary tables, which could hide Parley's own",
    ("DATABASE", "CREATE"): "lets this role create schemas",
    ("SCHEMA", "CREATE"): "lets this role create tables and functions among Parley's own",
    ("TABLE", "TRUNCATE"): "may be truncated, which no policy prevents",
    ("TABLE", "TRIGGER"): "lets this role create triggers, which no policy prevents",
    ("MATERIALIZED VIEW", "SELECT"): "is materialized, so no policy can guard it",
}
"""What each privilege that this role must not have would allow."""

TABLES = """
SELECT nspname AS schema,
       class.relname AS name,
       class.relrowsecurity AS enabled,
       class.relforcerowsecurity AS forced,
       EXISTS (SELECT FROM pg_policy AS policy WHERE policy.polrelid = class.oid) AS has_policy,
       has_any_column_privilege(class.oid, 'SELECT') AS may_select,
       class.relispartition AS partition
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p')
  AND (nspname = $2 OR nspname = $1 AND EXISTS (
    SELECT FROM pg_attribute AS attribute
    WHERE attribute.attrelid = class.oid
      AND attribute.attname = 'user_id'
      AND NOT attribute.attisdropped
  ))
ORDER BY nspname, class.relname
"""
"""The tables with users' rows: those with a user, and all tables of the queue, whose jobs are of all users."""

OPENINGS = """
SELECT polname AS name, polcmd = '*' AS is_general, format('%s."%s"', $1::text, replace(relname, '"', '""')) AS table
FROM pg_policy AS policy
JOIN pg_class AS class ON class.oid = policy.polrelid
WHERE class.relnamespace = to_regnamespace($1)
  AND policy.polpermissive
  AND EXISTS (
    SELECT FROM unnest(policy.polroles) AS role (oid)
    WHERE role.oid = 0 OR pg_has_role(current_user, role.oid, 'MEMBER')
  )
  AND (coalesce(pg_get_expr(policy.polqual, class.oid), $2) <> $2
    OR coalesce(pg_get_expr(policy.polwithcheck, class.oid), $2) <> $2)
ORDER BY relname, polname
"""
"""The policies of the queue that let connections of requests see it, or add to it."""

WORKING = "(( SELECT current_setting('app.work'::text, true) AS current_setting) = 'on'::text)"
"""The condition of the queue's policies, as PostgreSQL shows it."""

SHARED_TABLES = """
SELECT class.relname AS name,
       starts_with(coalesce(obj_description(class.oid, 'pg_class'), ''), 'Reference data')
           OR class.relname = ANY ($2) AS is_known,
       array_agg(DISTINCT acl.privilege_type) AS privileges,
       array_agg(DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END)
           AS grantees
FROM pg_class AS class
CROSS JOIN LATERAL (
    SELECT class.relacl
    UNION ALL
    SELECT attacl FROM pg_attribute WHERE attrelid = class.oid
) AS granted (acl)
CROSS JOIN LATERAL aclexplode(granted.acl) AS acl
WHERE class.relnamespace = to_regnamespace($1)
  AND class.relkind IN ('r', 'p')
  AND (acl.grantee = 0 OR pg_has_role(current_user, acl.grantee, 'MEMBER'))
  AND acl.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
  AND NOT EXISTS (
    SELECT FROM pg_attribute AS attribute
    WHERE attribute.attrelid = class.oid
      AND attribute.attname = 'user_id'
      AND NOT attribute.attisdropped
  )
GROUP BY class.oid, class.relname
ORDER BY class.relname
"""
"""The tables without a user that this role may use: reference data, and what Parley keeps for itself."""

OF_PARLEY = ("functions", "migrations", "revocations")
"""Tables without a user that are no reference data: the versions of the schema, and ids of ended sessions."""

SCHEMAS = (SCHEMA, WORK_SCHEMA)

_ANOTHER_ROLE = (
    "Serve with a separate role: set PARLEY_OWNER_URL to the present URL and PARLEY_DATABASE_URL to one with another "
    "role, such as parley_app, and run: parley migrate"
)


class UnsafeDatabase(Refusal):
    """Row-level security would not be effective. Lists each problem with its fix."""


async def refuse_unsafe(connection: asyncpg.Connection) -> None:
    """Raise `UnsafeDatabase` unless row-level security applies to this role on users' rows and on the queue of jobs.

    The suggested statements can be run as they are, and lock nobody out.
    """
    problems = await _role_problems(connection)
    if not problems:
        problems = [_right_problem(row) for row in await connection.fetch(RIGHTS, SCHEMAS)]
        shared = await connection.fetch(SHARED_TABLES, SCHEMA, OF_PARLEY)
        problems += [problem for row in shared for problem in _shared_table_problems(row)]
    tables = await connection.fetch(TABLES, SCHEMA, WORK_SCHEMA)
    problems += [problem for row in tables for problem in _table_problems(row)]
    problems += [_opening_problem(row) for row in await connection.fetch(OPENINGS, WORK_SCHEMA, WORKING)]
    if problems:
        raise UnsafeDatabase("Parley refuses to start, because users could see each other's data:", problems)


async def _role_problems(connection: asyncpg.Connection) -> list[str]:
    role = await connection.fetchrow(ROLE)
    assert role is not None  # noqa: S101 - every connection has a role
    name = role["name"]
    if role["superuser"]:
        return [f"The role {name} is SUPERUSER. {_ANOTHER_ROLE}"]
    owners = await connection.fetch(OWNERS, SCHEMAS, OWNER)
    if role["administers"] and (owners or role["bypasses"]):
        return [
            f"The role {name} administers the database and owns objects in schema {SCHEMA} or {WORK_SCHEMA}. "
            f"{_ANOTHER_ROLE}"
        ]
    problems = [f"The role {name} is BYPASSRLS: ALTER ROLE {quoted(name)} NOBYPASSRLS;"] * role["bypasses"]
    for other in await connection.fetch(POWERFUL):
        why = f"The role {name} is a member of {other['name']}, which is {other['power']}"
        problems += await _memberships(connection, name, other["oid"], why)
    for owner in owners:
        if owner["name"] == name:
            statement = f"REASSIGN OWNED BY {quoted(name)} TO {OWNER};"
            problems.append(f"The role {name} owns objects in schema {SCHEMA} or {WORK_SCHEMA}: {statement}")
        else:
            why = f"The role {name} is a member of {owner['name']}, which owns objects"
            problems += await _memberships(connection, name, owner["oid"], why)
    return problems


async def _memberships(connection: asyncpg.Connection, name: str, other: int, why: str) -> list[str]:
    # Since 16, revoking a grant requires its grantor.
    names_grantor = connection.get_server_version().major >= 16
    return [
        f"{why}: REVOKE {quoted(step['above'])} FROM {quoted(name)}"
        + (f" GRANTED BY {quoted(step['grantor'])};" if names_grantor else ";")
        for step in await connection.fetch(MEMBERSHIPS, other)
    ]


def _right_problem(row: asyncpg.Record) -> str:
    kind, name, privilege = row["kind"], row["name"], row["privilege"]
    subject = name if kind in ("TABLE", "MATERIALIZED VIEW") else f"The {kind.lower()} {name}"
    where = name if kind == "MATERIALIZED VIEW" else f"{kind} {name}"
    statement = f"REVOKE {privilege} ON {where} FROM {', '.join(row['grantees'])};"
    return f"{subject} {DANGERS[kind, privilege]}: {statement}"


def _table_problems(row: asyncpg.Record) -> list[str]:
    table = f"{row['schema']}.{quoted(row['name'])}"
    if row["partition"] and not row["may_select"]:
        return []
    faults = []
    if not row["enabled"]:
        faults.append(f"{table} has no row-level security: ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;")
    if not row["forced"]:
        faults.append(f"{table} does not force it on its owner: ALTER TABLE {table} FORCE ROW LEVEL SECURITY;")
    if not row["has_policy"]:
        tenant = ("tenant", f"user_id = (SELECT {SCHEMA}.tenant())")
        name, condition = ("working", WORKING) if row["schema"] == WORK_SCHEMA else tenant
        faults.append(f"{table} has no policy: CREATE POLICY {name} ON {table} USING ({condition});")
    return faults


def _opening_problem(row: asyncpg.Record) -> str:
    table, name = row["table"], quoted(row["name"])
    statement = f"ALTER POLICY {name} ON {table} USING ({WORKING}) WITH CHECK ({WORKING});"
    if not row["is_general"]:
        statement = f"DROP POLICY {name} ON {table};"
    return f"{table} is open to requests, not only to background work, by its policy {name}: {statement}"


def _shared_table_problems(row: asyncpg.Record) -> list[str]:
    table, grantees = f"{SCHEMA}.{quoted(row['name'])}", ", ".join(row["grantees"])
    if not row["is_known"]:
        return [
            f"{table} has no user_id and was not made by reference_table(), so this role would read everyone's rows: "
            f"REVOKE ALL ON TABLE {table} FROM {grantees};"
        ]
    written = [privilege for privilege in row["privileges"] if privilege != "SELECT"]
    if not written:
        return []
    return [
        f"{table} is the same for all users, but this role may change it: "
        f"REVOKE {', '.join(written)} ON TABLE {table} FROM {grantees};"
    ]
