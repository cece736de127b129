"""Inactive conversations are archived in the background, and those that the user took back are left alone."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from resolvers.chat.retention import MOST_ARCHIVED, archive_inactive, delete_inactive, months_ago
from tests.kit.database import Database
from tests.kit.serving import Client, Serving, serving_on
from tests.work.running import ended, ran

ARCHIVED = "{ viewer { conversations(filter: { isArchived: true }, first: 200) { nodes { id isAutoArchived } } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving(
    database: Database, executor: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Serving]:
    """A gateway that runs background jobs."""
    async with serving_on(database, Path(tmp_path_factory.mktemp("work")), executor=executor, work=True) as made:
        yield made


async def conversations(user: Client, count: int) -> list[str]:
    """So many new conversations."""
    return [(await user.make("createConversation", "conversation"))["id"] for _ in range(count)]


async def age(superuser: asyncpg.Connection, user: Client, ids: list[str], months: int) -> None:
    """Make conversations ones that were last active so many months ago, and a day."""
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")  # without triggers
        await superuser.execute(
            "UPDATE conversations SET active_at = moment, active_since = moment"
            " FROM (SELECT clock_timestamp() - make_interval(months => $3, days => 1) AS moment) AS t"
            " WHERE user_id = $1 AND id = ANY ($2::uuid[])",
            user.user_id,
            ids,
            months,
        )


async def archive(user: Client, months: int) -> dict[str, object]:
    """Archive what has been inactive for so many months, and return the job once it is done."""
    begun = await user.make("archiveConversations", "job", "id kind status", inactiveMonths=months)
    assert (begun["kind"], begun["status"]) == ("ARCHIVE", "QUEUED")
    return await ended(user, begun["id"])


async def archived(user: Client) -> set[str]:
    """The ids of the conversations that were archived automatically."""
    nodes = (await user.data(ARCHIVED))["viewer"]["conversations"]["nodes"]
    return {node["id"] for node in nodes if node["isAutoArchived"]}


async def test_inactive_conversations_are_archived(user: Client, superuser: asyncpg.Connection) -> None:
    old = await conversations(user, MOST_ARCHIVED + 10)
    middle, young = await conversations(user, 1), await conversations(user, 1)
    await age(superuser, user, old, months=7)
    await age(superuser, user, middle, months=5)
    job = await archive(user, 6)
    assert (job["done"], job["progress"]) == (len(old), 1.0)
    assert await archived(user) == set(old)
    assert await archived(user) & {*middle, *young} == set()
    listed = await user.data("{ viewer { jobs { nodes { id status } } } }")
    assert listed["viewer"]["jobs"]["nodes"] == [{"id": job["id"], "status": "DONE"}]


async def test_what_the_user_took_back_is_not_archived_again(user: Client, superuser: asyncpg.Connection) -> None:
    ids = await conversations(user, 3)
    await age(superuser, user, ids, months=7)
    await archive(user, 6)
    await user.make("updateConversation", "conversation", id=ids[0], isArchived=False)
    await user.make("deleteConversation", "conversation", id=ids[1])
    await user.make("restoreConversation", "conversation", id=ids[1])
    assert (await archive(user, 6))["done"] == 0
    assert await archived(user) == {ids[1], ids[2]}


async def test_a_deleted_conversation_is_left_alone(user: Client, superuser: asyncpg.Connection) -> None:
    ids = await conversations(user, 2)
    await user.make("deleteConversation", "conversation", id=ids[0])
    await age(superuser, user, ids, months=7)
    assert (await archive(user, 6))["done"] == 1


async def test_a_job_sent_again_is_the_same_job(user: Client) -> None:
    id = "01980000-0000-7000-8000-00000000aaaa"
    begun = await user.make("archiveConversations", "job", "id version", inactiveMonths=6, id=id)
    again = await user.make("archiveConversations", "job", "id", inactiveMonths=6, id=id)
    assert begun["id"] == again["id"] == id
    other = await user.mutate("archiveConversations", "job { id }", inactiveMonths=7, id=id)
    assert [error["code"] for error in other["userErrors"]] == ["CONFLICT"]


@pytest.mark.parametrize("months", [0, 121])
async def test_months_out_of_range_are_refused(user: Client, months: int) -> None:
    refused = await user.mutate("archiveConversations", "job { id }", inactiveMonths=months)
    assert refused == {
        "job": None,
        "userErrors": [
            {
                "code": "INVALID",
                "field": ["inactiveMonths"],
                "message": "The number of months must be between 1 and 120.",
            }
        ],
    }


async def test_a_job_that_has_ended_cannot_be_cancelled(user: Client) -> None:
    job = await archive(user, 6)
    refused = await user.mutate("cancelJob", "job { status }", id=job["id"])
    assert refused == {
        "job": {"status": "DONE"},
        "userErrors": [{"code": "CONFLICT", "field": ["id"], "message": "This job is done already."}],
    }


async def test_settings_archive_and_delete_every_night(
    user: Client, stranger: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    ages = {month: await conversations(user, 2) for month in (1, 4, 9)}
    for months, ids in ages.items():
        await age(superuser, user, ids, months)
    others = await conversations(stranger, 1)
    await age(superuser, stranger, others, 100)
    await user.make("updateUserSettings", "userSettings", archiveAfterMonths=3, deleteAfterMonths=6)
    await ran(archive_inactive, database)
    assert await archived(user) == {*ages[4], *ages[9]}
    await ran(delete_inactive, database)
    assert await archived(user) == set(ages[4])
    left = await user.data("{ viewer { conversations { nodes { id } } } }")
    assert {node["id"] for node in left["viewer"]["conversations"]["nodes"]} == {*ages[1], *ages[4]}
    assert await archived(stranger) == set()


async def test_what_was_restored_is_not_deleted_again(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    (id,) = await conversations(user, 1)
    await age(superuser, user, [id], 9)
    await user.make("updateUserSettings", "userSettings", deleteAfterMonths=6)
    await ran(delete_inactive, database)
    assert (await user.make("restoreConversation", "conversation", "deletedAt", id=id))["deletedAt"] is None
    await ran(delete_inactive, database)
    shown = await user.data("query($id: ID!) { conversation(id: $id) { deletedAt } }", id=id)
    assert shown["conversation"]["deletedAt"] is None


def test_months_ago_ends_with_the_month() -> None:
    for months in range(1, 30):
        then = months_ago(months)
        days = (datetime.datetime.now(datetime.UTC) - then).days
        assert 27 * months <= days <= 31 * months + 1
