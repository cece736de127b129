"""Secrets of all types are sealed, never read back, bound to their row and generation, and destroyed with it.

Those that a type declares with `secret()` are also opened here.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import uuid
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from strawberry.utils.str_converters import to_camel_case, to_snake_case

from gateway.data.entity import Entity
from gateway.schema.build import domain_modules
from gateway.vault.row_secrets import open_secret
from gateway.vault.sealing import CannotOpen
from tests.kit import derived, generated
from tests.kit.database import Database
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation
from tests.kit.refused import Refusal, only_refusal
from tests.kit.rows import rows_of, unchanged
from tests.kit.runtime import acting_as
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Serving
from tests.work.running import working_for

SCHEMA = graphql_schema()
KINDS = generated.tables()

ADDED = """
SELECT obj_description(oid, 'pg_proc') FROM pg_proc
WHERE pronamespace = 'parley'::regnamespace AND obj_description(oid, 'pg_proc') LIKE 'Made by SELECT add_secret(%'
"""
SEALED = "SELECT sealed FROM sealed_secrets WHERE user_id = $1 AND row_id = $2 AND purpose = $3"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def columns(superuser: asyncpg.Connection) -> list[tuple[str, str]]:
    """The columns of all secrets with their tables, from the catalogue."""
    calls = "\n".join(row[0] for row in await superuser.fetch(ADDED))
    found = re.findall(r"add_secret\('(\w+)', '(\w+)'\)", calls)
    assert ("provider_keys", "sealed_key") in found
    return found


async def test_what_is_stored_is_sealed_and_apart_from_its_row(
    estate: Estate, superuser: asyncpg.Connection, columns: list[tuple[str, str]]
) -> None:
    rows = await rows_of(superuser, estate.user_id)
    for table, column in columns:
        for id in estate.ids[KINDS[table]]:
            sealed = await superuser.fetchval(SEALED, uuid.UUID(estate.user_id), uuid.UUID(id), f"{table}.{column}")
            assert sealed is not None
            assert estate.canary.encode() not in sealed
        assert {row[column] for row in rows[table]} == {None}


async def test_the_serving_role_reads_no_sealed_text_and_writes_no_generation(
    estate: Estate, database: Database, columns: list[tuple[str, str]]
) -> None:
    async with acting_as(database, estate.user_id) as runtime:
        for table, column in columns:
            for text in (
                "SELECT FROM sealed_secrets",
                f"UPDATE {table} SET {column}_generation = 1",  # noqa: S608
                f"INSERT INTO {table} (user_id, {column}_generation) VALUES ('{estate.user_id}', 1)",  # noqa: S608
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await runtime.execute(text)


async def test_a_secret_is_destroyed_with_its_row(
    serving: Serving, superuser: asyncpg.Connection, columns: list[tuple[str, str]]
) -> None:
    doomed = await make_estate(serving, superuser)
    for table, column in columns:
        kind = KINDS[table]
        for id in doomed.ids[kind]:
            await doomed.client.make(f"delete{kind}", kind[0].lower() + kind[1:], id=id)
            arguments = uuid.UUID(doomed.user_id), uuid.UUID(id), f"{table}.{column}"
            assert await superuser.fetchval(SEALED, *arguments) is None
        assert f"restore{kind}" not in SCHEMA.mutation_type.fields  # type: ignore[union-attr]


# --- secrets that a type declares with `secret()`

DECLARED = [(each, column) for each in generated.entities() for column in sorted(each.secrets)]
of_each_secret = pytest.mark.parametrize(
    ("entity", "column"),
    DECLARED,
    ids=[f"{entity.name}.{to_camel_case(column)}" for entity, column in DECLARED],
)


class Kept:
    """Objects of one type with a secret."""

    def __init__(self, serving: Serving, estate: Estate, entity: Entity, column: str) -> None:
        self.serving, self.estate, self.entity, self.column = serving, estate, entity, column
        self.field = to_camel_case(column)
        declared = [item for module in domain_modules() for item in vars(module).values() if isinstance(item, type)]
        (self.cls,) = {item for item in declared if vars(item).get("__entity__") is entity}

    async def make(self) -> str:
        create = Mutation(SCHEMA, f"create{self.entity.name}")
        return await derived.make(self.estate.client, create, self.estate.known, self.estate.canary)

    async def change(self, id: str, text: Any) -> dict[str, Any]:
        update = Mutation(SCHEMA, f"update{self.entity.name}")
        return await self.estate.client.run(update.operation, input={"id": id, self.field: text})

    async def opened(self, id: str, client: Client | None = None) -> str | None:
        work = working_for(self.serving, client or self.estate.client)
        found = await open_secret(work, self.cls, self.column, uuid.UUID(id))
        return None if found is None else found.reveal()

    def row(self, id: str) -> tuple[uuid.UUID, uuid.UUID, str]:
        return uuid.UUID(self.estate.user_id), uuid.UUID(id), f"{self.entity.table}.{self.column}"


@of_each_secret
async def test_a_declared_secret_opens_for_its_owner_alone(
    serving: Serving, estate: Estate, stranger: Client, superuser: asyncpg.Connection, entity: Entity, column: str
) -> None:
    kept = Kept(serving, estate, entity, column)
    id, canary = await kept.make(), f"hidden-{secrets.token_hex(8)}"
    answer = await kept.change(id, canary)
    assert (await kept.opened(id), await kept.opened(id, stranger)) == (canary, None)
    assert canary not in json.dumps([answer, repr(await rows_of(superuser, estate.user_id))])
    await estate.client.make(f"delete{entity.name}", to_camel_case(to_snake_case(entity.name)), id=id)
    assert await kept.opened(id) is None
    async with unchanged(superuser, estate.user_id):
        assert only_refusal(await kept.change(id, canary)).code == "CONFLICT"


@of_each_secret
async def test_no_older_and_no_foreign_text_opens(
    serving: Serving, estate: Estate, database: Database, superuser: asyncpg.Connection, entity: Entity, column: str
) -> None:
    kept = Kept(serving, estate, entity, column)
    id, other = await kept.make(), await kept.make()
    older, foreign = [await superuser.fetchval(SEALED, *kept.row(each)) for each in (id, other)]
    await kept.change(id, "a newer one")
    put = "UPDATE sealed_secrets SET sealed = $4 WHERE user_id = $1 AND row_id = $2 AND purpose = $3"
    for text in (older, foreign, b"", foreign[:-1]):
        await superuser.execute(put, *kept.row(id), text)
        with pytest.raises(CannotOpen):
            await kept.opened(id)
    async with acting_as(database, estate.user_id) as runtime:
        write = f"UPDATE {entity.table} SET {column} = $1 WHERE id = $2"  # noqa: S608
        await runtime.execute(write, older, uuid.UUID(id))
    with pytest.raises(CannotOpen):
        await kept.opened(id)
    assert await kept.opened(other) is not None


@of_each_secret
async def test_changes_at_once_leave_a_secret_that_opens(
    serving: Serving, estate: Estate, entity: Entity, column: str
) -> None:
    kept = Kept(serving, estate, entity, column)
    id, texts = await kept.make(), [f"secret {number}" for number in range(4)]
    await asyncio.gather(*(kept.change(id, text) for text in texts))
    assert await kept.opened(id) in texts


@of_each_secret
async def test_what_is_no_secret_is_refused_without_quoting_it(
    serving: Serving, estate: Estate, superuser: asyncpg.Connection, entity: Entity, column: str
) -> None:
    kept = Kept(serving, estate, entity, column)
    id = await kept.make()
    before = await kept.opened(id)
    async with unchanged(superuser, estate.user_id):
        for text in ("", "x" * 100_000, None):
            answer = await kept.change(id, text)
            refusal = only_refusal(answer)
            assert (refusal.code, refusal.field) == ("INVALID", kept.field)
            assert "xxx" not in json.dumps(answer)
        assert refusal == Refusal("INVALID", kept.field, "A value is needed here: it cannot be null.")
    assert await kept.opened(id) == before
