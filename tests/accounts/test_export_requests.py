"""Who may export an account, and how often. No process runs the jobs here."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.kit.serving import Client

ENDED = """
    UPDATE jobs SET status = $2, finished_at = clock_timestamp() WHERE user_id = $1 AND status IN ('queued', 'running')
"""


async def end(superuser: asyncpg.Connection, user: Client, status: str = "done") -> None:
    """End the user's jobs, as the process that runs them does."""
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(ENDED, user.user_id, status)


async def test_requests_at_the_same_time_begin_one_export(user: Client) -> None:
    jobs = await asyncio.gather(*(user.make("exportAccount", "job", "id kind status downloadUrl") for _ in range(8)))
    assert len({job["id"] for job in jobs}) == 1
    assert jobs[0] == {"id": jobs[0]["id"], "kind": "EXPORT", "status": "QUEUED", "downloadUrl": None}
    listed = await user.data("{ viewer { jobs(filter: {kind: [EXPORT]}) { nodes { id } } } }")
    assert listed["viewer"]["jobs"]["nodes"] == [{"id": jobs[0]["id"]}]


async def test_an_export_of_other_types_waits_for_the_first(user: Client, superuser: asyncpg.Connection) -> None:
    first = await user.make("exportAccount", "job", types=["Message", "Conversation", "Message"])
    assert await user.make("exportAccount", "job", types=["Conversation", "Message"]) == first
    refused = await user.mutate("exportAccount", "job { id }")
    assert refused == {
        "job": first,
        "userErrors": [
            {"code": "CONFLICT", "field": ["types"], "message": "An export of other types is not finished yet."}
        ],
    }
    await end(superuser, user)
    assert (await user.make("exportAccount", "job")) != first


@pytest.mark.parametrize(
    ("types", "field", "message"),
    [
        (["Message", "LlmModel"], ["types", "1"], "'LlmModel' is not a type whose objects are exported."),
        (["messages"], ["types", "0"], "'messages' is not a type whose objects are exported."),
        ([], ["types"], "Name at least one type, or omit this field to export all."),
    ],
)
async def test_types_that_are_not_exported_are_refused(
    user: Client, types: list[str], field: list[str], message: str
) -> None:
    refused = await user.mutate("exportAccount", "job { id }", types=types)
    assert refused == {"job": None, "userErrors": [{"code": "INVALID", "field": field, "message": message}]}


async def test_an_account_is_exported_three_times_in_a_day(user: Client, superuser: asyncpg.Connection) -> None:
    await user.make("exportAccount", "job")
    await end(superuser, user, "failed")  # does not count
    for _ in range(3):
        await user.make("exportAccount", "job")
        await end(superuser, user)
    refused = await user.mutate("exportAccount", "job { id }")
    (error,) = refused["userErrors"]
    assert (refused["job"], error["code"], error["field"]) == (None, "CONFLICT", None)
    assert error["message"].startswith("An account can be exported 3 times in 24 hours: try again after 20")
    await superuser.execute(
        "UPDATE jobs SET created_at = created_at - interval '1 day' WHERE user_id = $1", user.user_id
    )
    await user.make("exportAccount", "job")


async def test_a_cancelled_export_makes_room_for_another(user: Client) -> None:
    first = await user.make("exportAccount", "job")
    assert await user.make("cancelJob", "job", "status downloadUrl", **first) == {
        "status": "CANCELLED",
        "downloadUrl": None,
    }
    assert (await user.make("exportAccount", "job"))["id"] != first["id"]


async def test_an_agent_neither_exports_nor_downloads(user: Client, superuser: asyncpg.Connection) -> None:
    agent = await user.agent("read")
    answer = await agent.run("mutation { exportAccount(input: {}) { job { id } } }")
    assert [error["message"] for error in answer["errors"]] == [
        "Only a person can use Mutation.exportAccount. Agents' tokens are refused."
    ]
    job = await user.make("exportAccount", "job")
    await end(superuser, user)
    read = "query($id: ID!) { job(id: $id) { status downloadUrl } }"
    assert (await agent.data(read, **job))["job"] == {"status": "DONE", "downloadUrl": None}
    assert (await user.data(read, **job))["job"]["downloadUrl"].startswith("/exports/")


async def test_a_link_ends_seven_days_after_the_job(user: Client, superuser: asyncpg.Connection) -> None:
    job = await user.make("exportAccount", "job")
    await end(superuser, user)
    read = "query($id: ID!) { job(id: $id) { downloadUrl } }"
    assert (await user.data(read, **job))["job"]["downloadUrl"]
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(
            "UPDATE jobs SET finished_at = finished_at - interval '7 days' WHERE user_id = $1", user.user_id
        )
    assert (await user.data(read, **job))["job"]["downloadUrl"] is None
