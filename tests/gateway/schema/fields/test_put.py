"""Objects with a key of their own are put and removed, in a transaction or each on its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.driver.stamp import Stamp
from gateway.data.tenancy import Tenant
from gateway.errors import Conflict
from gateway.schema.fields.idempotent import put
from resolvers.chat.feedback import FeedbackType, MessageFeedback
from tests.chat.test_feedback import answers, give
from tests.kit.serving import Client, Serving


@pytest_asyncio.fixture(loop_scope="module")
async def tenant(serving: Serving, user: Client) -> AsyncIterator[Tenant]:
    """The view of the user's database."""
    made = Tenant(
        serving.gateway.resources.pool, Stamp(uuid.UUID(user.user_id), None, "user"), committed=lambda _: None
    )
    yield made
    await made.close()


def values(kind: FeedbackType, comment: str | None = None) -> dict[str, Any]:
    """The values of feedback beside its key."""
    return {"type": kind, "comment": comment, "reasons": []}


async def test_an_object_is_put_by_its_key(tenant: Tenant, user: Client) -> None:
    _, (message,) = await answers(user)
    key = {"message_id": uuid.UUID(message)}
    async with tenant.autocommit() as db:
        first = await put(db, MessageFeedback, key, values(FeedbackType.POSITIVE))
        second = await put(db, MessageFeedback, key, values(FeedbackType.NEGATIVE, "No"))
        again = await put(db, MessageFeedback, key, values(FeedbackType.NEGATIVE, "No"))
        found = await db.find(MessageFeedback, key)
    assert first.id == second.id
    assert first.version < second.version
    assert second == again == found
    assert (second.type, second.comment) == (FeedbackType.NEGATIVE, "No")


async def test_a_deleted_object_is_not_put_again(tenant: Tenant, user: Client, superuser: asyncpg.Connection) -> None:
    _, (message,) = await answers(user)
    given = await give(user, message)
    await superuser.execute("SELECT set_config('app.user_id', $1, false)", user.user_id)
    await superuser.execute("UPDATE message_feedback SET deleted_at = now() WHERE id = $1", given["id"])
    key = {"message_id": uuid.UUID(message)}
    async with tenant.autocommit() as db:
        with pytest.raises(Conflict, match=r"This message feedback is deleted\."):
            await put(db, MessageFeedback, key, values(FeedbackType.NEGATIVE))
        left: Any = await db.find(MessageFeedback, key)
        assert left.type is FeedbackType.POSITIVE


async def test_objects_are_removed_by_id_or_by_their_columns(tenant: Tenant, user: Client) -> None:
    conversation, messages = await answers(user, 4)
    ids = [uuid.UUID((await give(user, message))["id"]) for message in messages]
    async with tenant.autocommit() as db:
        assert await db.remove(MessageFeedback, ids[0])
        assert not await db.remove(MessageFeedback, ids[0])
    with suppress(RuntimeError):  # a failed transaction removes nothing
        async with tenant.transaction() as db:
            assert await db.remove(MessageFeedback, ids[1])
            raise RuntimeError
    async with tenant.transaction() as db:
        both = {"conversation_id": [uuid.UUID(conversation)], "message_id": [uuid.UUID(id) for id in messages[1:3]]}
        assert set(await db.remove_all("message_feedback", **both)) == set(ids[1:3])
    found = await user.data("{ viewer { messageFeedback { nodes { id } } } }")
    assert [each["id"] for each in found["viewer"]["messageFeedback"]["nodes"]] == [str(ids[3])]
