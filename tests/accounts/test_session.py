"""Sessions: a refresh token is used once, and an ended session ends everywhere."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from structlog.testing import capture_logs

from tests.kit.database import Database
from tests.kit.refused import Refusal, only_refusal
from tests.kit.rows import rows_of, unchanged
from tests.kit.serving import PASSWORD, PATIENCE_SECONDS, Client, Serving, Socket, serving_on

ENDED = Refusal("INVALID", "refreshToken", "This session has ended: sign in again.")
NOT_VALID = Refusal("INVALID", "refreshToken", "The refresh token is not valid.")
TOKENS = "accessToken refreshToken expiresAt user { id }"
SESSIONS = "{ viewer { sessions { nodes { id isCurrent revokedAt revokedReason } } } }"


async def refresh(client: Client, token: str | None = None) -> dict[str, Any]:
    """The payload of a refresh, with the client's own token or another one."""
    anybody = Client(client.http, client.url, client.statements)
    return await anybody.mutate("refreshSession", TOKENS, refreshToken=token or client.refresh_token)


def refusal_of(payload: dict[str, Any]) -> Refusal:
    """Why a payload holds no tokens."""
    assert {name for name, content in payload.items() if content is not None} == {"userErrors"}
    return only_refusal(payload)


async def another_device(serving: Serving, user: Client) -> Client:
    """The same user, signed in once more."""
    client = serving.anonymous()
    email = (await user.data("{ viewer { email } }"))["viewer"]["email"]
    payload = await client.mutate("signIn", TOKENS, email=email, password=PASSWORD)
    assert payload["userErrors"] == []
    client.token, client.refresh_token, client.user_id = payload["accessToken"], payload["refreshToken"], user.user_id
    return client


async def session_of(client: Client) -> str:
    """The id of the session that a client is in."""
    nodes = (await client.data(SESSIONS))["viewer"]["sessions"]["nodes"]
    (id,) = [node["id"] for node in nodes if node["isCurrent"]]
    return str(id)


async def the_session(superuser: asyncpg.Connection, user: Client) -> dict[str, Any]:
    """The row of the user's only session."""
    (row,) = (await rows_of(superuser, user.user_id))["sessions"]
    return row


async def pass_time(superuser: asyncpg.Connection, user: Client, column: str, *, seconds: float) -> None:
    """Let a time of the user's sessions lie so many seconds from now."""
    text = f"UPDATE sessions SET {column} = clock_timestamp() + $2 WHERE user_id = $1"  # noqa: S608 - a column of ours
    await superuser.execute(text, user.user_id, timedelta(seconds=seconds))


async def check_works(client: Client) -> None:
    assert (await client.data("{ viewer { id } }"))["viewer"]["id"] == client.user_id


async def check_dead(client: Client) -> None:
    """The access token must be refused over HTTP and on a new socket."""
    async with client.http.post(
        f"{client.url}/graphql", json={"query": "{ viewer { id } }"}, headers=client.headers
    ) as response:
        assert response.status == 401
        refusal = only_refusal(await response.json(content_type=None))
    assert refusal == Refusal("UNAUTHENTICATED", None, "This session has ended: sign in again.")
    async with client.http.ws_connect(f"{client.url}/graphql", protocols=["graphql-transport-ws"]) as connection:
        await connection.send_json({"type": "connection_init", "payload": client.headers})
        message = await connection.receive(timeout=PATIENCE_SECONDS)
        assert (message.type, connection.close_code) == (aiohttp.WSMsgType.CLOSE, 4403)


async def check_closed(socket: Socket) -> None:
    """The socket must be closed by the gateway, whatever it has sent before."""
    while (await socket.connection.receive(timeout=PATIENCE_SECONDS)).type is aiohttp.WSMsgType.TEXT:
        pass
    assert socket.connection.close_code == 4403


# --- refreshing


