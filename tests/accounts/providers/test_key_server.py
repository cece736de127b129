"""A provider key is used at the server that it was stored for, and at no other."""

from __future__ import annotations

import uuid
from pathlib import Path

import asyncpg
import pytest

from gateway.vault.sealing import CannotOpen
from tests.accounts.providers.test_provider_key import SECRET, make, opened, refused
from tests.kit.database import Database
from tests.kit.refused import Refusal
from tests.kit.serving import Client, Serving, serving_on


async def test_a_key_does_not_leave_for_another_server_than_the_one_it_was_stored_for(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    """Whoever changes the base URL, by the API or in the database."""
    made = await make(user, "id config { id }", provider="custom")
    config = made["config"]["id"]
    tried = "mutation($id: ID!) { testProviderKey(input: {id: $id}) { ok message } }"

    async def move(url: str | None) -> None:
        await user.make("updateProviderConfig", "providerConfig", "id", id=config, baseUrl=url)

    async def opens() -> bool:
        try:
            return await opened(serving, user, "custom") == SECRET
        except CannotOpen:
            data = (await user.data(tried, id=made["id"]))["testProviderKey"]
            assert (data["ok"], "The stored key cannot be opened" in data["message"]) == (False, True)
            return False

    assert await opens()
    await move("https://one.example.org/v1")
    assert not await opens()
    values = {"id": made["id"], "apiKey": SECRET, "server": "https://one.example.org"}
    await user.make("replaceProviderKey", "providerKey", "id", **values)
    assert await opens()
    for same in ("https://ONE.example.org:443/v2", "https://one.example.org"):
        await move(same)
        assert await opens()
    for other in (
        "https://one.example.org:8443/v1",
        "https://two.example.org/v1",
        "https://one.example.org.evil.example",
        None,
    ):
        await move(other)
        assert not await opens()
    await move("https://one.example.org/v1")
    assert await opens()
    evil = "UPDATE parley.provider_configs SET base_url = 'https://evil.example.org' WHERE user_id = $1"
    await superuser.execute(evil, uuid.UUID(user.user_id))
    assert not await opens()
    # A key that is stored from now on is one for this server.
    await make(user, providerConfigId=config, keyName="new", isDefault=True, server="https://evil.example.org/")
    assert await opens()


PLANTED = "http://127.0.0.1:9"
SENT = f"Keys of openai are sent to {PLANTED}, its baseUrl"
WHY = {
    None: f"{SENT}, and not to https://api.openai.com. If that is right, set the server.",
    "https://api.openai.com/v1": f"{SENT}, and the server is https://api.openai.com.",
    "http://127.0.0.1:99": f"{SENT}, and the server is http://127.0.0.1:99.",
    "https://127.0.0.1:9": f"{SENT}, and the server is https://127.0.0.1:9.",
    f"{PLANTED}@api.openai.com": f"{SENT}, and the server is {PLANTED}@api.openai.com.",
    "api.openai.com": "A server is written as https://api.example.com.",
    "https://": "A server is written as https://api.example.com.",
}
"""Why a key is refused, by the server that the person who gives it sees."""


@pytest.mark.parametrize("server", WHY, ids=str)
async def test_a_key_is_not_stored_for_a_base_url_that_the_person_does_not_name(
    database: Database, tmp_path: Path, server: str | None
) -> None:
    """Somebody else may have set it, to get the next key."""
    why = Refusal("INVALID", "server", WHY[server])
    async with serving_on(database, tmp_path, allowed_networks="127.0.0.0/8") as serving:
        user = await serving.signed_up()
        key = (await make(user))["id"]
        config = (await user.data("{ viewer { providerConfigs { nodes { id } } } }"))["viewer"]["providerConfigs"]
        (id,) = (each["id"] for each in config["nodes"])
        await user.make("updateProviderConfig", "providerConfig", "id", id=id, baseUrl=f"{PLANTED}/v1")
        given = {} if server is None else {"server": server}
        for name, values in (
            ("createProviderKey", {"provider": "openai", "keyName": "by provider"}),
            ("createProviderKey", {"providerConfigId": id, "keyName": "by configuration"}),
            ("replaceProviderKey", {"id": key}),
        ):
            assert await refused(user, name, apiKey=SECRET, **values, **given) == why
            await user.make(name, "providerKey", "id", apiKey=SECRET, **values, server=f"{PLANTED.upper()}/v2")


async def test_the_server_of_a_provider_without_a_base_url_may_be_named(user: Client) -> None:
    made = await make(user, server="https://API.openai.com:443")
    sent = Refusal(
        "INVALID", "server", "Keys of openai are sent to https://api.openai.com, and the server is http://x."
    )
    assert await refused(user, "createProviderKey", apiKey=SECRET, provider="openai", server="http://x/y") == sent
    assert await refused(user, "replaceProviderKey", apiKey=SECRET, id=made["id"], server="http://x/y") == sent
    unknown = Refusal("INVALID", "server", "custom has no baseUrl yet, and the server is http://x.")
    assert await refused(user, "createProviderKey", apiKey=SECRET, provider="custom", server="http://x/y") == unknown


async def test_a_retry_is_answered_also_when_the_base_url_has_changed(user: Client) -> None:
    values = {"id": str(uuid.uuid4())}
    made = await make(user, "id version config { id }", **values)
    config, url = made["config"]["id"], "https://one.example.org/v1"
    await user.make("updateProviderConfig", "providerConfig", "id", id=config, baseUrl=url)
    assert await make(user, "id version config { id }", **values) == made
