"""Provider keys: stored sealed, used by the gateway, and never read back."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import web

from gateway.vault.provider_keys import open_key
from gateway.vault.sealing import CannotOpen
from tests.kit.database import Database
from tests.kit.refused import Refusal, only_refusal, refusals
from tests.kit.rows import unchanged
from tests.kit.runtime import acting_as
from tests.kit.serving import Client, Serving, first, serving_on
from tests.work.running import working_for

KEY = "provider keyName lastFour isActive isDefault lastUsedAt expiresAt deletedAt"
SECRET = "sk-test-0123456789abcdef"


async def make(client: Client, selection: str = "id", /, **values: Any) -> dict[str, Any]:
    values = {"apiKey": SECRET, **({} if "providerConfigId" in values else {"provider": "openai"}), **values}
    return await client.make("createProviderKey", "providerKey", selection, **values)


async def refused(client: Client, name: str, /, **values: Any) -> Refusal:
    payload = await client.mutate(name, "providerKey { id }", **values)
    return only_refusal(payload)


async def opened(serving: Serving, client: Client, provider: str = "openai") -> str | None:
    """The key that a job of the user gets."""
    found = await open_key(working_for(serving, client), provider)
    return None if found is None else found.secret.reveal()


async def test_a_key_is_stored_and_used_and_never_returned(serving: Serving, user: Client) -> None:
    made = await make(user, f"id {KEY} config {{ provider isActive isDefault }}")
    assert made.pop("id")
    assert made == {
        "provider": "openai",
        "keyName": "My API Key",
        "lastFour": "cdef",
        "isActive": True,
        "isDefault": False,
        "lastUsedAt": None,
        "expiresAt": None,
        "deletedAt": None,
        "config": {"provider": "openai", "isActive": True, "isDefault": False},
    }
    assert await opened(serving, user) == SECRET
    keys = await user.data("{ viewer { providerKeys { nodes { config { currentKey { lastFour } } } } } }")
    assert keys["viewer"]["providerKeys"]["nodes"] == [{"config": {"currentKey": {"lastFour": "cdef"}}}]


async def test_keys_of_strangers_are_not_opened(serving: Serving, user: Client, stranger: Client) -> None:
    await make(user)
    assert await opened(serving, stranger) is None


async def test_a_short_key_shows_none_of_its_characters(user: Client) -> None:
    assert (await make(user, "lastFour", apiKey="12345678901"))["lastFour"] == ""


@pytest.mark.parametrize("key", ["", "with space", "tab\t", "ключ", "x" * 1001, "line\n"])
async def test_what_is_no_key_is_refused_without_quoting_it(user: Client, key: str) -> None:
    refusal = await refused(user, "createProviderKey", provider="openai", apiKey=key)
    message = "An API key has 1 to 1000 visible ASCII characters, without spaces."
    assert refusal == Refusal("INVALID", "apiKey", message)


async def test_a_key_needs_its_provider_or_its_configuration(user: Client, stranger: Client) -> None:
    either = Refusal("INVALID", "provider", "Set either the provider or the configuration.")
    config = (await user.make("createProviderConfig", "providerConfig", "id", provider="groq"))["id"]
    assert await refused(user, "createProviderKey", apiKey=SECRET) == either
    assert await refused(user, "createProviderKey", apiKey=SECRET, provider="groq", providerConfigId=config) == either
    missing = Refusal("NOT_FOUND", "providerConfigId", "There is no such provider configuration.")
    assert await refused(stranger, "createProviderKey", apiKey=SECRET, providerConfigId=config) == missing
    made = await make(user, "provider config { id }", providerConfigId=config)
    assert made == {"provider": "groq", "config": {"id": config}}
    wrong = "A provider has 1 to 50 lower-case letters, digits, hyphens or underscores."
    assert await refused(user, "createProviderKey", apiKey=SECRET, provider="Open AI") == Refusal(
        "INVALID", "provider", wrong
    )


async def test_a_retry_returns_the_key_and_another_key_is_a_conflict(user: Client) -> None:
    id = str(uuid.uuid4())
    for _ in range(2):
        assert (await make(user, "id", id=id, keyName="one"))["id"] == id
    taken = Refusal("CONFLICT", "id", "This id already belongs to an object with different values.")
    for different in ({"apiKey": SECRET + "x"}, {"keyName": "two"}, {"provider": "mistral"}):
        values = {"id": id, "apiKey": SECRET, "provider": "openai", "keyName": "one", **different}
        assert await refused(user, "createProviderKey", **values) == taken
    keys = (await user.data("{ viewer { providerKeys { nodes { id } } } }"))["viewer"]["providerKeys"]["nodes"]
    assert keys == [{"id": id}]


async def test_first_keys_made_at_once_share_a_configuration_and_a_data_key(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    made = await asyncio.gather(*(make(user, "config { id }", keyName=f"key {n}") for n in range(10)))
    assert len({each["config"]["id"] for each in made}) == 1
    of_user = uuid.UUID(user.user_id)
    assert await superuser.fetchval("SELECT count(*) FROM parley.data_keys WHERE user_id = $1", of_user) == 1
    assert await opened(serving, user) == SECRET


async def test_the_key_that_calls_use(serving: Serving, user: Client, superuser: asyncpg.Connection) -> None:
    async def current() -> Any:
        shown = "{ viewer { providerConfigs { nodes { currentKey { keyName } } } } }"
        (config,) = (await user.data(shown))["viewer"]["providerConfigs"]["nodes"]
        name = None if config["currentKey"] is None else config["currentKey"]["keyName"]
        assert await opened(serving, user) == (None if name is None else f"sk-{name}-0123456789")
        return name

    ids = {
        name: (await make(user, "id", keyName=name, apiKey=f"sk-{name}-0123456789"))["id"]
        for name in ("old", "middle", "new")
    }

    async def update(name: str, **values: Any) -> None:
        await user.make("updateProviderKey", "providerKey", "id", id=ids[name], **values)

    assert await current() == "new"
    await update("old", isDefault=True)
    assert await current() == "old"
    await update("middle", isDefault=True)
    assert await current() == "middle"
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        past = "UPDATE provider_keys SET expires_at = clock_timestamp() WHERE id = $1"
        await superuser.execute(past, uuid.UUID(ids["middle"]))
    assert await current() == "new"
    await update("new", isActive=False)
    assert await current() == "old"
    await user.make("deleteProviderKey", "providerKey", "id", id=ids["old"])
    assert await current() is None
    await update("middle", expiresAt=None)
    assert await current() == "middle"


async def test_currents_and_models_of_a_level_take_one_statement_each(user: Client) -> None:
    for provider in ("openai", "mistral", "groq"):
        await make(user, provider=provider)
    email = (await user.data("{ viewer { email } }"))["viewer"]["email"]
    query = "{ viewer { email providerConfigs { nodes { provider currentKey { lastFour } models { modelId } } } } }"
    shown: list[Any] = [
        {"provider": provider, "currentKey": {"lastFour": "cdef"}, "models": []}
        for provider in ("groq", "mistral", "openai")
    ]
    expect = {"viewer": {"email": email, "providerConfigs": {"nodes": shown}}}
    await user.check(query, expect=expect, statements=4)


async def test_a_replaced_key_is_the_one_that_is_used(serving: Serving, user: Client) -> None:
    made = await make(user, "id version")
    new = "sk-new-key-0123456789-wxyz"
    replaced = await user.make("replaceProviderKey", "providerKey", "lastFour version", id=made["id"], apiKey=new)
    assert replaced["lastFour"] == "wxyz"
    assert await opened(serving, user) == new
    stale = await refused(user, "replaceProviderKey", id=made["id"], apiKey=new, expectedVersion=made["version"])
    assert stale.field == "expectedVersion"


async def test_replacements_at_once_leave_one_that_opens(serving: Serving, user: Client) -> None:
    id = (await make(user))["id"]
    keys = [f"sk-replacement-{n:04}" for n in range(8)]
    await asyncio.gather(*(user.mutate("replaceProviderKey", "providerKey { id }", id=id, apiKey=key) for key in keys))
    assert await opened(serving, user) in keys


async def test_a_deleted_key_is_destroyed_and_does_not_come_back(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    id = (await make(user))["id"]
    sealed = "SELECT count(*) FROM parley.sealed_secrets WHERE row_id = $1"
    assert await superuser.fetchval(sealed, uuid.UUID(id)) == 1
    deleted = await user.make("deleteProviderKey", "providerKey", "deletedAt", id=id)
    assert deleted["deletedAt"] is not None
    assert await superuser.fetchval(sealed, uuid.UUID(id)) == 0
    assert await opened(serving, user) is None
    shown = await user.data("{ viewer { providerKeys { nodes { id } } trash { nodes { id } } } }")
    assert shown == {"viewer": {"providerKeys": {"nodes": []}, "trash": {"nodes": []}}}
    restore = "mutation($id: ID!) { restore(input: {id: $id}) { userErrors { code field message } } }"
    (refusal,) = refusals(await user.run(restore, id=id))
    assert refusal.code == "NOT_FOUND"
    async with unchanged(superuser, user.user_id):
        for name, values in (("replaceProviderKey", {"apiKey": SECRET}), ("updateProviderKey", {"isActive": False})):
            assert (await refused(user, name, id=id, **values)).code == "CONFLICT"
    # Its name is free again.
    assert (await make(user, "keyName"))["keyName"] == "My API Key"


async def test_a_configuration_comes_back_from_the_trash_without_its_keys(serving: Serving, user: Client) -> None:
    made = await make(user, "id config { id }")
    config = made["config"]["id"]
    await user.make("deleteProviderConfig", "providerConfig", "id", id=config)
    assert await opened(serving, user) is None
    restored = await user.make(
        "restoreProviderConfig", "providerConfig", "deletedAt keys { nodes { id } } currentKey { id }", id=config
    )
    assert restored == {"deletedAt": None, "keys": {"nodes": []}, "currentKey": None}
    key = await user.data("query($id: ID!) { providerKey(id: $id) { deletedAt } }", id=made["id"])
    assert key["providerKey"]["deletedAt"] is not None
    assert await opened(serving, user) is None


async def test_own_keys_are_used_only_while_there_is_one(user: Client) -> None:
    async def flag() -> Any:
        return (await user.data("{ viewer { usesOwnApiKey } }"))["viewer"]["usesOwnApiKey"]

    async def turn_on() -> Any:
        payload = await user.mutate("updateUser", "user { usesOwnApiKey }", usesOwnApiKey=True)
        return refusals(payload)

    none = [Refusal("INVALID", "usesOwnApiKey", "Add a provider key first.")]
    assert await turn_on() == none
    first_key, second = [(await make(user, "id", keyName=name))["id"] for name in ("one", "two")]
    assert await turn_on() == []
    await user.make("deleteProviderKey", "providerKey", "id", id=first_key)
    assert await flag() is True
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    await user.make("updateProviderKey", "providerKey", "id", id=second, isActive=False)
    assert await flag() is False
    async with user.socket() as socket:
        events = await socket.subscribe(
            "subscription($c: Cursor) { userChanged(after: $c) { user { usesOwnApiKey } } }", c=cursor
        )
        assert await first(events, 1) == [{"userChanged": {"user": {"usesOwnApiKey": False}}}]
    assert await turn_on() == none
    await user.make("updateProviderKey", "providerKey", "id", id=second, isActive=True)
    assert await turn_on() == []
    config = (await user.data("{ viewer { providerConfigs { nodes { id } } } }"))["viewer"]["providerConfigs"]["nodes"]
    await user.make("deleteProviderConfig", "providerConfig", "id", id=config[0]["id"])
    assert await flag() is False


async def test_own_keys_are_not_used_once_they_have_expired(user: Client, superuser: asyncpg.Connection) -> None:
    """The truth at each moment, although nothing is written when a key expires."""

    async def flags() -> list[Any]:
        found = await user.data(
            "query($id: ID!) { viewer { usesOwnApiKey } node(id: $id) { ... on User { usesOwnApiKey } } }",
            id=user.user_id,
        )
        return [found["viewer"]["usesOwnApiKey"], found["node"]["usesOwnApiKey"]]

    id = (await make(user))["id"]
    turned = await user.make("updateUser", "user", "usesOwnApiKey", usesOwnApiKey=True)
    assert turned == {"usesOwnApiKey": True}
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")  # as if time had passed
        await superuser.execute("UPDATE provider_keys SET expires_at = created_at WHERE id = $1", uuid.UUID(id))
    assert await flags() == [False, False]
    assert await user.make("updateUser", "user", "usesOwnApiKey", locale="en-GB") == {"usesOwnApiKey": False}
    payload = await user.mutate("updateUser", "user { usesOwnApiKey }", usesOwnApiKey=True)
    assert refusals(payload) == [Refusal("INVALID", "usesOwnApiKey", "Add a provider key first.")]
    # The user still wants it, and another key makes it possible.
    await make(user, keyName="another")
    assert await flags() == [True, True]


async def test_an_older_sealed_text_that_is_put_back_does_not_open(
    serving: Serving, user: Client, superuser: asyncpg.Connection, database: Database
) -> None:
    """As the role that serves requests may do it, or as somebody does who can write the table of sealed texts."""
    id = uuid.UUID((await make(user))["id"])
    old = await superuser.fetchval("SELECT sealed FROM parley.sealed_secrets WHERE row_id = $1", id)
    await user.make("replaceProviderKey", "providerKey", "id", id=str(id), apiKey="sk-the-newer-key-1234")
    await superuser.execute("UPDATE parley.sealed_secrets SET sealed = $1 WHERE row_id = $2", old, id)
    with pytest.raises(CannotOpen):
        await opened(serving, user)
    async with acting_as(database, user.user_id) as runtime:
        put_back = "UPDATE provider_keys SET sealed_key = $1 WHERE user_id = $2 AND id = $3"
        await runtime.execute(put_back, old, uuid.UUID(user.user_id), id)
        for column in ("sealed_key_generation", "provider", "provider_config_id", "last_used_at"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await runtime.execute(f"UPDATE provider_keys SET {column} = {column}")  # noqa: S608
        for text in ("SELECT * FROM sealed_secrets", "SELECT * FROM data_keys", "SELECT * FROM key_encryption_keys"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await runtime.execute(text)
    with pytest.raises(CannotOpen):
        await opened(serving, user)


async def test_each_change_reaches_a_subscriber_of_the_configuration(user: Client) -> None:
    config = (await make(user, "config { id }"))["config"]["id"]
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    await make(user, provider="groq")
    id = (await make(user, "id", keyName="watched"))["id"]
    await user.make("replaceProviderKey", "providerKey", "id", id=id, apiKey="sk-another-key-123456")
    await user.make("deleteProviderKey", "providerKey", "id", id=id)
    subscription = (
        "subscription($c: Cursor, $config: ID) { providerKeyChanged(after: $c, providerConfigId: $config)"
        " { op providerKey { id lastFour } } }"
    )
    async with user.socket() as socket:
        events = await socket.subscribe(subscription, c=cursor, config=config)
        got = [event["providerKeyChanged"] for event in await first(events, 3)]
    assert [event["op"] for event in got] == ["CREATED", "UPDATED", "DELETED"]
    assert {event["providerKey"]["id"] for event in got} == {id}


async def test_a_key_is_tried_at_the_provider(serving: Serving, tmp_path: Path, database: Database) -> None:
    """With headers of the provider, at the address of the configuration, and without a word of the answer."""
    asked: list[web.Request] = []
    status = 200

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(status=status, text="canary of the provider", headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/"
    tried = "mutation($id: ID!) { testProviderKey(input: {id: $id}) { ok status message providerKey { lastUsedAt } } }"
    async with serving_on(database, tmp_path, allowed_networks="127.0.0.0/8") as allowing:
        user = await allowing.signed_up()
        ids = {}
        for provider in ("openai", "anthropic"):
            config = await user.make("createProviderConfig", "providerConfig", "id", provider=provider, baseUrl=base)
            ids[provider] = (await make(user, providerConfigId=config["id"], server=base))["id"]

        async def outcome(provider: str = "openai") -> tuple[Any, ...]:
            data = (await user.data(tried, id=ids[provider]))["testProviderKey"]
            assert data["providerKey"]["lastUsedAt"] is not None
            assert "canary" not in str(data)
            return data["ok"], data["status"], data["message"]

        accepted = (True, 200, "The provider accepts the key.")
        assert await outcome() == accepted
        assert await outcome("anthropic") == accepted
        assert [request.path for request in asked] == ["/v1/models"] * 2
        assert asked[0].headers["Authorization"] == f"Bearer {SECRET}"
        assert (asked[1].headers["x-api-key"], "Authorization" in asked[1].headers) == (SECRET, False)
        for status, message in (
            (401, "The provider refuses the key."),
            (302, "The address leads to another one, which is not followed."),
            (404, "The provider has no list of models at this address."),
            (418, "The provider does not understand the request."),
            (500, "The provider has a fault at the moment."),
        ):
            assert await outcome() == (False, status, message)
        assert {request.path for request in asked} == {"/v1/models"}
        await runner.cleanup()
        ok, status_, message = await outcome()
        assert (ok, status_, message.startswith("It cannot be reached")) == (False, None, True)
        unknown = (await make(user, provider="nobody-knows"))["id"]
        data = (await user.data(tried, id=unknown))["testProviderKey"]
        assert (data["ok"], data["status"], "Set the baseUrl" in data["message"]) == (False, None, True)
        # What was allowed once is checked again when it is used.
        async with serving_on(database, tmp_path) as refusing:
            user.url = refusing.anonymous().url
            ok, status_, message = await outcome()
            assert (ok, status_, "not a public address" in message) == (False, None, True)
        stranger = await allowing.signed_up()
        refusal = refusals(
            await stranger.run(tried.replace(" ok", " userErrors { code field message } ok"), id=unknown)
        )
        assert refusal == [Refusal("NOT_FOUND", "id", "There is no such provider key.")]
