"""The audit: what happened to an account, as its user sees it."""

from __future__ import annotations

import asyncio
import datetime
import json
from typing import Any

import argon2
import asyncpg
import pytest

from resolvers.accounts.audit import AuditAction
from resolvers.accounts.deletion import purge_accounts
from resolvers.removal.expiry import expire
from tests.kit.database import Database
from tests.kit.rows import unchanged
from tests.kit.runtime import acting_as, stamp
from tests.kit.serving import PASSWORD, Client, Serving
from tests.work.running import ran

ENTRIES = """
query($filter: AuditEntryFilter) {
  viewer {
    auditEntries(filter: $filter) {
      nodes {
        action actor changes ipAddress entityId createdAt
        session { id }
        subject { __typename id }
      }
    }
  }
}
"""
SESSIONS = "{ viewer { sessions { nodes { id isCurrent ipAddress } } } }"


async def entries(user: Client, **filter: Any) -> list[dict[str, Any]]:
    """The audit of a user, newest first, as the API shows it."""
    nodes: list[dict[str, Any]] = (await user.data(ENTRIES, filter=filter))["viewer"]["auditEntries"]["nodes"]
    return nodes


async def newest(user: Client, action: AuditAction) -> dict[str, Any]:
    """The newest entry, which must have this action, without its time."""
    entry = (await entries(user))[0]
    assert entry.pop("action") == action.name
    del entry["createdAt"]
    return entry


async def session_of(user: Client) -> dict[str, Any]:
    """The session of a client."""
    (own,) = [each for each in (await user.data(SESSIONS))["viewer"]["sessions"]["nodes"] if each["isCurrent"]]
    return dict(own)


async def email_of(user: Client) -> str:
    return str((await user.data("{ viewer { email } }"))["viewer"]["email"])


async def sign_in(serving: Serving, email: str, password: str = PASSWORD) -> Client:
    """A client that has tried to sign in."""
    client = serving.anonymous()
    payload = await client.mutate("signIn", "accessToken refreshToken", email=email, password=password)
    client.token, client.refresh_token = payload["accessToken"], payload["refreshToken"]
    return client


async def age(superuser: asyncpg.Connection, user: Client, action: str, by: datetime.timedelta) -> None:
    """Make the entries with an action older, as only time can."""
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        aged = "UPDATE audit_entries SET created_at = created_at - $2::interval WHERE user_id = $1 AND action = $3"
        await superuser.execute(aged, user.user_id, by, action)


def by(session: dict[str, Any]) -> dict[str, Any]:
    """How an entry shows that a person did it in a session."""
    return {"actor": "USER", "session": {"id": session["id"]}, "ipAddress": session["ipAddress"]}


def about(kind: str, id: str | None, **changes: Any) -> dict[str, Any]:
    """How an entry shows what it is about."""
    return {"entityId": id, "subject": {"__typename": kind, "id": id}, "changes": changes}


async def test_signing_up_and_signing_in_are_told_of(serving: Serving, user: Client) -> None:
    first = await session_of(user)
    assert await newest(user, AuditAction.SIGNED_IN) == by(first) | about("Session", first["id"])
    assert first["ipAddress"] == "127.0.0.1"
    device = await sign_in(serving, await email_of(user))
    second = await session_of(device)
    assert await newest(user, AuditAction.SIGNED_IN) == by(second) | about("Session", second["id"])
    assert len(await entries(user)) == 2


async def test_signing_out_differs_from_ending_another_session(serving: Serving, user: Client) -> None:
    own, email = await session_of(user), await email_of(user)
    lost, left = await sign_in(serving, email), await sign_in(serving, email)
    lost_session, left_session = await session_of(lost), await session_of(left)
    await user.make("signOut", "session", sessionId=lost_session["id"])
    ended = about("Session", lost_session["id"], revokedReason=[None, "signed_out"])
    assert await newest(user, AuditAction.SESSION_REVOKED) == by(own) | ended
    await left.make("signOut", "session")
    assert await newest(user, AuditAction.SIGNED_OUT) == by(left_session) | about("Session", left_session["id"])
    count = len(await entries(user))
    await user.make("signOut", "session", sessionId=left_session["id"])
    assert len(await entries(user)) == count, "it had ended already"


