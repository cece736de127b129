"""Deletion of an account: it ends at once, can be taken back for some days, and then nothing of it is left."""

from __future__ import annotations

import asyncio
import datetime
import json
from typing import Any

import asyncpg
import pytest

from resolvers.accounts.deletion import purge_accounts
from tests.kit.database import Database
from tests.kit.estate import Estate, make_estate
from tests.kit.refused import Refusal, only_refusal
from tests.kit.rows import rows_of, tables_naming
from tests.kit.serving import PASSWORD, Client, Ended, Serving
from tests.work.running import ran

OTHER = "a quite different passphrase"


async def delete(client: Client, **values: Any) -> dict[str, Any]:
    return await client.mutate("deleteAccount", "user { deletedAt purgeAt }", **{"password": PASSWORD, **values})


async def restore(serving: Serving, email: str, password: str = PASSWORD) -> dict[str, Any]:
    fields = "accessToken refreshToken user { id deletedAt purgeAt }"
    return await serving.anonymous().mutate("restoreAccount", fields, email=email, password=password)


async def email_of(client: Client) -> str:
    return str((await client.data("{ viewer { email } }"))["viewer"]["email"])


async def make_due(superuser: asyncpg.Connection, user_id: str | None) -> None:
    async with superuser.transaction():
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", user_id)
        await superuser.execute(
            "UPDATE users SET purge_at = clock_timestamp() - interval '1 second' WHERE user_id = $1", user_id
        )


async def test_a_deleted_account_can_be_restored_with_its_password(serving: Serving, user: Client) -> None:
    email, id = await email_of(user), await user.make("createConversation", "conversation", title="Kept")
    told = (await delete(user, graceDays=3))["user"]
    deleted, purged = (datetime.datetime.fromisoformat(told[name]) for name in ("deletedAt", "purgeAt"))
    assert purged - deleted == pytest.approx(datetime.timedelta(days=3), abs=datetime.timedelta(seconds=1))
    refused = await user.run("{ viewer { id } }")
    assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    signed_in = await serving.anonymous().mutate("signIn", "user { id }", email=email, password=PASSWORD)
    reason = f"This account is deleted. You can restore it with restoreAccount until {purged:%Y-%m-%d %H:%M} UTC."
    assert only_refusal(signed_in) == Refusal("CONFLICT", None, reason)
    again = await serving.anonymous().mutate("signUp", "user { id }", email=email, password=PASSWORD)
    assert again["userErrors"][0]["message"] == reason
    restored = await restore(serving, email)
    assert restored["user"] == {"id": user.user_id, "deletedAt": None, "purgeAt": None}
    user.token = restored["accessToken"]
    found = await user.data("{ viewer { conversations { nodes { id } } } }")
    assert found["viewer"]["conversations"]["nodes"] == [{"id": id["id"]}]
    assert (await restore(serving, email))["user"]["id"] == user.user_id, "sent again, it signs in again"


async def test_all_sessions_of_a_deleted_account_end(serving: Serving, user: Client) -> None:
    email = await email_of(user)
    other = serving.anonymous()
    signed_in = await other.mutate("signIn", "accessToken refreshToken", email=email, password=PASSWORD)
    other.token = signed_in["accessToken"]
    async with other.socket() as socket:
        events = await socket.subscribe("subscription { tagChanged { cursor } }")
        await delete(user)
        with pytest.raises(Ended, match="closed with 4403: signed out"):
            await anext(events)
    assert (await other.run("{ viewer { id } }"))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    refreshed = await serving.anonymous().mutate(
        "refreshSession", "accessToken", refreshToken=signed_in["refreshToken"]
    )
    assert refreshed["userErrors"][0]["message"] == "This session has ended: sign in again."
    restored = await restore(serving, email)
    user.token = restored["accessToken"]
    nodes = (await user.data("{ viewer { sessions { nodes { isCurrent revokedReason } } } }"))["viewer"]["sessions"][
        "nodes"
    ]
    assert sorted((each["isCurrent"], each["revokedReason"]) for each in nodes) == [
        (False, "account_deleted"),
        (False, "account_deleted"),
        (True, None),
    ]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"password": OTHER}, "password"),
        ({"password": ""}, "password"),
        ({"graceDays": 31}, "graceDays"),
        ({"graceDays": -1}, "graceDays"),
    ],
    ids=["wrong", "empty", "long", "negative"],
)
async def test_a_deletion_that_is_refused_deletes_nothing(user: Client, values: dict[str, Any], field: str) -> None:
    refused = await delete(user, **values)
    assert [error["field"] for error in refused["userErrors"]] == [[field]]
    assert (await user.data("{ viewer { deletedAt purgeAt } }"))["viewer"] == {"deletedAt": None, "purgeAt": None}


