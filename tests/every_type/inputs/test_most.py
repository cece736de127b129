"""Where a table limits how many objects a user has, of those that are created at once only so many stay."""

from __future__ import annotations

import asyncio
import re
import uuid

import asyncpg
import pytest

from gateway.data.clauses.name import quoted
from gateway.data.setup.migration import DIRECTORY
from tests.kit import derived, generated
from tests.kit.estate import make_estate
from tests.kit.generated import mutations, own
from tests.kit.refused import refusals
from tests.kit.schema import graphql_schema
from tests.kit.serving import Serving

CREATES = {each.kind: each for each in mutations(graphql_schema()) if each.takes_new_id}
DECLARED = re.findall(
    r"^SELECT add_most\('(\w+)', (\d+)",
    "\n".join(path.read_text("utf-8") for path in DIRECTORY.glob("*.sql")),
    re.MULTILINE,
)
LIMITED = [(table, int(most)) for table, most in DECLARED if generated.tables().get(table) in CREATES]
AT_ONCE = 4


async def leave(superuser: asyncpg.Connection, table: str, user_id: uuid.UUID, id: uuid.UUID, number: int) -> None:
    """Give the user this many rows of a table, copies of the one with this id."""
    names = [row["attname"] for row in await superuser.fetch(derived.COLUMNS, table)]
    columns = ", ".join(map(quoted, names))
    copied = ", ".join("uuid7()" if name == "id" else quoted(name) for name in names)
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(f"DELETE FROM {table} WHERE user_id = $1 AND id <> $2", user_id, id)  # noqa: S608
        await superuser.execute(
            f"INSERT INTO {table} ({columns}) SELECT {copied} FROM {table}, generate_series(2, $2)"  # noqa: S608
            " WHERE user_id = $1",
            user_id,
            number,
        )


@pytest.mark.parametrize(("table", "most"), LIMITED, ids=[table for table, _ in LIMITED])
async def test_of_objects_created_at_once_no_more_stay_than_there_can_be(
    serving: Serving, superuser: asyncpg.Connection, table: str, most: int
) -> None:
    estate = await make_estate(serving, superuser)
    create = CREATES[generated.tables()[table]]
    made = await derived.make(estate.client, create, estate.known, estate.canary)
    await leave(superuser, table, uuid.UUID(estate.user_id), uuid.UUID(made), most - 1)
    inputs = [{**create.values(own(estate, create.name)), "id": str(uuid.uuid4())} for _ in range(AT_ONCE)]
    answers = await asyncio.gather(*(estate.client.run(create.operation, input=values) for values in inputs))
    refused = [refusals(answer) for answer in answers]
    assert sorted(map(len, refused)) == [0] + [1] * (AT_ONCE - 1)
    assert {(error.code, str(most) in error.message) for (error,) in filter(None, refused)} == {("CONFLICT", True)}
    # The one that stayed is returned to a request that is repeated.
    stayed = inputs[refused.index([])]
    assert refusals(await estate.client.run(create.operation, input=stayed)) == []


def test_limits_are_found() -> None:
    assert {"agent_tokens", "usage_quotas"} <= {table for table, _ in LIMITED}
