"""What one transaction cannot remove is removed in the background, and so is what has been in the trash for 30 days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from resolvers.removal.trash import MOST_BATCHES, MOST_ROWS, purge_trash
from tests.kit.database import Database
from tests.kit.rows import rows_of
from tests.kit.serving import Client, Serving, serving_on
from tests.work.running import ended, ran

TRASH = "{ viewer { trash(first: 200) { nodes { id } } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving(
    database: Database, executor: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Serving]:
    """A gateway that runs background jobs."""
    async with serving_on(database, Path(tmp_path_factory.mktemp("work")), executor=executor, work=True) as made:
        yield made


async def deleted(user: Client, messages: int = 1) -> str:
    """The id of a new conversation with messages, deleted."""
    id = (await user.make("createConversation", "conversation"))["id"]
    item = {"conversationId": id, "role": "USER", "content": "Hello"}
    for begun in range(0, messages, 200):
        await user.mutate("addMessages", "messages { id }", items=[item] * min(200, messages - begun))
    await user.make("deleteConversation", "conversation", id=id)
    return str(id)


async def age(superuser: asyncpg.Connection, user: Client, id: str, days: int) -> None:
    """Make a conversation one that was deleted so many days ago."""
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")  # without triggers
        await superuser.execute(
            "UPDATE conversations SET deleted_at = clock_timestamp() - make_interval(days => $3, mins => 1)"
            " WHERE user_id = $1 AND id = $2",
            user.user_id,
            id,
            days,
        )


async def finished(user: Client, field: str, **values: Any) -> dict[str, Any]:
    """The payload of a mutation, once the job that it began is done."""
    payload = await user.mutate(field, "isComplete job { id }", **values)
    assert payload["userErrors"] == []
    return {**payload, "job": await ended(user, payload["job"]["id"])}


async def test_the_rest_of_a_large_object_is_removed_by_a_job(user: Client, superuser: asyncpg.Connection) -> None:
    count = MOST_ROWS * MOST_BATCHES + 100
    payload = await finished(user, "purge", id=await deleted(user, messages=count))
    assert (payload["isComplete"], payload["job"]["kind"], payload["job"]["progress"]) == (False, "PURGE", 1.0)
    left = await rows_of(superuser, user.user_id)
    assert not {"conversations", "messages", "purges"} & set(left)
    at_once = MOST_ROWS * MOST_BATCHES
    assert payload["job"]["done"] == count + 1 - at_once, "messages and the conversation"


async def test_a_job_empties_a_trash_of_many_objects(
    user: Client, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.removal.trash.MOST_OBJECTS", 3)
    for _ in range(8):
        await deleted(user)
    payload = await finished(user, "emptyTrash", types=["Conversation"])
    assert payload["isComplete"] is False
    assert (await user.data(TRASH))["viewer"]["trash"]["nodes"] == []
    assert not {"conversations", "messages", "purges"} & set(await rows_of(superuser, user.user_id))


async def test_what_is_deleted_later_is_not_removed_by_the_job(user: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.removal.trash.MOST_OBJECTS", 1)
    monkeypatch.setattr("resolvers.removal.trash.MOST_BATCHES", 0)
    await deleted(user)
    await deleted(user)
    payload = await user.mutate("emptyTrash", "removed job { id }")
    later = await deleted(user)
    assert payload["removed"] == 1
    assert (await ended(user, payload["job"]["id"]))["status"] == "DONE"
    assert [node["id"] for node in (await user.data(TRASH))["viewer"]["trash"]["nodes"]] == [later]


async def test_objects_stay_in_the_trash_for_30_days(
    user: Client, stranger: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    old, young, theirs = await deleted(user), await deleted(user), await deleted(stranger)
    await age(superuser, user, old, days=30)
    await age(superuser, user, young, days=29)
    woken = await ran(purge_trash, database)
    assert str(user.user_id) in {str(id) for id in woken}
    assert [node["id"] for node in (await user.data(TRASH))["viewer"]["trash"]["nodes"]] == [young]
    assert [node["id"] for node in (await stranger.data(TRASH))["viewer"]["trash"]["nodes"]] == [theirs]
    assert (await user.data("query($id: ID!) { node(id: $id) { id } }", id=old))["node"] is None


async def test_a_removal_that_nobody_continued_is_continued(
    user: Client, database: Database, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process may have died after the request, or the user may have cancelled the job."""
    monkeypatch.setattr("resolvers.removal.trash.MOST_BATCHES", 0)
    await deleted(user)
    id = await deleted(user)
    payload = await user.mutate("purge", "job { id }", id=id)
    await user.mutate("cancelJob", "job { id }", id=payload["job"]["id"])
    await ran(purge_trash, database)
    left = await rows_of(superuser, user.user_id)
    assert id not in {row["id"] for row in left["conversations"]}
    assert "purges" not in left
    assert len((await user.data(TRASH))["viewer"]["trash"]["nodes"]) == 1
