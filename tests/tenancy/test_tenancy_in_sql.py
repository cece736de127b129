"""The runtime role cannot see or change another user's rows, whatever SQL it runs.

Tables and functions are read from the catalog, so new tables are tested without being listed. A new function that the
role may call must be added to `FUNCTIONS` (`functions.py`).
"""

# ruff: noqa: S608 - the names come from the catalog

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import Any

import asyncpg
import orjson
import pytest

from gateway.data.clauses.name import quoted
from gateway.data.setup.catalogue import read_catalogue
from tests.kit.estate import Estate, Scene
from tests.kit.generated import reference_tables
from tests.kit.rows import rows_of, user_tables
from tests.kit.runtime import attempt, stamp, untouched
from tests.tenancy.functions import FUNCTIONS

WRITTEN_BY_TRIGGERS = (
    *("feeds", "changes", "logins", "tool_transitions", "usage_days", "revocations"),
    *("message_growths", "message_pieces", "leases", "usage_day_parts", "usage_quarter_hours"),
    *("data_keys", "sealed_secrets", "key_encryption_keys", "audit_entries", "plan_subscriptions"),
)
"""Tables that the role may not write directly, even for the stamped user."""

HIDDEN = ("logins", "purges", "data_keys", "sealed_secrets")
"""Tables that the role may not even read."""

CALLERS = ("unset", "empty", "garbage", "stranger")


async def stamp_as(runtime: asyncpg.Connection, caller: str, stranger: Estate) -> None:
    """Stamp the connection as one of `CALLERS`."""
    if caller != "unset":
        await stamp(runtime, {"empty": "", "garbage": "' OR true --", "stranger": stranger.user_id}[caller])


@pytest.mark.parametrize("caller", CALLERS)
async def test_no_row_of_the_victim_is_read_or_written(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene, caller: str
) -> None:
    await stamp_as(runtime, caller, scene.stranger)
    async with untouched(superuser, runtime, scene.victim):
        for table in await user_tables(superuser):
            theirs = "WHERE user_id = $1"
            for text in (
                f"SELECT * FROM {table} {theirs}",
                f"SELECT user_id FROM {table} {theirs} FOR UPDATE",
                f"UPDATE {table} SET user_id = user_id {theirs} RETURNING user_id",
                f"DELETE FROM {table} {theirs} RETURNING user_id",
            ):
                assert not await attempt(runtime, text, uuid.UUID(scene.victim.user_id)), (caller, text)


@pytest.mark.parametrize("caller", CALLERS)
async def test_no_row_is_put_among_the_victims(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene, caller: str
) -> None:
    await stamp_as(runtime, caller, scene.stranger)
    async with untouched(superuser, runtime, scene.victim):
        for table in await user_tables(superuser):
            names, row = await copy_of_a_row(superuser, table, scene.victim.user_id)
            text = f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{table}, $1)"
            assert await attempt(runtime, text, row) is None, (caller, table)


async def copy_of_a_row(superuser: asyncpg.Connection, table: str, user_id: str) -> tuple[str, str]:
    """The columns of a table that the runtime role may insert, or all if it may insert none, and a copy of one of the
    user's rows with a new id, as JSON.
    """
    columns = await superuser.fetch(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
        " AND (has_column_privilege('parley_runtime', attrelid, attnum, 'INSERT')"
        " OR NOT has_any_column_privilege('parley_runtime', attrelid, 'INSERT'))",
        table,
    )
    row = await superuser.fetchval(f"SELECT to_jsonb(t) FROM {table} AS t WHERE user_id = $1 LIMIT 1", user_id)
    fresh = {"id": str(uuid.uuid4())} if table != "users" else {}
    return ", ".join(quoted(column["attname"]) for column in columns), orjson.dumps(
        orjson.loads(row or "{}") | {"user_id": user_id} | fresh
    ).decode()


