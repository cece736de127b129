"""Sessions are removed a week after they expired, and agents' tokens after a year; what was done with them stays."""

from __future__ import annotations

import uuid

import asyncpg
import pytest

from resolvers.removal.expiry import expire
from tests.kit.database import Database
from tests.kit.serving import PASSWORD, Client
from tests.work.running import ran

AGE = """
UPDATE sessions SET expires_at = clock_timestamp() - make_interval(days => $2)
WHERE user_id = $1 AND id = $3
"""

ENDED = {
    "expires_at": "UPDATE agent_tokens SET created_at = now() - make_interval(days => $1 + 1),"
    " expires_at = now() - make_interval(days => $1) WHERE id = $2",
    "revoked_at": "UPDATE agent_tokens SET created_at = now() - make_interval(days => $1 + 1),"
    " expires_at = now() - make_interval(days => $1 - 300), revoked_at = now() - make_interval(days => $1)"
    " WHERE id = $2",
}
"""Lets a token have ended so many days ago, in one way or the other."""


async def other_session(user: Client) -> str:
    """The id of another session of the user."""
    email = (await user.data("{ viewer { email } }"))["viewer"]["email"]
    await user.mutate("signIn", "user { id }", email=email, password=PASSWORD)
    found = await user.data("{ viewer { sessions { nodes { id isCurrent } } } }")
    (other,) = [each["id"] for each in found["viewer"]["sessions"]["nodes"] if not each["isCurrent"]]
    return str(other)


async def sessions_of(user: Client) -> set[str]:
    """The ids of the user's sessions, as the API shows them."""
    found = await user.data("{ viewer { sessions { nodes { id } } } }")
    return {each["id"] for each in found["viewer"]["sessions"]["nodes"]}


async def age(superuser: asyncpg.Connection, user: Client, id: str, days: int) -> None:
    """Make a session one that expired so many days ago."""
    async with superuser.transaction():
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
        await superuser.execute(AGE, user.user_id, days, id)


async def test_a_session_is_shown_for_a_week_after_it_expired(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    old = await other_session(user)
    await age(superuser, user, old, days=6)
    await ran(expire, database)
    assert old in await sessions_of(user)
    await age(superuser, user, old, days=8)
    assert uuid.UUID(user.user_id) in await ran(expire, database)
    assert len(await sessions_of(user)) == 1
    removed = await superuser.fetchrow(
        "SELECT op FROM changes WHERE user_id = $1 AND entity_id = $2 ORDER BY version DESC LIMIT 1", user.user_id, old
    )
    assert removed is not None
    assert removed["op"] == "purge"


async def test_a_decision_stays_when_its_session_is_removed(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    values = {"conversationId": conversation, "toolName": "search"}
    tool = (await user.make("proposeToolExecution", "toolExecution", **values))["id"]
    await user.make("approveToolExecution", "toolExecution", id=tool)
    (own,) = await sessions_of(user)
    await age(superuser, user, own, days=8)
    await ran(expire, database)
    shown = "query($id: ID!) { toolExecution(id: $id) { transitions { to actor session { id } } } }"
    assert (await user.data(shown, id=tool))["toolExecution"]["transitions"] == [
        {"to": "PENDING", "actor": "USER", "session": None},
        {"to": "APPROVED", "actor": "USER", "session": None},
    ]


async def test_nothing_prevents_the_removal_of_a_session(superuser: asyncpg.Connection) -> None:
    """A foreign key would. Tables that name a session keep its id without one."""
    assert not await superuser.fetchval(
        "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND confrelid = 'sessions'::regclass"
    )


@pytest.mark.parametrize("column", ENDED)
async def test_an_agents_token_is_shown_for_a_year_after_it_ended(
    user: Client, database: Database, superuser: asyncpg.Connection, column: str
) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    history = "query($id: ID!) { toolExecution(id: $id) { transitions { actor agentToken { id } } } }"
    agents, shown = {days: await user.agent("tools:propose") for days in (365, 367)}, {}
    for days, agent in agents.items():
        values = {"conversationId": conversation, "toolName": "search"}
        proposed = await agent.make("proposeToolExecution", "toolExecution", **values)
        async with superuser.transaction():
            await superuser.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
            await superuser.execute(ENDED[column], days, agent.agent_token_id)
        await ran(expire, database)
        (shown[days],) = (await user.data(history, **proposed))["toolExecution"]["transitions"]
    assert shown == {
        365: {"actor": "AGENT", "agentToken": {"id": agents[365].agent_token_id}},
        367: {"actor": "AGENT", "agentToken": None},
    }
    found = await user.data("{ viewer { agentTokens { nodes { id } } } }")
    assert found["viewer"]["agentTokens"]["nodes"] == [{"id": agents[365].agent_token_id}]