async def test_a_refresh_token_that_is_used_twice_is_told_of(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    device = await sign_in(serving, await email_of(user))
    session = await session_of(device)
    await serving.anonymous().make("refreshSession", "user", refreshToken=device.refresh_token)
    late = "UPDATE sessions SET refreshed_at = refreshed_at - interval '1 minute' WHERE id = $1"
    await superuser.execute(late, session["id"])
    refused = await serving.anonymous().mutate("refreshSession", refreshToken=device.refresh_token)
    assert refused["userErrors"][0]["code"] == "INVALID"
    ended = about("Session", session["id"], revokedReason=[None, "refresh_reused"])
    assert await newest(user, AuditAction.SESSION_REVOKED) == by(session) | ended


async def test_an_export_and_a_removal_are_told_of(user: Client) -> None:
    session = await session_of(user)
    job = await user.make("exportAccount", "job")
    assert await user.make("exportAccount", "job") == job
    assert await newest(user, AuditAction.EXPORTED) == by(session) | about("Job", job["id"])
    conversation = await user.make("createConversation", "conversation")
    await user.make("deleteConversation", "conversation", id=conversation["id"])
    assert (await entries(user))[0]["action"] == "EXPORTED", "it can be restored"
    assert (await user.mutate("purge", "isComplete", id=conversation["id"]))["isComplete"]
    gone = {"entityId": conversation["id"], "subject": None, "changes": {}}
    assert await newest(user, AuditAction.PURGED) == by(session) | gone
    assert (await entries(user, entityId=[job["id"], conversation["id"]])) == (await entries(user))[:2]


async def test_a_deleted_account_is_told_of_and_takes_its_audit_along(
    serving: Serving, user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    session, email = await session_of(user), await email_of(user)
    deleted = await user.make("deleteAccount", "user", "purgeAt", password=PASSWORD, graceDays=3)
    payload = await serving.anonymous().mutate("restoreAccount", "accessToken", email=email, password=PASSWORD)
    user.token = payload["accessToken"]
    signed_in, told, revoked, *_ = await entries(user)
    assert [each["action"] for each in (signed_in, told, revoked)] == [
        "SIGNED_IN",
        "ACCOUNT_DELETED",
        "SESSION_REVOKED",
    ]
    (before, at) = told["changes"].pop("purgeAt")
    assert (before, datetime.datetime.fromisoformat(at)) == (None, datetime.datetime.fromisoformat(deleted["purgeAt"]))
    assert told | by(session) | about("User", user.user_id) == told
    await user.make("deleteAccount", "user", password=PASSWORD, graceDays=0)
    await ran(purge_accounts, database)
    assert not await superuser.fetchval("SELECT count(*) FROM audit_entries WHERE user_id = $1", user.user_id)
    assert not await superuser.fetchval("SELECT count(*) FROM users WHERE user_id = $1", user.user_id)


# --- failed attempts


async def test_a_wrong_password_is_told_of(serving: Serving, user: Client) -> None:
    email = await email_of(user)
    tries = [
        serving.anonymous().mutate("signIn", email=email.upper(), password="wrong"),
        serving.anonymous().mutate("signUp", email=email, password="wrong but quite long enough"),
        user.mutate("deleteAccount", password="wrong"),
    ]
    for number, attempt in enumerate(tries, start=1):
        assert (await attempt)["userErrors"]
        await serving.gateway.resources.afterwards.done()
        failed = await entries(user, action=["SIGN_IN_FAILED"])
        assert len(failed) == number
        nobody = {"actor": "SYSTEM", "session": None, "ipAddress": "127.0.0.1"}
        assert failed[0] | nobody | about("User", user.user_id) == failed[0]


FAILED = "SELECT count(*) FROM audit_entries WHERE user_id = $1 AND action = 'sign_in_failed'"


async def test_nobody_can_flood_the_audit_of_another(
    user: Client, stranger: Client, superuser: asyncpg.Connection
) -> None:
    email = await email_of(user)
    await superuser.execute("SELECT sign_in_failed($1, '192.0.2.1')", email)
    assert await superuser.fetchval(FAILED, user.user_id) == 0, "requests write none"
    await superuser.execute("SELECT set_config('app.work', 'on', false)")
    for _ in range(15):
        await superuser.execute("SELECT sign_in_failed($1, '192.0.2.1')", email)
    for nobody in ("nobody@example.org", "%", "", None):
        await superuser.execute("SELECT sign_in_failed($1, NULL)", nobody)
    assert await superuser.fetchval(FAILED, user.user_id) == 10
    assert await superuser.fetchval(FAILED, stranger.user_id) == 0
    await age(superuser, user, "sign_in_failed", datetime.timedelta(minutes=61))
    await superuser.execute("SELECT sign_in_failed($1, '192.0.2.1')", email)
    await superuser.execute("SELECT set_config('app.work', '', false)")
    assert await superuser.fetchval(FAILED, user.user_id) == 11


async def test_attempts_at_the_same_time_are_counted_one_by_one(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    email = await email_of(user)

    async def attempts() -> None:
        settings = {"search_path": "parley", "app.work": "on"}
        connection = await asyncpg.connect(database.runtime_url, server_settings=settings)
        for _ in range(8):
            await connection.execute("SELECT sign_in_failed($1, NULL)", email)
        await connection.close()

    await asyncio.gather(*(attempts() for _ in range(6)))
    assert await superuser.fetchval(FAILED, user.user_id) == 10


async def test_an_answer_does_not_wait_for_the_entry(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    """Otherwise the time that a refusal takes would tell whether there is such an account."""
    email = await email_of(user)
    async with superuser.transaction():
        await superuser.execute("SELECT FROM feeds WHERE user_id = $1 FOR UPDATE", user.user_id)
        refused = await serving.anonymous().mutate("signIn", email=email, password="wrong")
        assert refused["userErrors"][0]["code"] == "INVALID"
        assert await superuser.fetchval(FAILED, user.user_id) == 0
    await serving.gateway.resources.afterwards.done()
    assert await superuser.fetchval(FAILED, user.user_id) == 1


# --- what no mutation does yet


async def test_a_new_password_is_told_of_and_another_hash_of_the_old_one_is_not(
    user: Client, superuser: asyncpg.Connection
) -> None:
    new = f"new.{user.user_id}@example.org"
    async with superuser.transaction():
        await stamp(superuser, str(user.user_id))
        await superuser.execute("SELECT login_rehash($1)", argon2.PasswordHasher(1, 1024, 1).hash("the same"))
        await superuser.execute(
            "UPDATE logins SET password_hash = 'hash of a new one' WHERE user_id = $1", user.user_id
        )
        await superuser.execute("UPDATE users SET email = $2 WHERE user_id = $1", user.user_id, new)
    told, changed, first = await entries(user)
    assert [each["action"] for each in (told, changed, first)] == ["EMAIL_CHANGED", "PASSWORD_CHANGED", "SIGNED_IN"]
    assert told["changes"]["email"][1] == new
    assert changed | about("User", user.user_id) == changed
    assert "hash" not in json.dumps(changed)


@pytest.mark.parametrize(
    "forged", [None, "", "FORGED", "$argon2id$v=19$m=8,t=1,p=1$$", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$"]
)
async def test_what_is_no_hash_does_not_replace_one(
    database: Database, user: Client, superuser: asyncpg.Connection, forged: str | None
) -> None:
    async with unchanged(superuser, user.user_id), acting_as(database, user.user_id) as runtime:
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await runtime.execute("SELECT login_rehash($1)", forged)


# --- nobody changes it


WRITES = (
    "UPDATE audit_entries SET actor = 'system'",
    "UPDATE audit_entries SET created_at = created_at - interval '3 years'",
    "DELETE FROM audit_entries",
    "TRUNCATE audit_entries",
    "TRUNCATE users CASCADE",
)


@pytest.mark.parametrize("role", ["superuser", "parley_owner", "parley_runtime"])
@pytest.mark.parametrize("text", WRITES)
async def test_no_role_changes_or_removes_an_entry(
    user: Client, database: Database, role: str, text: str, superuser: asyncpg.Connection
) -> None:
    connection = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    try:
        await connection.execute("SELECT set_config('app.user_id', $1, false)", user.user_id)
        await connection.execute("SELECT set_config('app.work', 'on', false)")
        if role != "superuser":
            await connection.execute(f"SET ROLE {role}")
        refused = (
            "permission denied" if role == "parley_runtime" else "entries of the audit cannot be changed or removed"
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=refused):
            await connection.execute(text)
    finally:
        await connection.close()


async def test_the_runtime_role_writes_no_entry_of_its_own(user: Client, runtime: asyncpg.Connection) -> None:
    await stamp(runtime, str(user.user_id))
    text = "INSERT INTO audit_entries (user_id, action, entity, entity_id) VALUES ($1, 'purged', 'users', $1)"
    for asked in (text, "SELECT audit_write($1, 'purged', 'users', $1, '{}')"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            async with runtime.transaction():
                await runtime.execute(asked, user.user_id)


async def test_an_account_that_is_due_is_told_of_until_its_removal_begins(
    user: Client, runtime: asyncpg.Connection
) -> None:
    await stamp(runtime, str(user.user_id))
    await runtime.execute("UPDATE users SET deleted_at = now(), purge_at = now() - interval '1 day'")
    await runtime.execute("UPDATE user_settings SET share_usage_data = true")
    await runtime.execute("UPDATE users SET deleted_at = NULL, purge_at = NULL")
    found = await runtime.fetch("SELECT action FROM audit_entries ORDER BY created_at")
    assert [row["action"] for row in found][-2:] == ["account_deleted", "settings_changed"]


async def test_entries_go_after_two_years_and_not_before(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    await user.make("updateUserSettings", "userSettings", shareUsageData=True)
    await user.make("updateUserSettings", "userSettings", shareUsageData=False)
    await age(superuser, user, "signed_in", datetime.timedelta(days=735))
    await age(superuser, user, "settings_changed", datetime.timedelta(days=725))
    await ran(expire, database)
    assert [each["action"] for each in await entries(user)] == ["SETTINGS_CHANGED"] * 2


# --- reading it


async def test_the_list_is_filtered_by_action_time_and_object(user: Client) -> None:
    for shared in (True, False, True):
        await user.make("updateUserSettings", "userSettings", shareUsageData=shared)
    every = await entries(user)
    assert [each["action"] for each in every] == ["SETTINGS_CHANGED"] * 3 + ["SIGNED_IN"]
    assert await entries(user, action=["SIGNED_IN", "PURGED"]) == every[3:]
    assert await entries(user, createdFrom=every[1]["createdAt"]) == every[:2]
    assert await entries(user, createdBefore=every[1]["createdAt"]) == every[2:]
    assert await entries(user, entityId=[every[0]["entityId"]]) == every[:3]


async def test_a_client_that_follows_all_changes_hears_of_it(serving: Serving, user: Client) -> None:
    after = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    operation = """
        subscription($after: Cursor) {
          changes(after: $after, types: ["AuditEntry"]) { op node { ... on AuditEntry { action } } }
        }
    """
    async with user.socket() as socket, asyncio.timeout(30):
        events = await socket.subscribe(operation, after=after)
        await serving.anonymous().mutate("signIn", email=await email_of(user), password="wrong")
        assert (await anext(events))["changes"] == {"op": "CREATED", "node": {"action": "SIGN_IN_FAILED"}}


async def test_an_agent_is_named_by_its_token(user: Client, runtime: asyncpg.Connection) -> None:
    token = "0199a0e0-0000-7000-8000-000000000001"
    await stamp(runtime, str(user.user_id))
    await runtime.execute(
        "SELECT set_config('app.actor', 'agent', true), set_config('app.session_id', $1, true)", token
    )
    await runtime.execute("UPDATE user_settings SET share_usage_data = true")
    (entry,) = await runtime.fetch(
        "SELECT actor, session_id, agent_token_id::text, ip_address FROM audit_entries"
        " WHERE action = 'settings_changed'"
    )
    assert dict(entry) == {"actor": "agent", "session_id": None, "agent_token_id": token, "ip_address": None}


async def test_an_entry_costs_no_further_statement(user: Client) -> None:
    await user.check(
        "mutation { updateUserSettings(input: { shareUsageData: true }) { userErrors { code } } }",
        expect={"updateUserSettings": {"userErrors": []}},
        statements=1,
    )
    assert (await entries(user))[0]["changes"] == {"shareUsageData": [False, True]}