async def test_a_refresh_gives_new_tokens(user: Client) -> None:
    payload = await refresh(user)
    assert payload["userErrors"] == []
    assert payload["user"] == {"id": user.user_id}
    assert payload["accessToken"] != user.token
    assert payload["refreshToken"] != user.refresh_token
    await check_works(user)
    user.token = payload["accessToken"]
    await check_works(user)


async def test_refreshing_goes_on_and_on_in_one_session(user: Client, superuser: asyncpg.Connection) -> None:
    session, seen = await session_of(user), {user.refresh_token}
    for _ in range(10):
        payload = await refresh(user)
        user.token, user.refresh_token = payload["accessToken"], payload["refreshToken"]
        seen.add(user.refresh_token)
    assert len(seen) == 11
    assert await session_of(user) == session
    assert (await the_session(superuser, user))["revoked_at"] is None


async def test_parallel_refreshes_get_one_successor(user: Client, superuser: asyncpg.Connection) -> None:
    before = await the_session(superuser, user)
    payloads = await asyncio.gather(*(refresh(user) for _ in range(30)))
    assert [payload["userErrors"] for payload in payloads] == [[]] * 30
    (successor,) = {payload["refreshToken"] for payload in payloads}
    after = await the_session(superuser, user)
    assert after["previous_refresh_hash"] == before["refresh_hash"]
    assert after["version"] == before["version"] + 2  # the audit of the sign-in took the one in between
    for payload in payloads:
        user.token = payload["accessToken"]
        await check_works(user)
    assert (await refresh(user, successor))["userErrors"] == []


async def test_a_lost_answer_is_given_again_within_ten_seconds(user: Client, superuser: asyncpg.Connection) -> None:
    successor = (await refresh(user))["refreshToken"]
    # Far enough from the edge for a slow machine.
    await pass_time(superuser, user, "refreshed_at", seconds=60)
    async with unchanged(superuser, user.user_id):
        again = await refresh(user)
    assert (again["userErrors"], again["refreshToken"]) == ([], successor)
    assert (await refresh(user, successor))["userErrors"] == []


async def test_after_ten_seconds_a_used_token_ends_the_session(user: Client, superuser: asyncpg.Connection) -> None:
    payload = await refresh(user)
    user_after = Client(user.http, user.url, user.statements, payload["accessToken"], payload["refreshToken"])
    await pass_time(superuser, user, "refreshed_at", seconds=-10)
    async with user.socket() as old, user_after.socket() as new:
        assert refusal_of(await refresh(user)) == ENDED
        await check_closed(old)
        await check_closed(new)
    for client in (user, user_after):
        await check_dead(client)
    assert refusal_of(await refresh(user_after)) == ENDED
    row = await the_session(superuser, user)
    assert (row["revoked_at"] is not None, row["revoked_reason"]) == (True, "refresh_reused")


async def test_a_token_from_before_the_last_ends_the_session_at_once(
    user: Client, superuser: asyncpg.Connection
) -> None:
    """Its holder has seen its successor used, so there are two of them."""
    first = await refresh(user)
    second = await refresh(user, first["refreshToken"])
    user.token = second["accessToken"]
    await check_works(user)
    assert refusal_of(await refresh(user)) == ENDED
    await check_dead(user)
    assert refusal_of(await refresh(user, second["refreshToken"])) == ENDED
    assert (await the_session(superuser, user))["revoked_reason"] == "refresh_reused"


async def test_a_stolen_token_ends_its_session_and_no_other(serving: Serving, user: Client) -> None:
    other = await another_device(serving, user)
    stolen = user.refresh_token
    for _ in range(2):
        user.refresh_token = (await refresh(user))["refreshToken"]
    assert refusal_of(await refresh(user, stolen)) == ENDED
    await check_dead(user)
    await check_works(other)
    assert (await refresh(other))["userErrors"] == []


