"""The tokens of agents: made and revoked by a person, and refused once they no longer count."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from structlog.testing import capture_logs

from gateway.auth.opaque.agent_token import AGENT
from gateway.auth.scope import AGENT_SCOPES
from tests.kit.database import Database
from tests.kit.refused import refusals
from tests.kit.rows import rows_of, unchanged
from tests.kit.runtime import acting_as
from tests.kit.serving import PASSWORD, PATIENCE_SECONDS, Client, Serving, Socket, first, serving_on

WHO = "{ viewer { id } }"
TOKENS = "{ viewer { agentTokens { nodes { id name lastFour scopes lastUsedAt expiresAt revokedAt version } } } }"
EVERYTHING = """{
    changes(first: 100) { nodes { entity op cursor node { ... on AgentToken { name lastFour } } } }
    viewer { agentTokens { nodes { id name scopes lastFour lastUsedAt expiresAt revokedAt } } }
}"""
CREATE = """
    mutation($input: CreateAgentTokenInput!) {
        createAgentToken(input: $input) { token userErrors { code field message } }
    }
"""
CHANGED = "subscription($after: Cursor) { conversationChanged(after: $after) { conversation { title } } }"
NOT_VALID = "The agent's token is not valid."
EXPIRED = "The agent's token has expired."
REVOKED = "The agent's token has been revoked."


async def check_works(agent: Client) -> None:
    assert await agent.data(WHO) == {"viewer": {"id": agent.user_id}}


async def refusal(client: Client) -> str:
    """Why the client's token is refused, over HTTP and on a new socket."""
    async with client.http.post(f"{client.url}/graphql", json={"query": WHO}, headers=client.headers) as response:
        answer = await response.json()
        assert response.status == 401, answer
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"
    async with client.http.ws_connect(f"{client.url}/graphql", protocols=["graphql-transport-ws"]) as connection:
        await connection.send_json({"type": "connection_init", "payload": client.headers})
        message = await connection.receive(timeout=PATIENCE_SECONDS)
        assert (message.type, connection.close_code, message.extra) == (aiohttp.WSMsgType.CLOSE, 4403, error["message"])
    reason: str = error["message"]
    return reason


async def tokens_of(user: Client) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await user.data(TOKENS))["viewer"]["agentTokens"]["nodes"]
    return nodes


def forget(serving: Serving) -> None:
    """Let the gateway know no token, as after a minute or a restart."""
    serving.gateway.resources.authenticator.agents._known.clear()


async def closed(socket: Socket) -> tuple[int | None, str | None]:
    """How the gateway closes the socket, whatever it has sent before."""
    while (message := await socket.connection.receive(timeout=PATIENCE_SECONDS)).type is aiohttp.WSMsgType.TEXT:
        pass
    return socket.connection.close_code, message.extra


# --- making and revoking


async def test_an_agent_acts_for_the_user_until_its_token_is_revoked(user: Client, stranger: Client) -> None:
    agent, other = await user.agent("read", name="Reviewer"), await user.agent("read", name="Writer")
    await check_works(agent)
    assert [token["name"] for token in await tokens_of(user)] == ["Writer", "Reviewer"]
    token = (await tokens_of(user))[1]
    assert (token["scopes"], token["revokedAt"], token["lastFour"]) == (["read"], None, (agent.token or "")[-4:])
    expires = datetime.datetime.fromisoformat(token["expiresAt"]) - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=89) < expires <= datetime.timedelta(days=90)
    revoked = await user.make("revokeAgentToken", "agentToken", "id revokedAt", id=token["id"])
    assert revoked["revokedAt"] is not None
    assert await refusal(agent) == REVOKED
    assert await user.make("revokeAgentToken", "agentToken", "id revokedAt", id=token["id"]) == revoked
    await check_works(other)
    payload = await stranger.mutate("revokeAgentToken", "agentToken { id }", id=other.agent_token_id)
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("NOT_FOUND", ["id"])]
    await check_works(other)


