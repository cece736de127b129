"""A provider key is used at the server that it was stored for, and at no other."""

from __future__ import annotations

import uuid

import asyncpg

from gateway.vault.sealing import CannotOpen
from tests.accounts.providers.test_provider_key import SECRET, make, opened
from tests.kit.serving import Client, Serving


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
    await user.make("replaceProviderKey", "providerKey", "id", id=made["id"], apiKey=SECRET)
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
    await make(user, providerConfigId=config, keyName="new", isDefault=True)
    assert await opens()