@pytest.mark.parametrize("column", ["expires_at", "ends_at"])
async def test_an_expired_session_is_not_refreshed(user: Client, superuser: asyncpg.Connection, column: str) -> None:
    await pass_time(superuser, user, column, seconds=-1)
    async with unchanged(superuser, user.user_id):
        assert refusal_of(await refresh(user)) == ENDED
    # It was not used twice, and its owner is not to be alarmed.
    assert (await the_session(superuser, user))["revoked_reason"] is None


async def test_refreshing_never_outlives_the_end(user: Client, superuser: asyncpg.Connection) -> None:
    await pass_time(superuser, user, "ends_at", seconds=3600)
    await refresh(user)
    row = await the_session(superuser, user)
    assert row["expires_at"] == row["ends_at"]


@pytest.mark.parametrize("change", ["", "plr_", "x", "secret", "session", "user"])
async def test_what_is_no_refresh_token_is_refused_and_changes_nothing(
    user: Client, stranger: Client, superuser: asyncpg.Connection, change: str
) -> None:
    own, foreign = str(user.refresh_token), str(stranger.refresh_token)
    tokens = {
        "secret": own[:-1] + ("A" if own[-1] != "A" else "Q"),
        "session": own[:26] + foreign[26:46] + own[46:],
        "user": foreign[:26] + own[26:],
    }
    async with unchanged(superuser, user.user_id, stranger.user_id):
        payload = await user.mutate("refreshSession", TOKENS, refreshToken=tokens.get(change, change))
        assert refusal_of(payload) == NOT_VALID
        payload = await user.mutate("refreshSession", TOKENS, refreshToken=user.token)
        assert refusal_of(payload) == NOT_VALID


async def test_an_access_token_is_no_bearer_of_a_refresh(user: Client) -> None:
    """And the other way round."""
    user.token = user.refresh_token
    answer = await user.run("{ viewer { id } }")
    assert only_refusal(answer).code == "UNAUTHENTICATED"


async def test_a_deleted_user_is_not_refreshed(user: Client, superuser: asyncpg.Connection) -> None:
    await superuser.execute("UPDATE users SET deleted_at = now() WHERE id = $1", user.user_id)
    assert refusal_of(await refresh(user)) == ENDED


# --- signing out


