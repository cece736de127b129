"""What one process remembers of agents' tokens: a bounded number, for a minute, and what is refused as well."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from dataclasses import dataclass

import asyncpg
import pytest

from gateway.auth.identity import Identity
from gateway.auth.opaque import agent_token
from gateway.auth.opaque.agent_token import AGENT, AgentTokens, NotLookedUp
from gateway.auth.opaque.refresh import REFRESH
from gateway.auth.revocation import Revocations
from gateway.auth.throttle import Allowance, Throttle
from gateway.data.pool import Pool
from gateway.errors import Overloaded, Unauthenticated, Unavailable
from tests.kit.database import Database
from tests.kit.serving import PATIENCE_SECONDS, Client, Serving

KEY = bytes(range(32))
WHO = "{ viewer { id } }"


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def process(
    serving: Serving,
    clock: Clock | None = None,
    *,
    remembered: int = 10,
    free: int = 10,
    seconds: float = PATIENCE_SECONDS,
) -> AgentTokens:
    """What another process would know, beside that of the gateway."""
    resources = serving.gateway.resources
    return AgentTokens(
        resources.authenticator.keys.refresh_key,
        resources.pool,
        Revocations(datetime.timedelta(minutes=15), lambda _: None),
        Throttle(Allowance(free_attempts=free, success_clears=False)),
        seconds=seconds,
        remembered=remembered,
        clock=clock or Clock(),
    )


async def look_up(agents: AgentTokens, text: str, address: str = "192.0.2.1") -> Identity:
    """Verify a token, which must not be remembered."""
    with pytest.raises(NotLookedUp) as unknown:
        agents.verify(text)
    return await unknown.value.look_up(address)


async def tokens(user: Client, count: int) -> list[str]:
    return [(await user.agent("read", "tools:propose")).token or "" for _ in range(count)]


def lost(serving: Serving, user: Client) -> str:
    """A genuine token without a row."""
    key = serving.gateway.resources.authenticator.keys.refresh_key
    return AGENT.mint(uuid.UUID(user.user_id), uuid.uuid4(), key).text


def test_a_token_of_one_kind_is_none_of_another() -> None:
    user_id, id = uuid.uuid4(), uuid.uuid4()
    agent, refresh = AGENT.mint(user_id, id, KEY).text, REFRESH.mint(user_id, id, KEY).text
    assert (agent[:4], refresh[:4], len(agent)) == ("pla_", "plr_", len(refresh))
    for form, text in (
        (AGENT, "pla_" + refresh[4:]),
        (REFRESH, "plr_" + agent[4:]),
        (AGENT, refresh),
        (REFRESH, agent),
    ):
        with pytest.raises(Unauthenticated):
            form.parse(text, KEY)


async def test_what_the_row_says_is_what_the_token_proves(serving: Serving, user: Client) -> None:
    agent = await user.agent("tools:propose", "read")
    agents = process(serving)
    identity = await look_up(agents, agent.token or "")
    assert (str(identity.user_id), str(identity.credential_id)) == (user.user_id, agent.agent_token_id)
    assert (identity.actor, set(identity.scopes)) == ("agent", {"read", "tools:propose"})
    assert agents.verify(agent.token or "") is identity


async def test_a_token_is_looked_up_again_after_a_minute(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    """So a process learns of what it has not heard of."""
    (token,) = await tokens(user, 1)
    agents = process(serving, clock := Clock())
    await look_up(agents, token)
    await superuser.execute("UPDATE agent_tokens SET revoked_at = now() WHERE user_id = $1", user.user_id)
    clock.now += 59.9
    agents.verify(token)
    clock.now += 0.1
    with pytest.raises(Unauthenticated, match="revoked"):
        await look_up(agents, token)


async def test_the_least_recently_used_token_is_forgotten_first(serving: Serving, user: Client) -> None:
    one, two, three = await tokens(user, 3)
    agents = process(serving, remembered=2)
    for token in (one, two):
        await look_up(agents, token)
    agents.verify(one)
    await look_up(agents, three)
    assert len(agents) == 2
    agents.verify(one)
    agents.verify(three)
    with pytest.raises(NotLookedUp):
        agents.verify(two)


async def test_what_is_refused_is_remembered_too(serving: Serving, user: Client) -> None:
    agents, token = process(serving), lost(serving, user)
    with pytest.raises(Unauthenticated, match="not valid"):
        await look_up(agents, token)
    user.statements.texts.clear()
    with pytest.raises(Unauthenticated, match="not valid"):
        agents.verify(token)
    assert user.statements.texts == []


async def test_an_expired_token_is_refused_without_a_look_up(serving: Serving, user: Client) -> None:
    (token,) = await tokens(user, 1)
    agents = process(serving, clock := Clock())
    identity = await look_up(agents, token)
    clock.now = identity.expires_at.timestamp() - 1
    await look_up(agents, token)
    clock.now += 1
    with pytest.raises(Unauthenticated, match="expired"):
        agents.verify(token)


async def test_an_address_that_fails_often_must_wait_and_no_other(serving: Serving, user: Client) -> None:
    agents = process(serving, free=2)
    known, unknown = await tokens(user, 2)
    await look_up(agents, known)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await look_up(agents, lost(serving, user))
    user.statements.texts.clear()
    for token in (lost(serving, user), unknown):
        with pytest.raises(Overloaded, match="Too many attempts"):
            await look_up(agents, token)
    assert user.statements.texts == []
    agents.verify(known)
    await look_up(agents, unknown, address="192.0.2.2")


async def test_good_tokens_never_make_an_address_wait(serving: Serving, user: Client) -> None:
    agents = process(serving, free=2)
    for token in await tokens(user, 6):
        await look_up(agents, token)


async def test_who_gives_up_does_not_end_what_others_wait_for(serving: Serving, user: Client) -> None:
    (token,) = await tokens(user, 1)
    agents = process(serving)
    user.statements.texts.clear()
    first, second = [asyncio.ensure_future(look_up(agents, token)) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).actor == "agent"
    assert first.cancelled()
    assert len([text for text in user.statements.texts if "FROM agent_tokens" in text]) == 1


async def test_what_is_revoked_during_the_look_up_opens_nothing(serving: Serving, user: Client) -> None:
    (token,) = await tokens(user, 1)
    agents = process(serving)
    waiting = asyncio.ensure_future(look_up(agents, token))
    await asyncio.sleep(0)
    agents._revocations.add(AGENT.parse(token, agents._key).id)
    with pytest.raises(Unauthenticated, match="revoked"):
        await waiting
    with pytest.raises(Unauthenticated, match="revoked"):
        agents.verify(token)


async def test_without_the_database_nothing_is_known_of_a_token(
    serving: Serving, user: Client, database: Database
) -> None:
    """It is no fault of the token: the client may try again."""
    agent = await user.agent("read")
    url = f"{agent.url}/graphql"
    agents = serving.gateway.resources.authenticator.agents
    away = await Pool.open(database.runtime_url, size=1, wait_seconds=1)
    await away.close()
    here, agents._pool = agents._pool, away
    try:
        async with agent.http.post(url, json={"query": WHO}, headers=agent.headers) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            assert (await refused.json())["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        headers = {**agent.headers, "Accept": "text/event-stream"}
        async with agent.http.post(url, json={"query": WHO}, headers=headers) as refused:
            assert refused.status == 503
        async with agent.http.ws_connect(url, protocols=["graphql-transport-ws"]) as socket:
            await socket.send_json({"type": "connection_init", "payload": agent.headers})
            await socket.receive()
            assert socket.close_code == 4504
        with pytest.raises(Unavailable):
            await look_up(agents, agent.token or "")
    finally:
        agents._pool = here
    assert await agent.data(WHO) == {"viewer": {"id": user.user_id}}


async def test_nobody_waits_for_a_look_up_longer_than_for_an_operation(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    """As of a database that has come to a standstill."""
    (token,) = await tokens(user, 1)
    agents = process(serving, seconds=0.1)
    async with superuser.transaction():
        await superuser.execute("LOCK TABLE agent_tokens")
        with pytest.raises(Unavailable, match="could not be looked up"):
            await look_up(agents, token)
    await agents.close()
    assert agents.verify(token).actor == "agent"


async def test_the_limit_of_look_ups_is_that_of_operations(serving: Serving) -> None:
    agents = serving.gateway.resources.authenticator.agents
    assert agents._seconds == serving.gateway.instruments.engine.budgets.seconds


async def test_the_token_of_an_open_socket_is_in_use(
    serving: Serving, user: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, idle = [await user.agent("read") for _ in range(2)]
    monkeypatch.setattr(agent_token, "RECORD_SECONDS", 0)
    async with agent.socket(), user.socket():
        recording = asyncio.create_task(process(serving).keep_recording(serving.gateway.sockets.identities))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not (used := await _used(user)):
                    pass
        finally:
            recording.cancel()
    assert used == {agent.agent_token_id}
    assert idle.agent_token_id not in used


async def _used(user: Client) -> set[str]:
    found = await user.data("{ viewer { agentTokens { nodes { id lastUsedAt } } } }")
    return {token["id"] for token in found["viewer"]["agentTokens"]["nodes"] if token["lastUsedAt"]}
