"""A person exports the account: the archive has what the API shows, object by object, and nothing else."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from gateway.export.selection import exported_types
from gateway.schema.build import graphql_schema
from tests.kit.database import Database
from tests.kit.estate import Estate, make_estate
from tests.kit.serving import Client, Serving, serving_on

TYPES = {of.name: of for of in exported_types(graphql_schema())}
WATCH = "subscription($after: Cursor) { jobChanged(after: $after) { job { id status done total downloadUrl } } }"
JOB = "id kind status done total progress downloadUrl"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving(
    database: Database, executor: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Serving]:
    """A gateway that runs background jobs."""
    async with serving_on(database, Path(tmp_path_factory.mktemp("work")), executor=executor, work=True) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    """A user who has something of every type, and no export yet."""
    made = await make_estate(serving, superuser)
    await finished(made.client)
    await superuser.execute(
        "UPDATE jobs SET created_at = created_at - interval '2 days' WHERE user_id = $1", made.user_id
    )
    return made


async def finished(user: Client) -> dict[str, Any]:
    """Export the account, and return the job once it has ended."""
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    id = (await user.make("exportAccount", "job"))["id"]
    async with user.socket() as socket, asyncio.timeout(60):
        now = (await user.data("query($id: ID!) { job(id: $id) { id status done total downloadUrl } }", id=id))["job"]
        if now["status"] in ("DONE", "FAILED"):
            return dict(now)
        async for event in await socket.subscribe(WATCH, after=cursor):
            job: dict[str, Any] = event["jobChanged"]["job"]
            if job["id"] == id and job["status"] in ("DONE", "FAILED"):
                return job
    raise AssertionError


async def downloaded(user: Client, path: str) -> zipfile.ZipFile:
    """The archive at a path, whole."""
    async with user.http.get(user.url + path) as response:
        assert response.status == 200
        archive = zipfile.ZipFile(io.BytesIO(await response.read()))
    assert archive.testzip() is None
    return archive


def objects(archive: zipfile.ZipFile) -> dict[str, list[dict[str, Any]]]:
    """The exported objects by type."""
    names = [name for name in archive.namelist() if name.endswith(".jsonl")]
    return {name.removesuffix(".jsonl"): [json.loads(line) for line in archive.open(name)] for name in names}


async def test_the_export_has_what_the_api_shows(estate: Estate) -> None:
    user = estate.client
    job = await finished(user)
    assert job["status"] == "DONE"
    archive = await downloaded(user, job["downloadUrl"])
    exported = objects(archive)
    assert set(exported) == estate.ids.keys() == TYPES.keys()
    assert job["done"] == sum(map(len, exported.values()))
    for name, rows in exported.items():
        assert [row["id"] for row in rows] == sorted(estate.ids[name]), name
        shown = (await user.data(TYPES[name].query, ids=[row["id"] for row in rows]))["nodes"]
        without = [{key: value for key, value in row.items() if key not in TYPES[name].lists} for row in rows]
        if name != "Job":
            assert without == shown, name