async def test_a_stranger_reads_everything_of_their_own(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene
) -> None:
    """Otherwise the empty results above would prove nothing."""
    await stamp(runtime, scene.stranger.user_id)
    own = await rows_of(superuser, scene.stranger.user_id)
    for table in set(await user_tables(superuser)) - set(HIDDEN):
        assert len(await runtime.fetch(f"SELECT * FROM {table}")) == len(own[table]) > 0, table


async def test_a_statement_without_a_predicate_gives_only_ones_own(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene
) -> None:
    await stamp(runtime, scene.stranger.user_id)
    async with untouched(superuser, runtime, scene.victim):
        for table in await user_tables(superuser):
            for text in (
                f"SELECT user_id FROM {table}",
                f"SELECT user_id FROM {table} AS t WHERE t::text <> ''",
                f"UPDATE {table} SET user_id = user_id RETURNING user_id",
                f"DELETE FROM {table} RETURNING user_id",
            ):
                found = await attempt(runtime, text)
                assert {str(row["user_id"]) for row in found or ()} <= {scene.stranger.user_id}, text


async def test_no_row_is_given_away(superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene) -> None:
    await stamp(runtime, scene.stranger.user_id)
    async with untouched(superuser, runtime, scene.victim, scene.stranger):
        for table in await user_tables(superuser):
            text = f"UPDATE {table} SET user_id = $1 RETURNING user_id"
            assert await attempt(runtime, text, uuid.UUID(scene.victim.user_id)) is None, table