async def test_a_retry_is_told_what_was_made_but_not_the_token(user: Client) -> None:
    values = {"id": str(uuid.uuid4()), "name": "Once", "scopes": ["read"]}
    of = "agentToken { id name } token"
    answers = await asyncio.gather(*(user.mutate("createAgentToken", of, **values) for _ in range(4)))
    assert all(answer["agentToken"] == {"id": values["id"], "name": "Once"} for answer in answers)
    (token,) = [answer["token"] for answer in answers if answer["token"]]
    await check_works(Client(user.http, user.url, user.statements, token, user_id=user.user_id))
    other = await user.mutate("createAgentToken", of, **{**values, "scopes": ["tools:approve"]})
    assert (other["agentToken"]["id"], other["token"]) == (values["id"], None)
    assert [error["code"] for error in other["userErrors"]] == ["CONFLICT"]


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"scopes": []}, "scopes", "one or more scopes"),
        ({"scopes": ["read", "accounts:write"]}, "scopes.1", "one or more scopes"),
        ({"scopes": ["person"]}, "scopes.0", "one or more scopes"),
        ({"scopes": ["Read"]}, "scopes.0", "one or more scopes"),
        ({"scopes": ["read", "sync:run", "read"]}, "scopes.2", "one or more scopes"),
        ({"scopes": ["tools:approve", "read", "tools:execute"]}, "scopes", "both tools:execute and tools:approve"),
        ({"scopes": ["confirmations:decide", "confirmations:propose"]}, "scopes", "both confirmations:propose and"),
        ({"name": ""}, "name", "1 to 100 characters"),
        ({"name": "x" * 101}, "name", "1 to 100 characters"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt", "within 366 days"),
        ({"expiresAt": "2999-01-01T00:00:00Z"}, "expiresAt", "within 366 days"),
    ],
    ids=str,
)
async def test_a_token_that_cannot_be_is_refused_by_field(
    user: Client, superuser: asyncpg.Connection, values: dict[str, Any], field: str, said: str
) -> None:
    async with unchanged(superuser, user.user_id):
        answer = await user.run(CREATE, input={"name": "Agent", "scopes": ["read"], **values})
    (refused,) = refusals(answer)
    assert (refused.code, refused.field) == ("INVALID", field)
    assert said in refused.message


async def test_the_database_and_the_gateway_know_the_same_scopes(superuser: asyncpg.Connection) -> None:
    mistake = "SELECT scope_list_mistake($1::jsonb)"
    assert await superuser.fetchval(mistake, json.dumps([*AGENT_SCOPES[:-1], "person"])) == ["11"]
    source = await superuser.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'scope_list_mistake'")
    known = json.loads(source.partition("'")[2].partition("'")[0])
    assert known == list(AGENT_SCOPES), "sql/functions/agents/scope_list_mistake.sql differs from gateway/auth/scope.py"
    assert await superuser.fetchval(mistake, json.dumps(AGENT_SCOPES)) is None


async def test_a_user_has_a_hundred_tokens_in_force_at_most(user: Client, superuser: asyncpg.Connection) -> None:
    made = [await user.agent("read") for _ in range(100)]
    values = {"name": "One too many", "scopes": ["read"]}
    payload = await user.mutate("createAgentToken", "agentToken { id } token", **values)
    (error,) = payload.pop("userErrors")
    assert payload == {"agentToken": None, "token": None}
    message = "You can have at most 100 tokens of agents in force: revoke one first."
    assert (error["code"], error["field"], error["message"]) == ("CONFLICT", None, message)
    await user.make("revokeAgentToken", "agentToken", id=made[0].agent_token_id)
    await user.agent("read")


# --- when it is refused


async def test_what_no_gateway_issued_never_reaches_the_database(user: Client, stranger: Client) -> None:
    agent, other = await user.agent("read"), await stranger.agent("read")
    text, key = agent.token or "", bytes(32)
    assert agent.agent_token_id is not None
    wrong = [
        "pla_",
        text[:-1],
        text + "A",
        text[:-1] + ("A" if text[-1] != "A" else "Q"),
        "plr_" + text[4:],
        f"pla_{(user.refresh_token or '')[4:]}",
        AGENT.mint(uuid.UUID(user.user_id), uuid.UUID(agent.agent_token_id), key).text,
        (other.token or "")[:30] + text[30:],
    ]
    for token in wrong:
        user.statements.texts.clear()
        expected = "The access token is not valid." if token.startswith("plr_") else NOT_VALID
        assert await refusal(Client(user.http, user.url, user.statements, token)) == expected
        assert user.statements.texts == []


async def test_a_genuine_token_without_its_row_is_not_valid(serving: Serving, user: Client, stranger: Client) -> None:
    agent = await user.agent("read")
    assert agent.agent_token_id is not None
    key = serving.gateway.resources.authenticator.keys.refresh_key
    mine, theirs = uuid.UUID(user.user_id), uuid.UUID(stranger.user_id)
    for user_id, id in (
        (mine, uuid.uuid4()),
        (mine, uuid.UUID(agent.agent_token_id)),
        (theirs, uuid.UUID(agent.agent_token_id)),
    ):
        token = AGENT.mint(user_id, id, key).text
        assert await refusal(Client(user.http, user.url, user.statements, token)) == NOT_VALID
    await check_works(agent)


