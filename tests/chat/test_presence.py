"""Presence: each of a user's devices sees which of the others look at a conversation, and on which somebody types."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.refused import Refusal, only_refusal
from tests.kit.rows import unchanged
from tests.kit.serving import PASSWORD, PATIENCE_SECONDS, Client, Ended, Serving, serving_on

PRESENCE = "subscription($id: ID!) { presence(conversationId: $id) { devices { sessionId deviceName state since } } }"

Seen = set[tuple[str | None, str]]


@asynccontextmanager
async def watching(client: Client, conversation: str) -> AsyncIterator[AsyncIterator[list[dict[str, Any]]]]:
    """The lists of devices that a client is shown."""

    async def lists(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[list[dict[str, Any]]]:
        async for event in events:
            yield event["presence"]["devices"]

    async with client.socket() as socket:
        yield lists(await socket.subscribe(PRESENCE, id=conversation))


async def until(lists: AsyncIterator[list[dict[str, Any]]], wanted: Seen) -> list[dict[str, Any]]:
    """The first list with these devices in these states. What is on the way may come in several steps."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for devices in lists:
            if {(each["deviceName"], each["state"]) for each in devices} == wanted:
                return devices
    raise AssertionError("the subscription ended")


async def on(serving: Serving, user: Client, name: str) -> Client:
    """Another device of a user, at a gateway."""
    found = (await user.data("{ viewer { email } }"))["viewer"]["email"]
    device = serving.anonymous()
    values = {"email": found, "password": PASSWORD, "deviceName": name, "deviceId": name}
    device.token = (await device.mutate("signIn", "accessToken", **values))["accessToken"]
    device.user_id = user.user_id
    return device


async def conversation_of(user: Client) -> str:
    id: str = (await user.make("createConversation", "conversation"))["id"]
    return id


async def say(device: Client, conversation: str, state: str) -> None:
    payload = await device.mutate("signalPresence", "state seconds", conversationId=conversation, state=state)
    assert payload == {"state": state, "seconds": {"TYPING": 6}.get(state, 30), "userErrors": []}


async def test_devices_come_and_type_and_leave(serving: Serving, user: Client) -> None:
    conversation, phone, desk = await conversation_of(user), await on(serving, user, "phone"), None
    async with watching(phone, conversation) as lists:
        assert await anext(lists) == []
        await say(phone, conversation, "LOOKING")
        (here,) = await until(lists, {("phone", "LOOKING")})
        desk = await on(serving, user, "desk")
        await say(desk, conversation, "TYPING")
        first, second = await until(lists, {("phone", "LOOKING"), ("desk", "TYPING")})
        assert first == here
        assert first["sessionId"] != second["sessionId"]
        assert first["since"] < second["since"]
        await say(desk, conversation, "LOOKING")
        await until(lists, {("phone", "LOOKING"), ("desk", "LOOKING")})
        await say(desk, conversation, "AWAY")
        assert await until(lists, {("phone", "LOOKING")}) == [here]


async def test_who_looks_at_one_conversation_is_not_at_another(serving: Serving, user: Client) -> None:
    one, other = await conversation_of(user), await conversation_of(user)
    phone = await on(serving, user, "phone")
    await say(phone, one, "TYPING")
    await say(phone, other, "LOOKING")
    async with watching(user, one) as lists:
        await until(lists, {("phone", "TYPING")})
    async with watching(user, other) as lists:
        await until(lists, {("phone", "LOOKING")})


async def test_saying_it_again_asks_nothing_and_shows_nothing_new(serving: Serving, user: Client) -> None:
    conversation, phone, desk = (
        await conversation_of(user),
        await on(serving, user, "phone"),
        await on(serving, user, "d"),
    )
    await say(phone, conversation, "LOOKING")
    async with watching(user, conversation) as lists:
        before = await until(lists, {("phone", "LOOKING")})
        serving.statements.texts.clear()
        for _ in range(3):
            await say(phone, conversation, "LOOKING")
        assert serving.statements.texts == []
        await say(desk, conversation, "LOOKING")
        after = await anext(lists)
    assert after[0] == before[0]
    assert len(after) == 2


async def test_nothing_of_it_is_stored(user: Client, superuser: asyncpg.Connection) -> None:
    conversation = await conversation_of(user)
    async with unchanged(superuser, user.user_id):
        for state in ("LOOKING", "TYPING", "AWAY"):
            await say(user, conversation, state)
        async with watching(user, conversation) as lists:
            await anext(lists)


async def test_a_stranger_neither_speaks_nor_watches(user: Client, stranger: Client) -> None:
    conversation = await conversation_of(user)
    await say(user, conversation, "LOOKING")
    for id, code in ((conversation, "NOT_FOUND"), (str(uuid.uuid4()), "NOT_FOUND"), ("no id", "INVALID")):
        payload = await stranger.mutate("signalPresence", "state", conversationId=id, state="LOOKING")
        refusal = only_refusal(payload)
        assert (refusal.code, refusal.field) == (code, "conversationId")
        async with watching(stranger, id) as lists:
            with pytest.raises(Ended) as ended:
                await anext(lists)
        (error,) = ended.value.args[0]
        assert error["extensions"]["code"] == code
    payload = await stranger.mutate("signalPresence", "state", conversationId=conversation, state="LOOKING")
    reason = Refusal("NOT_FOUND", "conversationId", "There is no such conversation.")
    assert only_refusal(payload) == reason


async def test_a_device_at_another_gateway_learns_at_once_who_is_there(database: Database, tmp_path: Path) -> None:
    async with (
        serving_on(database, tmp_path, broker_url="postgres:") as one,
        serving_on(database, tmp_path, broker_url="postgres:") as other,
    ):
        user = await one.signed_up(deviceName="first")
        conversation = await conversation_of(user)
        await say(user, conversation, "LOOKING")
        desk = await on(other, user, "desk")
        async with watching(desk, conversation) as lists, watching(user, conversation) as back:
            await until(lists, {("first", "LOOKING")})
            await say(desk, conversation, "TYPING")
            await until(back, {("first", "LOOKING"), ("desk", "TYPING")})
            await say(user, conversation, "AWAY")
            await until(lists, {("desk", "TYPING")})


async def test_an_agent_is_present_under_the_name_of_its_token(serving: Serving, user: Client) -> None:
    agent = await user.agent("messages:write", name="Reviewer")
    conversation, phone = await conversation_of(user), await on(serving, user, "phone")
    async with watching(user, conversation) as lists:
        await say(phone, conversation, "LOOKING")
        await say(agent, conversation, "TYPING")
        devices = await until(lists, {("phone", "LOOKING"), ("Reviewer", "TYPING")})
    assert agent.agent_token_id in {each["sessionId"] for each in devices}
