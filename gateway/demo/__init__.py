"""The demo account, which gives the pages something to show, and a demo agent that works for it."""

from __future__ import annotations

import asyncpg

from gateway.auth.password import PasswordHasher
from gateway.data.driver.primary import Primary
from gateway.data.queries import SQL_DIRECTORY, sql
from gateway.data.server.opening import CONNECT_SECONDS, OpenDatabase
from gateway.telemetry.progress import step

EMAIL = "demo@parley.example"
PASSWORD = "correct horse battery"  # noqa: S105 - published on purpose


async def fill(database: OpenDatabase) -> bool:
    """Create the demo account and its data. Returns False if it already exists."""
    settings = {"search_path": "parley"}
    connection = await Primary(database.runtime_url).connect(timeout=CONNECT_SECONDS, server_settings=settings)
    try:
        if await connection.fetchrow(sql.accounts.login.find.text, EMAIL) is not None:
            return False
        with step("Making demo data (first start only)"):
            await _fill(connection)
        # Imported only now, since every process that serves imports this module.
        from gateway.llm_models.command import import_demo

        await import_demo(database)
        return True
    except asyncpg.UniqueViolationError:
        # Another process that started at the same moment created it first.
        return False
    finally:
        await connection.close()


async def _fill(connection: asyncpg.Connection) -> None:
    hasher = PasswordHasher()
    try:
        hashed = await hasher.hash(PASSWORD)
    finally:
        hasher.close()
    async with connection.transaction():
        await connection.execute("SELECT set_config('app.user_id', uuid7()::text, true)")
        await connection.execute("SELECT set_config('app.password_hash', $1, true)", hashed)
        await connection.execute((SQL_DIRECTORY / "demo.sql").read_text(encoding="utf-8"))