async def test_only_the_owner_restores_an_account(serving: Serving, user: Client) -> None:
    email = await email_of(user)
    await delete(user)
    wrong = "The e-mail address or the password is wrong."
    for address, password in ((email, OTHER), (f"x{email}", PASSWORD)):
        payload = await restore(serving, address, password)
        assert [error["message"] for error in payload["userErrors"]] == [wrong]
    assert (await restore(serving, email))["user"]["deletedAt"] is None


@pytest.mark.parametrize("most", [1, 7, 1000])
async def test_nothing_is_left_of_an_account_whose_time_is_over(
    serving: Serving, database: Database, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    estate, other = [await make_estate(serving, superuser) for _ in range(2)]
    before = await rows_of(superuser, other.user_id)
    await chained(estate)
    assert len(await tables_naming(superuser, estate.user_id)) > 12
    await delete(estate.client, graceDays=0)
    monkeypatch.setattr("resolvers.accounts.deletion.MOST_ROWS", most)
    await ran(purge_accounts, database)
    assert await tables_naming(superuser, estate.user_id) == []
    assert await tables_naming(superuser, estate.canary) == []
    assert await rows_of(superuser, other.user_id) == before
    anew = await serving.signed_up(email=estate.email)
    assert anew.user_id != estate.user_id


async def chained(estate: Estate) -> None:
    """Add messages of which each replies to the one before it."""
    parent = estate.ids["Message"][0]
    for _ in range(5):
        values = {"conversationId": estate.ids["Conversation"][0], "role": "USER", "content": estate.canary}
        parent = (await estate.client.make("addMessage", "message", **values, parentId=parent))["id"]


async def test_an_account_is_kept_until_its_time_is_over(
    serving: Serving, user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    email = await email_of(user)
    await delete(user, graceDays=1)
    before = await rows_of(superuser, user.user_id)
    await ran(purge_accounts, database)
    assert await rows_of(superuser, user.user_id) == before
    await make_due(superuser, user.user_id)
    late = await restore(serving, email)
    reason = "This account is being removed permanently. In some minutes, its address is free again."
    assert only_refusal(late) == Refusal("CONFLICT", None, reason)
    await ran(purge_accounts, database)
    assert await rows_of(superuser, user.user_id) == {}


async def test_a_removal_goes_on_where_another_process_stopped(
    serving: Serving, database: Database, superuser: asyncpg.Connection
) -> None:
    estates = [await make_estate(serving, superuser) for _ in range(2)]
    for estate in estates:
        await delete(estate.client, graceDays=0)
    runtime = await asyncpg.connect(database.runtime_url, server_settings={"app.work": "on"})
    try:
        for _ in range(3):
            await runtime.fetch("SELECT * FROM account_purge(5)")
    finally:
        await runtime.close()
    await asyncio.gather(*(ran(purge_accounts, database) for _ in range(3)))
    for estate in estates:
        assert await tables_naming(superuser, estate.user_id) == []


async def test_only_background_work_removes_accounts(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    await delete(user, graceDays=0)
    before = json.dumps(await rows_of(superuser, user.user_id))
    runtime = await asyncpg.connect(database.runtime_url)
    try:
        await runtime.execute("SELECT set_config('app.user_id', $1, false)", user.user_id)
        assert await runtime.fetch("SELECT * FROM account_purge(5)") == []
        assert await runtime.fetch("SELECT * FROM users_to_purge($1, now())", user.user_id) == []
    finally:
        await runtime.close()
    assert json.dumps(await rows_of(superuser, user.user_id)) == before
