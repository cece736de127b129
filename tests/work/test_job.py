"""Jobs that wait: how many, and whose."""

from __future__ import annotations

import uuid

import asyncpg

from tests.kit.serving import Client


async def test_a_user_has_a_limited_number_of_unfinished_jobs(user: Client, stranger: Client) -> None:
    """Jobs of all users wait in one line."""
    for _ in range(100):
        await user.make("archiveConversations", "job", inactiveMonths=6)
    refused = await user.mutate("archiveConversations", "job { id }", inactiveMonths=6)
    assert [error["message"] for error in refused["userErrors"]] == [
        "At most 100 jobs can be unfinished: wait for some, or cancel them."
    ]
    await stranger.make("archiveConversations", "job", inactiveMonths=6)


async def test_two_users_may_have_jobs_with_the_same_id(
    user: Client, stranger: Client, superuser: asyncpg.Connection
) -> None:
    id = str(uuid.uuid4())
    for each in (user, stranger):
        await each.make("archiveConversations", "job", inactiveMonths=6, id=id)
    waiting = "SELECT count(*) FROM parley_work.pgqueuer WHERE dedupe_key LIKE '% ' || $1"
    assert await superuser.fetchval(waiting, id) == 2
