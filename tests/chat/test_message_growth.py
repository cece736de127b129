"""Watching a message grow: the text comes once, whole and in order, from wherever, whatever becomes of signals."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.feed.signals import Signals
from tests.chat.growing import ODD, Watcher, append, appended, content, how_it_ends, started, watching
from tests.kit.database import Database
from tests.kit.serving import PATIENCE_SECONDS, Client, Serving, serving_on


async def test_an_answer_is_streamed_from_its_start_to_its_end(user: Client) -> None:
    id = await started(user, model="a-model")
    async with watching(user, id) as watcher:
        await appended(user, id, "Once ", "upon ", "a time.")
        ended = await user.make(
            "finishMessage",
            "message",
            "content status role tokenCount model finishReason processingMs providerMetadata seq",
            id=id,
            tokenCount=5,
            finishReason="stop",
            processingMs=1200,
            providerMetadata={"id": "x"},
        )
    assert ended == {
        "content": "Once upon a time.",
        "status": "COMPLETE",
        "role": "ASSISTANT",
        "tokenCount": 5,
        "model": "a-model",
        "finishReason": "stop",
        "processingMs": 1200,
        "providerMetadata": {"id": "x"},
        "seq": 1,
    }
    assert watcher.text == "Once upon a time."
    assert watcher.end == {"content": watcher.text, "status": "COMPLETE"}


async def test_offsets_are_counted_in_code_points(user: Client) -> None:
    id = await started(user)
    parts = [ODD[start : start + 3] for start in range(6, len(ODD), 3)]
    await appended(user, id, ODD[:6])
    async with watching(user, id) as watcher, watching(user, id, 4) as late:
        assert await appended(user, id, *parts, offset=6) == len(ODD)
        await user.make("finishMessage", "message", id=id)
    assert await content(user, id) == watcher.text == ODD
    assert late.text == ODD[4:]


async def test_a_place_that_the_message_does_not_reach_is_refused(user: Client) -> None:
    id = await started(user)
    await appended(user, id, "four")
    for offset in (-1, 5, 2**31 - 1):
        assert await how_it_ends(user, id, offset) == {"code": "BAD_REQUEST", "argument": "fromOffset"}
    assert (await how_it_ends(user, "no id", 0))["code"] == "INVALID"
    await user.make("finishMessage", "message", id=id)
    assert (await how_it_ends(user, id, 5))["code"] == "BAD_REQUEST"
    assert await asyncio.wait_for(Watcher(4).watch(user, id), PATIENCE_SECONDS) == ""
    assert await asyncio.wait_for(Watcher(1).watch(user, id), PATIENCE_SECONDS) == "our"


# --- several gateways


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Serving, Serving]]:
    """Two gateways that tell each other by the database."""
    async with two_gateways(database, tmp_path_factory.mktemp("pair"), "postgres:") as made:
        yield made


@asynccontextmanager
async def two_gateways(database: Database, directory: Path, broker: str) -> AsyncIterator[tuple[Serving, Serving]]:
    async with (
        serving_on(database, directory, broker_url=broker) as one,
        serving_on(database, directory, broker_url=broker) as other,
    ):
        yield one, other


def at(serving: Serving, client: Client) -> Client:
    """The same user at another gateway."""
    return Client(serving.http, serving.url, serving.statements, client.token, user_id=client.user_id)


async def test_who_watches_at_one_gateway_sees_what_is_appended_at_another(pair: tuple[Serving, Serving]) -> None:
    here = await pair[0].signed_up()
    there = at(pair[1], here)
    id = await started(here)
    async with watching(there, id) as watcher:
        offset = 0
        for text in ("one ", "two ", ODD, "x" * 16000, "€" * 3000):
            offset = await appended(here, id, text, offset=offset)
            await watcher.until(text)
        await here.make("finishMessage", "message", id=id)
    assert watcher.text == await content(there, id)


async def test_who_joins_anywhere_sees_the_rest_once_and_in_order(pair: tuple[Serving, Serving]) -> None:
    dice = random.Random(7)  # noqa: S311
    here = await pair[0].signed_up()
    clients = [here, at(pair[1], here)]
    id = await started(here)
    whole = "".join(dice.choice(ODD + "abcdefgh ") for _ in range(6000))
    watchers: list[tuple[Watcher, asyncio.Task[str]]] = []
    offset = 0
    while offset < len(whole):
        text = whole[offset : offset + dice.choice((1, 3, 30, 200))]
        payload = await append(dice.choice(clients), id, offset, text)
        assert payload["length"] == offset + len(text)
        offset = payload["length"]
        if dice.random() < 0.4 and len(watchers) < 25:
            watcher = Watcher(dice.randint(0, offset))
            watchers.append((watcher, asyncio.create_task(watcher.watch(dice.choice(clients), id))))
    await dice.choice(clients).make("finishMessage", "message", id=id)
    assert len(watchers) > 10
    async with asyncio.timeout(PATIENCE_SECONDS):
        for watcher, task in watchers:
            assert await task == whole[watcher.start :]


async def test_without_any_signal_everything_is_seen(database: Database, tmp_path: Path) -> None:
    async with two_gateways(database, tmp_path, "process:") as (one, other):
        here = await one.signed_up()
        there = at(other, here)
        id = await started(here)
        async with watching(there, id) as watcher:
            await appended(here, id, "nobody tells ")
            await watcher.until("nobody tells ")
            await appended(here, id, "but it is seen", offset=13)
            await watcher.until("seen")
            await here.make("cancelMessage", "message", id=id)
        assert watcher.text == "nobody tells but it is seen"


async def test_signals_that_are_lost_repeated_late_and_made_up_spoil_nothing(
    pair: tuple[Serving, Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(11)  # noqa: S311
    signals: Signals = pair[1].gateway.resources.signals
    deliver, held = signals.receive, list[bytes]()

    def mischief(user_id: uuid.UUID, message: bytes) -> None:
        held.extend(message for _ in range(dice.choice((0, 1, 1, 2))))
        topic, _, payload = message.partition(b"\n")
        lies = (payload[:16] + b'[0,"a lie"]', payload[:-3] + b'.."]', b'[0,"a lie"]', b"", b"\xff" * 20, stolen)
        held.append(topic + b"\n" + dice.choice(lies))
        dice.shuffle(held)
        while held and dice.random() < 0.6:
            deliver(user_id, held.pop())

    here = await pair[0].signed_up()
    other = await started(here)
    async with aclosing(signals.listen(uuid.UUID(here.user_id), f"growth:{other}")) as listening:
        await appended(here, other, "said elsewhere")
        stolen = await anext(listening)
    monkeypatch.setattr(signals, "receive", mischief)
    there = at(pair[1], here)
    id = await started(here)
    whole = "".join(dice.choice(ODD) for _ in range(900))
    async with watching(there, id) as watcher:
        await appended(here, id, *(whole[start : start + 9] for start in range(0, len(whole), 9)))
        await here.make("finishMessage", "message", id=id)
    assert watcher.text == whole
