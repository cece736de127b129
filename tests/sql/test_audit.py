"""What one call to add_audit() makes of a table, and which calls it refuses."""

from __future__ import annotations

import json
import uuid
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.setup.roles import OWNER, RUNTIME

TABLES = """
CREATE TABLE lamps (
    user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7(), watts integer, colour text, text text,
    used_at timestamptz, sealed_key bytea, password_hint text);
SELECT tenant_table('lamps');
CREATE TABLE notices (user_id uuid, entity text, entity_id uuid, PRIMARY KEY (user_id, entity_id));
SELECT secure_rows('notices');
CREATE TABLE locks (user_id uuid PRIMARY KEY, position integer);
SELECT secure_rows('locks');
"""
ENTRIES = "SELECT entity, entity_id, changes FROM audit_entries WHERE action = $1 ORDER BY created_at, id"


class House:
    """A user on a connection of the owner's role, with tables of their own."""

    def __init__(self, connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
        self.connection = connection
        self.user_id = user_id

    async def run(self, text: str, *arguments: Any) -> Any:
        """The first value that a statement returns."""
        return await self.connection.fetchval(text, *arguments)

    async def lamp(self, **values: Any) -> uuid.UUID:
        """The id of a new lamp."""
        values = {"user_id": self.user_id, **values}
        holes = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        made: uuid.UUID = await self.run(
            f"INSERT INTO lamps ({', '.join(values)}) VALUES ({holes}) RETURNING id",  # noqa: S608
            *values.values(),
        )
        return made

    async def told(self, action: str) -> list[tuple[str, uuid.UUID, Any]]:
        """The entries with an action."""
        rows = await self.connection.fetch(ENTRIES, action)
        return [(row["entity"], row["entity_id"], json.loads(row["changes"])) for row in rows]


@pytest_asyncio.fixture(loop_scope="module")
async def house(owner: asyncpg.Connection) -> House:
    await owner.execute(TABLES)
    user_id = uuid.uuid4()
    await owner.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
    await owner.execute(f"SET LOCAL ROLE {RUNTIME}")
    await owner.execute("INSERT INTO users (user_id, id, email) VALUES ($1, $1, 'keeper@example.org')", user_id)
    await owner.execute(f"SET LOCAL ROLE {OWNER}")
    return House(owner, user_id)


async def test_each_kind_of_change_shows_the_columns_that_differ(house: House) -> None:
    await house.run("SELECT add_audit('lamps', 'key_created', '{insert,update,delete}', of => '{watts,colour}')")
    lamp = await house.lamp(watts=40, text="what a person wrote")
    await house.run("UPDATE lamps SET watts = 60, colour = NULL")
    await house.run("UPDATE lamps SET watts = 60, colour = NULL")
    await house.run("UPDATE lamps SET text = 'another'")
    await house.run("DELETE FROM lamps")
    assert await house.told("key_created") == [
        ("lamps", lamp, {"watts": [None, 40]}),
        ("lamps", lamp, {"watts": [40, 60]}),
        ("lamps", lamp, {"watts": [60, None]}),
    ]


async def test_inserts_may_have_a_condition_of_their_own(house: House) -> None:
    await house.run(
        "SELECT add_audit('lamps', 'key_created', '{insert,update}', of => '{watts}', inserted => 'NEW.watts > 50')"
    )
    await house.lamp(watts=40)
    lamp = await house.lamp(watts=60)
    await house.run("UPDATE lamps SET watts = 30 WHERE watts = 60")
    assert await house.told("key_created") == [
        ("lamps", lamp, {"watts": [None, 60]}),
        ("lamps", lamp, {"watts": [60, 30]}),
    ]


async def test_a_statement_tells_of_each_row(house: House) -> None:
    await house.run("SELECT add_audit('lamps', 'key_created', '{update}', of => '{watts}')")
    lamps = {await house.lamp(watts=number) for number in range(5)}
    await house.run("UPDATE lamps SET watts = watts + 1 WHERE watts > 1")
    assert len(told := await house.told("key_created")) == 3
    assert {id for _, id, _ in told} <= lamps


async def test_what_is_watched_need_not_be_shown(house: House) -> None:
    await house.run("SELECT add_audit('lamps', 'key_created', '{update}', of => '{sealed_key}', shown => '{}')")
    await house.run(
        "SELECT add_audit('lamps', 'key_deleted', '{update}', of => '{sealed_key}', shown => '{watts}',"
        " condition => 'NEW.sealed_key IS NULL')"
    )
    lamp = await house.lamp(watts=1)
    await house.run("UPDATE lamps SET sealed_key = 'sealed'")
    await house.run("UPDATE lamps SET sealed_key = NULL, watts = 2")
    assert await house.told("key_created") == [("lamps", lamp, {})] * 2
    assert await house.told("key_deleted") == [("lamps", lamp, {"watts": [1, 2]})]


async def test_a_use_is_told_of_once_a_day(house: House) -> None:
    await house.run(
        "SELECT add_audit('lamps', 'key_used', '{update}', of => '{used_at}', shown => '{}', each => 'day')"
    )
    lamp, other = await house.lamp(), await house.lamp()
    await house.connection.execute("SET LOCAL TIME ZONE 'Asia/Tokyo'")
    for at in ("2026-03-01T00:00Z", "2026-03-01T16:00Z", "2026-03-01T23:59Z", "2026-03-02T00:00Z"):
        await house.connection.execute(f"UPDATE lamps SET used_at = '{at}' WHERE id = '{lamp}'")  # noqa: S608
    assert await house.told("key_used") == [("lamps", lamp, {})] * 2
    await house.run("UPDATE lamps SET used_at = '2026-03-02T00:00Z'")
    assert await house.told("key_used") == [("lamps", lamp, {})] * 2 + [("lamps", other, {})]


async def test_a_table_may_name_what_its_rows_are_about(house: House) -> None:
    await house.run("SELECT add_audit('notices', 'purged', '{insert}')")
    await house.run("SELECT add_audit('locks', 'settings_changed', '{update}', of => '{position}')")
    about = uuid.uuid4()
    await house.run("INSERT INTO notices VALUES ($1, 'lamps', $2)", house.user_id, about)
    await house.run("INSERT INTO locks VALUES ($1, 1)", house.user_id)
    await house.run("UPDATE locks SET position = 2")
    assert await house.told("purged") == [("lamps", about, {})]
    assert await house.told("settings_changed") == [("users", house.user_id, {"position": [1, 2]})]


async def test_a_further_call_replaces_the_first(house: House) -> None:
    await house.run("SELECT add_audit('lamps', 'key_created', '{insert,update}', of => '{watts}')")
    call = await house.run("SELECT obj_description('lamps_audit_key_created'::regproc, 'pg_proc')")
    for _ in range(2):
        await house.run(call.removeprefix("Made by "))
    await house.lamp(watts=1)
    assert len(await house.told("key_created")) == 1
    await house.run("SELECT add_audit('lamps', 'key_created', '{update}', of => '{watts}')")
    await house.lamp(watts=1)
    assert len(await house.told("key_created")) == 1


async def test_an_entry_is_undone_with_the_change(house: House) -> None:
    await house.run("SELECT add_audit('lamps', 'key_created', '{insert}')")
    savepoint = house.connection.transaction()
    await savepoint.start()
    await house.lamp()
    await savepoint.rollback()
    assert await house.told("key_created") == []


async def test_what_an_operator_changes_without_a_stamp_is_told_of(house: House) -> None:
    await house.run("SELECT add_audit('lamps', 'key_created', '{update}', of => '{watts}')")
    lamp = await house.lamp(watts=1)
    await house.connection.execute("SELECT set_config('app.user_id', '', true)")
    await house.connection.execute("RESET ROLE")
    await house.run("UPDATE lamps SET watts = 2")
    assert await house.told("key_created") == [("lamps", lamp, {"watts": [1, 2]})]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("'{truncate}'", "tells of insert, update or delete"),
        ("'{}'", "tells of insert, update or delete"),
        ("'{update}'", "would tell of every update: name the columns"),
        ("'{insert}', of => '{sealed_key}'", "would show the secret sealed_key: leave it out of `shown`"),
        ("'{insert}', shown => '{password_hint}'", "would show the secret password_hint"),
        ("'{update}', of => '{watts,used_at}', each => 'day'", "once each day needs one column"),
        ("'{insert,update}', of => '{used_at}', each => 'day'", "once each day needs one column"),
    ],
)
async def test_a_declaration_that_would_be_wrong_is_refused(house: House, arguments: str, reason: str) -> None:
    with pytest.raises(asyncpg.RaiseError, match=reason):
        await house.run(f"SELECT add_audit('lamps', 'key_created', {arguments})")


async def test_an_action_that_no_entry_may_have_is_refused(house: House) -> None:
    with pytest.raises(asyncpg.RaiseError, match="the audit knows no action key_copied") as refused:
        await house.run("SELECT add_audit('lamps', 'key_copied', '{insert}')")
    assert "AuditAction in resolvers/accounts/audit.py" in (refused.value.hint or "")