@pytest.mark.parametrize("table", [*WRITTEN_BY_TRIGGERS, *sorted(reference_tables())])
async def test_what_triggers_or_commands_write_is_written_by_nobody_else(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene, table: str
) -> None:
    await stamp(runtime, scene.stranger.user_id)
    column = await superuser.fetchval(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND attgenerated = '' LIMIT 1",
        table,
    )
    for text in (
        f"INSERT INTO {table} DEFAULT VALUES",
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            async with runtime.transaction():
                await runtime.execute(text)


@pytest.mark.parametrize("caller", CALLERS)
async def test_the_named_feeds_are_open_to_be_read_and_nothing_else_is(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene, caller: str
) -> None:
    """The hub names many users in a setting, and reads their feeds in one statement."""
    if caller != "garbage":
        await stamp_as(runtime, caller, scene.stranger)
    await runtime.execute("SELECT set_config('app.feed_user_ids', $1, true)", scene.victim.user_id)
    opened = {}
    async with untouched(superuser, runtime, scene.victim):
        for table in await user_tables(superuser):
            theirs = uuid.UUID(scene.victim.user_id)
            opened[table] = bool(await attempt(runtime, f"SELECT FROM {table} WHERE user_id = $1", theirs))
            for text in (
                f"UPDATE {table} SET user_id = user_id WHERE user_id = $1 RETURNING user_id",
                f"DELETE FROM {table} WHERE user_id = $1 RETURNING user_id",
            ):
                assert not await attempt(runtime, text, theirs), text
    assert {table for table, is_open in opened.items() if is_open} == {"feeds", "changes"}


async def test_what_the_feed_holds_is_no_text_of_the_user(superuser: asyncpg.Connection, scene: Scene) -> None:
    data = await superuser.fetchval(
        "SELECT string_agg(data::text, '') FROM changes WHERE user_id = $1", uuid.UUID(scene.victim.user_id)
    )
    assert scene.victim.states["ToolExecution"]["PENDING"] in data
    assert scene.victim.canary not in data


# --- functions


async def callable_functions(superuser: asyncpg.Connection) -> list[asyncpg.Record]:
    """The functions that the runtime role may call, with the types of their arguments."""
    return list(
        await superuser.fetch(
            "SELECT proname AS name, proargtypes::regtype[]::text[] AS takes"
            " FROM pg_proc WHERE pronamespace = 'parley'::regnamespace"
            " AND has_function_privilege('parley_app', oid, 'EXECUTE') ORDER BY proname"
        )
    )


MADE = """
SELECT proname FROM pg_proc
WHERE pronamespace = 'parley'::regnamespace
    AND obj_description(oid, 'pg_proc') ~ '^Made by SELECT (add_removal|join_function)[(]'
"""
"""The functions that remove and join rows of the stamped user."""


async def test_every_function_that_may_be_called_is_known(superuser: asyncpg.Connection) -> None:
    found = {row["name"] for row in await callable_functions(superuser)}
    made = {row["proname"] for row in await superuser.fetch(MADE)}
    assert made
    assert found - made == set(FUNCTIONS), (
        "FUNCTIONS must list exactly the functions that the runtime role may call: add each new one with the reason why"
        " it reveals nothing about other users, or revoke EXECUTE on it from PUBLIC"
    )


@pytest.mark.parametrize("caller", CALLERS)
async def test_no_function_gives_or_changes_anything_of_the_victim(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene, caller: str
) -> None:
    held = {
        table: await superuser.fetchval(
            f"SELECT t::text FROM {table} AS t WHERE user_id = $1 LIMIT 1", uuid.UUID(scene.victim.user_id)
        )
        for table in ("usage_quotas", "usage_reservations", "users")
    }
    known: dict[str, Callable[[], Any]] = {
        "uuid": lambda: scene.victim.user_id,
        "bytea": lambda: "\\x00",
        "uuid[]": lambda: "{" + ",".join(id for ids in scene.victim.ids.values() for id in ids) + "}",
        "text": lambda: scene.victim.email,
        "boolean": lambda: "true",
        "boolean[]": lambda: "{}",
        "numeric": lambda: "0",
        "integer": lambda: "0",
        "interval": lambda: "0",
        "inet": lambda: "192.0.2.1",
        "bigint": lambda: "0",
        "text[]": lambda: "{conversations,messages,tool_executions}",
        "timestamp with time zone": lambda: "infinity",
        "messages": lambda: growing,
        "tool_executions": lambda: running,
        **{table: functools.partial(held.get, table) for table in held},
        "jsonb": lambda: orjson.dumps([{"user_id": scene.victim.user_id, "conversation_id": conversation}]).decode(),
    }
    conversation = scene.victim.ids["Conversation"][0]
    growing = await superuser.fetchval(
        "SELECT m::text FROM messages AS m WHERE user_id = $1 AND status = 'streaming' AND content = ''"
        " AND EXISTS (SELECT FROM message_growths AS g WHERE g.message_id = m.id)",
        uuid.UUID(scene.victim.user_id),
    )
    running = await superuser.fetchval(
        "SELECT t::text FROM tool_executions AS t WHERE user_id = $1 AND status = 'executing' LIMIT 1",
        uuid.UUID(scene.victim.user_id),
    )
    (password_hash,) = [row["password_hash"] for row in (await rows_of(superuser, scene.victim.user_id))["logins"]]
    async with untouched(superuser, runtime, scene.victim):
        await stamp_as(runtime, caller, scene.stranger)
        for row in await callable_functions(superuser):
            arguments = [known[kind]() for kind in row["takes"]]
            parameters = ", ".join(f"${number}::text::{kind}" for number, kind in enumerate(row["takes"], start=1))
            shown = await call(runtime, f"SELECT {row['name']}({parameters})::text", *arguments)
            assert scene.victim.user_id not in shown or row["name"] == "login_find", row["name"]
            assert password_hash not in shown or row["name"] == "login_find"
            assert scene.victim.canary * 100 not in shown, row["name"]


async def call(runtime: asyncpg.Connection, text: str, *arguments: Any) -> str:
    """The rows of a statement as text, or the message of its error."""
    savepoint = runtime.transaction()
    await savepoint.start()
    try:
        return str(await runtime.fetch(text, *arguments))
    except asyncpg.PostgresError as error:
        return str(error)
    finally:
        await savepoint.rollback()


async def test_a_function_of_a_trigger_cannot_be_put_on_a_table_of_ones_own(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene
) -> None:
    """Most trigger functions run as their owner, and would write to the feed of the user whose id is in the row."""
    firing = (
        "SELECT proname FROM pg_proc WHERE pronamespace = 'parley'::regnamespace AND prorettype = 'trigger'::regtype"
    )
    names = [row["proname"] for row in await superuser.fetch(firing)]
    assert names
    async with untouched(superuser, runtime, scene.victim):
        await runtime.execute("CREATE TEMPORARY TABLE own (user_id uuid, id uuid)")
        for name in names:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for function"):
                async with runtime.transaction():
                    await runtime.execute(f"CREATE TRIGGER own BEFORE INSERT ON own EXECUTE FUNCTION {name}()")


async def test_the_directory_finds_whole_names_only(runtime: asyncpg.Connection, scene: Scene) -> None:
    find = "SELECT user_id FROM login_find($1)"
    (row,) = await runtime.fetch(find, scene.victim.email.upper())
    assert str(row["user_id"]) == scene.victim.user_id
    for name in (
        "",
        "%",
        scene.victim.email[:-1],
        scene.victim.email + " ",
        scene.victim.user_id,
        "' OR true --",
        None,
    ):
        assert await runtime.fetch(find, name) == [], name


async def test_a_login_is_made_and_changed_for_the_stamped_user_only(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene
) -> None:
    await stamp(runtime, scene.stranger.user_id)
    for address in (scene.victim.email, "another@example.org"):
        with pytest.raises(asyncpg.UniqueViolationError):
            async with runtime.transaction():
                await runtime.execute("SELECT login_create($1, NULL, 'hash')", address)
    async with untouched(superuser, runtime, scene.victim):
        await runtime.execute("SELECT login_rehash($1)", f"$argon2id$v=19$m=8,t=1,p=1$c2FsdA${'A' * 43}")
    await stamp(runtime, "")
    with pytest.raises(asyncpg.NotNullViolationError):
        await runtime.execute("SELECT login_create('nobody@example.org', NULL, 'hash')")


# --- other ways to read a row


async def test_there_is_no_other_relation_to_read_from(superuser: asyncpg.Connection) -> None:
    """Views run as their owner by default, and a sequence would count across users."""
    found = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'parley'::regnamespace"
        " AND relkind NOT IN ('r', 'p', 'i', 'I')"
    )
    assert [row["relname"] for row in found] == []


