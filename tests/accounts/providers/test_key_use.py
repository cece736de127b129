"""A key counts as used when it was sent to its provider: not when it was opened, and not when another replaced it."""

from __future__ import annotations

import asyncio
import socket
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg

from gateway.vault.provider_keys import OpenedKey, open_key, record_key_use
from tests.accounts.providers.test_provider_key import SECRET, make
from tests.kit.database import Database
from tests.kit.serving import Client, Serving, serving_on
from tests.work.running import working_for

USED = "{ viewer { providerKeys { nodes { lastUsedAt version } } } }"
ENTRIES = "{ viewer { auditEntries(filter: { action: [KEY_USED] }) { nodes { entityId } } } }"
TRY = "mutation($id: ID!) { testProviderKey(input: { id: $id }) { ok providerKey { lastUsedAt } } }"
MOVE = "UPDATE parley.provider_keys SET last_used_at = last_used_at - interval '2 minutes' WHERE user_id = $1"


async def opened(serving: Serving, user: Client) -> OpenedKey:
    found = await open_key(working_for(serving, user), "openai")
    assert found is not None
    return found


async def used(user: Client) -> Any:
    """When the user's only key was used."""
    (key,) = (await user.data(USED))["viewer"]["providerKeys"]["nodes"]
    return key["lastUsedAt"]


async def entries(user: Client) -> list[str]:
    """The keys of which the audit says that they were used."""
    return [each["entityId"] for each in (await user.data(ENTRIES))["viewer"]["auditEntries"]["nodes"]]


async def test_use_is_noted_once_a_minute_and_the_feed_does_not_tell_of_it(
    serving: Serving, user: Client, superuser: asyncpg.Connection
) -> None:
    id = (await make(user))["id"]
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    key, work = await opened(serving, user), working_for(serving, user)
    assert (await used(user), await entries(user)) == (None, [])
    await record_key_use(work, key)
    noted = await user.data(USED)
    await record_key_use(work, key)
    assert await user.data(USED) == noted
    await superuser.execute(MOVE, uuid.UUID(user.user_id))
    await record_key_use(work, key)
    assert await user.data(USED) != noted
    # The audit tells of the first use of a day, and the feed of the audit.
    assert set(await entries(user)) == {id}
    told = 'query($after: Cursor) { changes(after: $after, types: ["ProviderKey"]) { nodes { op } } }'
    await user.check(told, after=cursor, expect={"changes": {"nodes": []}})


async def test_a_key_that_replaces_another_is_another_key(serving: Serving, user: Client) -> None:
    id, work = (await make(user))["id"], working_for(serving, user)
    old = await opened(serving, user)
    await record_key_use(work, old)
    assert await entries(user) == [id]
    await user.make("replaceProviderKey", "providerKey", "id", id=id, apiKey="sk-the-newer-key-1234")
    assert (await used(user), await entries(user)) == (None, [id])
    # The call with the old one ended late.
    await record_key_use(work, old)
    assert (await used(user), await entries(user)) == (None, [id])
    for _ in range(2):
        await record_key_use(work, await opened(serving, user))
    assert await used(user) is not None
    assert await entries(user) == [id, id]


async def test_trying_a_key_uses_it_only_if_it_is_sent(database: Database, tmp_path: Path) -> None:
    """Whatever the provider does with it: here, it hangs up."""
    received: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    provider = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = provider.sockets[0].getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = nobody.getsockname()[1]
    async with provider, serving_on(database, tmp_path, allowed_networks="127.0.0.0/8") as allowing:
        user = await allowing.signed_up()
        config = await user.make("createProviderConfig", "providerConfig", "id", provider="openai")
        id = (await make(user, providerConfigId=config["id"]))["id"]

        async def tried(port: int) -> tuple[bool, bool]:
            """Whether the provider accepted the key, and whether it is used."""
            url = f"http://127.0.0.1:{port}/v1"
            await user.make("updateProviderConfig", "providerConfig", "id", id=config["id"], baseUrl=url)
            await user.make("replaceProviderKey", "providerKey", "id", id=id, apiKey=SECRET, server=url)
            data = (await user.data(TRY, id=id))["testProviderKey"]
            return data["ok"], data["providerKey"]["lastUsedAt"] is not None

        assert (await tried(closed), await entries(user)) == ((False, False), [])
        assert (await tried(port), await entries(user)) == ((False, True), [id])
        assert SECRET in received[0].decode()
        async with serving_on(database, tmp_path) as refusing:
            sent = len(received)
            elsewhere = replace(user, url=refusing.anonymous().url)
            server = f"http://127.0.0.1:{port}"
            await user.make("replaceProviderKey", "providerKey", "id", id=id, apiKey=SECRET, server=server)
            data = (await elsewhere.data(TRY, id=id))["testProviderKey"]
            assert (data["ok"], data["providerKey"]["lastUsedAt"]) == (False, None)
        assert (len(received), await entries(user)) == (sent, [id])