async def test_an_expired_token_is_refused(serving: Serving, user: Client, superuser: asyncpg.Connection) -> None:
    agent, known = await user.agent("read"), await user.agent("read")
    await check_works(known)
    await superuser.execute(
        "UPDATE agent_tokens SET created_at = now() - interval '2 days', expires_at = now() - interval '1 second'"
        " WHERE user_id = $1",
        user.user_id,
    )
    assert await refusal(agent) == EXPIRED
    forget(serving)
    assert await refusal(known) == EXPIRED


async def test_the_socket_of_an_agent_is_closed_when_its_token_expires(user: Client) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    agent = await user.agent("read", expiresAt=soon.isoformat())
    async with agent.socket() as socket:
        assert await closed(socket) == (4403, "token expired: reconnect with a new one")
    assert await refusal(agent) == EXPIRED


async def test_a_token_ends_with_the_account_and_does_not_come_back_with_it(serving: Serving) -> None:
    email = f"{uuid.uuid4()}@example.org"
    user = await serving.signed_up(email=email)
    agent = await user.agent("read")
    async with agent.socket() as socket:
        await user.make("deleteAccount", "user", password=PASSWORD)
        assert await closed(socket) == (4403, "token revoked")
    assert await refusal(agent) == REVOKED
    restored = await serving.anonymous().mutate("restoreAccount", "accessToken", email=email, password=PASSWORD)
    assert restored["userErrors"] == []
    forget(serving)
    assert await refusal(agent) == REVOKED