async def test_every_table_of_the_schema_is_a_users_or_known(superuser: asyncpg.Connection) -> None:
    tables = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'parley'::regnamespace AND relkind IN ('r', 'p')"
        " AND has_any_column_privilege('parley_app', oid, 'SELECT')"
    )
    shared = {name for name, table in (await read_catalogue(superuser)).items() if table.is_reference}
    others = {row["relname"] for row in tables} - set(await user_tables(superuser)) - shared
    # The first two hold the version of the schema; the third holds ids of ended sessions, but not their users.
    assert others == {"functions", "migrations", "revocations"}


async def test_statistics_tell_nothing(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene
) -> None:
    await superuser.execute("ANALYZE")
    values = "SELECT coalesce(string_agg(most_common_vals::text || histogram_bounds::text, ''), '') FROM pg_stats"
    assert scene.victim.canary in await superuser.fetchval(
        "SELECT string_agg(concat(most_common_vals, histogram_bounds), '') FROM pg_stats WHERE schemaname = 'parley'"
    )
    assert scene.victim.canary not in await runtime.fetchval(values)


async def test_the_role_cannot_become_another(runtime: asyncpg.Connection) -> None:
    for text in ("SET ROLE parley_owner", "SET SESSION AUTHORIZATION parley_owner"):
        assert "permission denied" in await call(runtime, text), text


async def test_the_role_cannot_switch_the_policies_off(runtime: asyncpg.Connection) -> None:
    await runtime.execute("SET LOCAL row_security = off")
    assert "would be affected by row-level security" in await call(runtime, "SELECT * FROM messages")
