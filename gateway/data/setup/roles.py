"""Parley's roles and schema, created once per database by a role with the privileges for it.

`parley_owner` owns every object and cannot log in. `parley_runtime` is the role that migrations grant privileges to,
and cannot log in either. The role that serves requests, by default `parley_app`, is only a member of `parley_runtime`:
it owns nothing and creates nothing, so row-level security applies to it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import random
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import asyncpg

from gateway.refusal import Refusal

OWNER = "parley_owner"
RUNTIME = "parley_runtime"
LOGIN = "parley_app"
SCHEMA = "parley"
WORK_SCHEMA = "parley_work"
"""Holds the tables of the job queue, which belong to a library."""

EXTENSIONS: tuple[str, ...] = ()
"""Extensions to create in the schema, if the server offers them."""

MAY_REFUSE_TEMPORARY = """
SELECT has_database_privilege($1::name, oid, 'TEMPORARY') AND pg_has_role(datdba, 'USAGE')
FROM pg_database
WHERE datname = current_database()
"""

ADMINISTERS = "SELECT rolsuper OR rolname = current_user FROM pg_roles WHERE rolname = $1"

VERIFIER = re.compile(r"SCRAM-SHA-256\$\d+:[\w+/=]+\$[\w+/=]+:[\w+/=]+|md5[0-9a-f]{32}")
"""A password verifier, which PostgreSQL stores, and accepts in place of a password."""

ATTEMPTS = 20
SCRAM_ITERATIONS = 4096


@dataclass(frozen=True, slots=True)
class RuntimeRole:
    """The role that serves requests, and its password in case it must be created."""

    name: str = LOGIN
    password: str | None = None

    @classmethod
    def of(cls, url: str) -> RuntimeRole:
        """The role in a URL."""
        parts = urlsplit(url)
        return cls(unquote(parts.username or LOGIN), unquote(parts.password) if parts.password else None)

    def __repr__(self) -> str:
        return f"RuntimeRole({self.name!r})"


async def prepare_roles(connection: asyncpg.Connection, runtime: RuntimeRole) -> None:
    """Create missing roles, the schema and extensions. Existing ones are not changed.

    Raises a `Refusal`, and changes nothing, if the serving role is an administrator.

    Roles belong to the whole server, so another database may be creating them at the same time: the second one retries
    and finds them.
    """
    await _refuse_administrator(connection, runtime.name)
    for attempt in range(ATTEMPTS):
        try:
            async with connection.transaction():
                await _prepare(connection, runtime)
            return
        except (
            asyncpg.DuplicateObjectError,
            asyncpg.UniqueViolationError,
            asyncpg.InternalServerError,
        ) as error:
            if attempt + 1 == ATTEMPTS or not _is_race(error):
                raise
            await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311


async def _refuse_administrator(connection: asyncpg.Connection, name: str) -> None:
    # The serving role gets settings, which for an administrator would apply in every database of the server.
    if await connection.fetchval(ADMINISTERS, name):
        raise Refusal(
            f"PARLEY_DATABASE_URL uses the role {name}, which administers the server or this database. Use another "
            f"role, such as {LOGIN}. If it does not exist, it is created with the password in the URL."
        )


async def _prepare(connection: asyncpg.Connection, runtime: RuntimeRole) -> None:
    await ensure_role(connection, OWNER, "NOLOGIN")
    await ensure_role(connection, RUNTIME, "NOLOGIN")
    await ensure_role(connection, runtime.name, "LOGIN", runtime.password)
    await ensure_member(connection, runtime.name, of=RUNTIME)
    await _ensure_may_become_owner(connection)
    await _ensure_schema(connection)
    await _ensure_nothing_temporary(connection, runtime.name)
    for role in (OWNER, runtime.name):
        await _ensure_search_path(connection, role)
    for extension in EXTENSIONS:
        if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = $1)", extension):
            await connection.execute(f"CREATE EXTENSION IF NOT EXISTS {quoted(extension)} SCHEMA {SCHEMA}")


async def ensure_role(connection: asyncpg.Connection, name: str, login: str, password: str | None = None) -> None:
    """Create a role without privileges if it does not exist. `password` may also be a verifier."""
    if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name):
        return
    secret = f" PASSWORD '{_stored(password)}'" if password else ""
    await connection.execute(
        f"CREATE ROLE {quoted(name)} {login} NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE{secret}"
    )


async def ensure_member(connection: asyncpg.Connection, name: str, *, of: str) -> None:
    """Make a role a member of another one unless it is already."""
    if not await connection.fetchval("SELECT pg_has_role($1::name, $2::name, 'USAGE')", name, of):
        await connection.execute(f"GRANT {quoted(of)} TO {quoted(name)}")


async def _ensure_may_become_owner(connection: asyncpg.Connection) -> None:
    # Since 16, the creator of a role may grant it but not SET ROLE to it.
    right = "SET" if connection.get_server_version().major >= 16 else "MEMBER"
    if not await connection.fetchval("SELECT pg_has_role($1::name, $2)", OWNER, right):
        await connection.execute(f"GRANT {OWNER} TO CURRENT_USER")


async def _ensure_schema(connection: asyncpg.Connection) -> None:
    for schema in (SCHEMA, WORK_SCHEMA):
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema):
            await connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {OWNER}")
    if not await connection.fetchval("SELECT has_schema_privilege($1::name, $2, 'USAGE')", RUNTIME, SCHEMA):
        await connection.execute(f"SET LOCAL ROLE {OWNER}")
        await connection.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {RUNTIME}")
        await connection.execute("RESET ROLE")
    database = await _database(connection)
    if not await connection.fetchval("SELECT has_database_privilege($1::name, $2, 'CONNECT')", RUNTIME, database):
        await connection.execute(f"GRANT CONNECT ON DATABASE {quoted(database)} TO {RUNTIME}")


async def _ensure_nothing_temporary(connection: asyncpg.Connection, name: str) -> None:
    """Revoke the privilege to create temporary tables, which could have triggers and hide Parley's own tables.

    Everyone has it by default, so it must be revoked from everyone. Does nothing if the present role may not do this.
    """
    if await connection.fetchval(MAY_REFUSE_TEMPORARY, name):
        database = quoted(await _database(connection))
        await connection.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC, {RUNTIME}, {quoted(name)}")


async def _database(connection: asyncpg.Connection) -> str:
    return str(await connection.fetchval("SELECT current_database()"))


async def _ensure_search_path(connection: asyncpg.Connection, role: str) -> None:
    wanted = f"search_path={SCHEMA}"
    if not await connection.fetchval(
        "SELECT $2 = ANY (coalesce(rolconfig, '{}')) FROM pg_roles WHERE rolname = $1", role, wanted
    ):
        await connection.execute(f"ALTER ROLE {quoted(role)} SET search_path = {SCHEMA}")


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """The verifier that PostgreSQL stores. Sent instead of the password, to keep it out of statement logs."""
    salt = salt or os.urandom(16)
    prepared = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, SCRAM_ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{text[0]}${text[1]}:{text[2]}"


def _stored(password: str) -> str:
    return password if VERIFIER.fullmatch(password) else scram_verifier(password)


def quoted(name: str) -> str:
    """Quote an identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _is_race(error: asyncpg.PostgresError) -> bool:
    return not isinstance(error, asyncpg.InternalServerError) or "concurrently updated" in str(error)