async def test_a_token_of_an_account_that_is_gone_is_not_valid(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    agent, other = await user.agent("read"), await user.agent("read")
    # As if it had been deleted in another way than by its user, who revokes the tokens.
    await superuser.execute("UPDATE users SET deleted_at = now() WHERE user_id = $1", user.user_id)
    assert await refusal(agent) == NOT_VALID
    await superuser.execute("DELETE FROM agent_tokens WHERE user_id = $1", user.user_id)
    assert await refusal(other) == NOT_VALID


async def test_a_revoked_token_is_not_brought_back_by_sql(
    user: Client, superuser: asyncpg.Connection, database: Database, serving: Serving
) -> None:
    agent = await user.agent("read")
    await user.make("revokeAgentToken", "agentToken", id=agent.agent_token_id)
    async with acting_as(database, user.user_id) as runtime:
        await runtime.execute("UPDATE agent_tokens SET revoked_at = NULL")
        for column in ("scopes", "hash", "expires_at", "last_used_at", "name"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await runtime.execute(f"UPDATE agent_tokens SET {column} = {column}")  # noqa: S608
    forget(serving)
    assert await refusal(agent) == REVOKED


# --- several gateways and clients


async def test_another_gateway_closes_its_sockets_and_streams(database: Database, tmp_path: Path) -> None:
    """It learns of it from the database, without a word between the two."""
    async with serving_on(database, tmp_path) as here, serving_on(database, tmp_path) as there:
        user = await here.signed_up(email=f"{uuid.uuid4().hex}@example.org")
        agent = await user.agent("read")
        remote = Client(there.http, there.url, there.statements, agent.token, user_id=user.user_id)
        await check_works(remote)
        headers = {**remote.headers, "Accept": "text/event-stream"}
        async with (
            remote.socket() as socket,
            remote.http.post(f"{remote.url}/graphql", json={"query": CHANGED}, headers=headers) as stream,
        ):
            assert stream.status == 200
            # From a cursor, so that it does not matter when the gateway gets to it.
            cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
            events = await socket.subscribe(CHANGED, after=cursor)
            await user.make("createConversation", "conversation", title="Seen")
            assert await first(events, 1) == [{"conversationChanged": {"conversation": {"title": "Seen"}}}]
            await user.make("revokeAgentToken", "agentToken", id=agent.agent_token_id)
            assert await closed(socket) == (4403, "token revoked")
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert (await stream.content.read()).endswith(b": 4403 token revoked\n\n")
        assert await refusal(remote) == REVOKED


async def test_sixteen_clients_with_one_token_look_it_up_once(serving: Serving, user: Client) -> None:
    agent = await user.agent("messages:write")
    user.statements.texts.clear()
    await asyncio.gather(*(agent.make("createConversation", "conversation") for _ in range(16)))
    assert len([text for text in user.statements.texts if "FROM agent_tokens" in text]) == 1
    found = await user.data("{ viewer { conversations { totalCount } } }")
    assert found["viewer"]["conversations"]["totalCount"] == 16


# --- scopes, as a client meets them; tests/tenancy/test_scopes.py tries all of them


async def test_a_scope_to_write_reads_nothing_but_what_it_writes(user: Client) -> None:
    agent = await user.agent("messages:write")
    conversation = await user.make("createConversation", "conversation", title="Secret")
    text = """
        mutation($id: ID!) {
            addMessage(input: {conversationId: $id, role: USER, content: "Hello"}) {
                message { content %s } userErrors { message }
            }
        }
    """
    refused = {
        "errors": [
            {
                "message": "Message.conversation, in the selection of Mutation.addMessage, requires the scope read. "
                "This token has: messages:write.",
                "path": ["addMessage"],
                "extensions": {"code": "FORBIDDEN"},
            }
        ]
    }
    asked = {"query": text % "conversation { title }", "variables": conversation}
    async with agent.http.post(f"{agent.url}/graphql", json=asked, headers=agent.headers) as response:
        assert (response.status, await response.json()) == (403, refused)
    written = await agent.data(text % "role status", **conversation)
    assert written["addMessage"]["message"] == {"content": "Hello", "role": "USER", "status": "COMPLETE"}
    count = await user.data("query($id: ID!) { conversation(id: $id) { messageCount } }", **conversation)
    assert count == {"conversation": {"messageCount": 1}}


async def test_a_stream_is_refused_like_a_socket(user: Client) -> None:
    agent = await user.agent("messages:write")
    headers = {**agent.headers, "Accept": "text/event-stream"}
    async with agent.http.post(f"{agent.url}/graphql", json={"query": CHANGED}, headers=headers) as stream:
        said = (await stream.content.read()).decode()
    assert "Subscription.conversationChanged requires the scope read. This token has: messages:write." in said
    assert said.endswith("event: complete\ndata: \n\n")


# --- what else is told of it


async def test_its_use_is_recorded_and_is_no_change(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    agents, idle = [await user.agent("read") for _ in range(2)], await user.agent("read")
    before = await tokens_of(user)
    for agent in agents:
        await check_works(agent)
        await check_works(agent)
    authenticator = serving.gateway.resources.authenticator
    authenticator.agents._used = {uuid.UUID(user.user_id): authenticator.agents._used[uuid.UUID(user.user_id)]}
    user.statements.texts.clear()
    await authenticator.agents.record()
    after = {token["id"]: token for token in await tokens_of(user)}
    assert len([text for text in user.statements.texts if "agent_tokens_record_use" in text]) == 1
    assert after[idle.agent_token_id or ""]["lastUsedAt"] is None
    assert all(after[agent.agent_token_id or ""]["lastUsedAt"] is not None for agent in agents)
    assert [{**token, "lastUsedAt": None} for token in after.values()] == before
    async with unchanged(superuser, user.user_id):  # it was recorded less than a minute ago
        forget(serving)
        await check_works(agents[0])
        await authenticator.agents.record()


async def test_the_token_and_its_hash_are_nowhere_to_be_read(
    user: Client, superuser: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even when something breaks."""
    caplog.set_level(logging.DEBUG)
    with capture_logs() as events:
        agent, unknown = [await user.agent("read") for _ in range(2)]
        told = [await user.data(EVERYTHING)]
        told.append(await agent.run("mutation { signOut(input: {}) { session { id } } }"))
        told.append(await agent.run("{ nothing }"))
        await superuser.execute("ALTER TABLE agent_tokens RENAME TO agent_tokens_gone")
        try:
            told.append(await unknown.run(WHO))
        finally:
            await superuser.execute("ALTER TABLE agent_tokens_gone RENAME TO agent_tokens")
        await user.make("revokeAgentToken", "agentToken", id=agent.agent_token_id)
        told.append(await agent.run(WHO))
    stored = await rows_of(superuser, user.user_id)
    hashes = [row.pop("hash").removeprefix("\\x") for row in stored["agent_tokens"]]
    shown = json.dumps(told) + repr(events) + caplog.text
    assert shown.count("Something went wrong on our side.") == 1
    for secret in (*hashes, (agent.token or "")[-40:], (unknown.token or "")[-40:]):
        assert secret not in shown
        assert secret not in json.dumps(stored)


async def test_scopes_are_shown_beside_a_field_that_fails(user: Client) -> None:
    """A list that the response takes as the database has stored it must survive the second pass over the response."""
    made = (await user.mutate("createAgentToken", "agentToken { id }", name="An agent", scopes=["read"]))["agentToken"]
    answer = await user.run(
        'query($id: ID!) { agentToken(id: $id) { scopes } node(id: "no id") { id } }', id=made["id"]
    )
    assert answer["data"] == {"agentToken": {"scopes": ["read"]}, "node": None}
    assert [error["path"] for error in answer["errors"]] == [["node"]]