async def test_signing_out_ends_the_own_session_everywhere(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    session, other = await session_of(user), await another_device(serving, user)
    async with user.socket() as socket, other.socket() as untouched:
        ended = await user.make("signOut", "session", "id revokedAt revokedReason")
        await check_closed(socket)
        await untouched.connection.send_json({"type": "ping"})
        assert (await untouched.connection.receive_json(timeout=PATIENCE_SECONDS))["type"] == "pong"
    assert (ended["id"], ended["revokedReason"]) == (session, "signed_out")
    assert ended["revokedAt"] is not None
    await check_dead(user)
    assert refusal_of(await refresh(user)) == ENDED
    await check_works(other)
    async with unchanged(superuser, user.user_id):
        assert refusal_of(await refresh(user)) == ENDED


async def test_another_session_of_ones_own_can_be_ended(serving: Serving, user: Client) -> None:
    other = await another_device(serving, user)
    id = await session_of(other)
    async with other.socket() as socket:
        ended = await user.make("signOut", "session", "id isCurrent revokedReason", sessionId=id)
        await check_closed(socket)
    assert ended == {"id": id, "isCurrent": False, "revokedReason": "signed_out"}
    await check_dead(other)
    assert refusal_of(await refresh(other)) == ENDED
    await check_works(user)
    nodes = (await user.data(SESSIONS))["viewer"]["sessions"]["nodes"]
    assert {node["isCurrent"]: node["revokedReason"] for node in nodes} == {True: None, False: "signed_out"}


async def test_a_session_that_has_ended_stays_as_it_ended(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    other = await another_device(serving, user)
    id = await session_of(other)
    ended = await user.make("signOut", "session", "id revokedAt version", sessionId=id)
    async with unchanged(superuser, user.user_id):
        assert await user.make("signOut", "session", "id revokedAt version", sessionId=id) == ended


async def test_a_session_of_nobody_or_of_another_is_not_ended(
    user: Client, stranger: Client, superuser: asyncpg.Connection
) -> None:
    async with unchanged(superuser, user.user_id, stranger.user_id):
        for id in (str(uuid.uuid4()), await session_of(user)):
            payload = await stranger.mutate("signOut", "session { id }", sessionId=id)
            assert refusal_of(payload) == Refusal("NOT_FOUND", "sessionId", "There is no such session.")
    await check_works(user)


async def test_who_is_nobody_cannot_sign_out(serving: Serving) -> None:
    answer = await serving.anonymous().run("mutation { signOut(input: {}) { session { id } } }")
    assert only_refusal(answer).code == "UNAUTHENTICATED"


async def test_another_gateway_hears_of_it(database: Database, tmp_path: Path) -> None:
    """It closes sockets by what it reads in the database, without a word between the two."""
    async with serving_on(database, tmp_path) as here, serving_on(database, tmp_path) as there:
        user = await here.signed_up(email=f"{uuid.uuid4().hex}@example.org")
        client = Client(there.http, there.url, there.statements, user.token, user.refresh_token, user.user_id)
        await check_works(client)
        async with client.socket() as socket:
            await user.make("signOut", "session")
            await check_closed(socket)
        await check_dead(client)


# --- what nobody else learns


async def test_what_is_stored_gives_nobody_a_token(user: Client, superuser: asyncpg.Connection) -> None:
    payload = await refresh(user)
    stored = str(await rows_of(superuser, user.user_id))
    for token in (user.token, user.refresh_token, payload["accessToken"], payload["refreshToken"]):
        assert str(token) not in stored
        assert str(token)[-40:] not in stored


@asynccontextmanager
async def without_sessions(superuser: asyncpg.Connection) -> AsyncIterator[None]:
    """Let whatever asks for sessions fail as a bug of ours would."""
    await superuser.execute("ALTER TABLE sessions RENAME TO sessions_gone")
    try:
        yield
    finally:
        await superuser.execute("ALTER TABLE sessions_gone RENAME TO sessions")


async def test_no_token_or_password_is_logged_or_told(
    serving: Serving, superuser: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even when something breaks."""
    password, email = "a most secret pass phrase", f"{uuid.uuid4().hex}@example.org"
    caplog.set_level(logging.DEBUG)
    with capture_logs() as events:
        user = await serving.signed_up(email=email, password=password)
        first = await refresh(user)
        second = await refresh(user, first["refreshToken"])
        secrets = [password, user.token, user.refresh_token]
        secrets += [payload[name] for payload in (first, second) for name in ("accessToken", "refreshToken")]
        told: list[Any] = [await refresh(user), await refresh(user, second["refreshToken"])]
        told.append(await user.run("{ viewer { id } }"))
        operation = "mutation($input: SignInInput!) { signIn(input: $input) { user { id } userErrors { message } } }"
        client = serving.anonymous()
        given: list[dict[str, Any]] = [
            {"password": password},
            {"email": email},
            {"email": email, "password": [password]},
        ]
        given += [{"email": known, "password": password + "!"} for known in (email, "nobody@example.org")]
        told += [await client.run(operation, input=values) for values in given]
        async with without_sessions(superuser):
            told.append(await client.run(operation, input={"email": email, "password": password}))
            renew = (
                "mutation($token: String!) { refreshSession(input: {refreshToken: $token}) { userErrors { message } } }"
            )
            told.append(await client.run(renew, token=second["refreshToken"]))
    shown = json.dumps(told)
    assert shown.count("Something went wrong on our side.") == 2
    logged = repr(events) + caplog.text
    assert logged.count("unexpected_error") == 2
    for secret in secrets:
        assert str(secret) not in shown
        assert str(secret) not in logged
        assert str(secret)[-30:] not in logged
