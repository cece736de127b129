"""The privileges that a role needs to prepare a database, and the advice if it lacks them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from gateway.data.setup.migration import MigrationError
from gateway.data.setup.roles import OWNER, RUNTIME, quoted

POWERS = """
SELECT current_user::text AS name,
       database.datname AS database,
       role.rolsuper OR role.rolcreaterole AS makes_roles,
       pg_has_role(database.datdba, 'USAGE') AS owns,
       ARRAY(
           SELECT quote_ident(rolname) FROM pg_roles
           WHERE rolname = ANY ($1::name[]) AND NOT pg_has_role(oid, 'MEMBER WITH ADMIN OPTION')
           ORDER BY rolname
       ) AS made_by_others
FROM pg_roles AS role, pg_database AS database
WHERE role.rolname = current_user AND database.datname = current_database()
"""


@asynccontextmanager
async def with_powers(connection: asyncpg.Connection, names: Sequence[str]) -> AsyncIterator[None]:
    """Raise a `MigrationError`, with statements to run, if the role lacks privileges for the block.

    `names` are the roles that the block creates or grants, besides Parley's own.
    """
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        said = str(error).splitlines()[0]
        statements = await _statements(connection, [OWNER, RUNTIME, *names])
        raise MigrationError(
            f"The role of PARLEY_OWNER_URL may not prepare the database: {said}. "
            + ("As a superuser, run:" if statements else "It must own the database and have CREATEROLE."),
            statements,
        ) from error


async def _statements(connection: asyncpg.Connection, names: Sequence[str]) -> list[str]:
    row = await connection.fetchrow(POWERS, names)
    assert row is not None  # noqa: S101 - every connection has a role
    name = quoted(row["name"])
    statements = []
    if not row["makes_roles"]:
        statements.append(f"ALTER ROLE {name} CREATEROLE;")
    if not row["owns"]:
        statements.append(f"ALTER DATABASE {quoted(row['database'])} OWNER TO {name};")
    # Since 16, only a role's creator may grant it, which may be the owner role of another Parley on the same server.
    if row["made_by_others"] and connection.get_server_version().major >= 16:
        statements.append(f"GRANT {', '.join(row['made_by_others'])} TO {name} WITH ADMIN OPTION;")
    return statements
