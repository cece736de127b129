"""Nobody receives events of another user: every subscription is tried as a stranger, also while both users write."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from graphql import get_named_type

from tests.kit.estate import Estate, Scene, furnish, make_estate
from tests.kit.generated import field_selection, fields_of
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Ended, first

SCHEMA = graphql_schema()
SUBSCRIPTIONS = fields_of(SCHEMA.subscription_type)
FOLLOWING = [name for name, field in SUBSCRIPTIONS.items() if "after" in field.args]
"""The subscriptions that follow the feed."""
NARROWED = [
    (name, argument)
    for name, field in SUBSCRIPTIONS.items()
    for argument, of in field.args.items()
    if get_named_type(of.type).name == "ID"
]
"""The id arguments that narrow a subscription to one object."""


def subscription(name: str, **arguments: str | None) -> str:
    """A subscription that selects everything, with those of the arguments that it takes."""
    taken = {
        key: content for key, content in arguments.items() if content is not None and key in SUBSCRIPTIONS[name].args
    }
    text = ", ".join(f"{key}: {json.dumps(content)}" for key, content in taken.items())
    return f"subscription {{ {name}{field_selection(SUBSCRIPTIONS[name], depth=2, arguments=text)} }}"


def id_for(argument: str, estate: Estate) -> str:
    """The id of an object that an argument can refer to."""
    kind = argument.removesuffix("Id")
    return estate.ids[kind[0].upper() + kind[1:]][0]


@pytest.mark.parametrize("after", [None, "1.0"])
@pytest.mark.parametrize(("name", "argument"), NARROWED)
async def test_a_stranger_cannot_watch_what_is_the_victims(
    scene: Scene, name: str, argument: str, after: str | None
) -> None:
    operation = subscription(name, **{argument: id_for(argument, scene.victim), "after": after})
    for client, code in ((scene.stranger.client, "NOT_FOUND"), (scene.serving.anonymous(), "UNAUTHENTICATED")):
        async with client.socket() as socket:
            with pytest.raises(Ended) as ended:
                await first(await socket.subscribe(operation), 1)
        (error,) = ended.value.args[0]
        assert error["extensions"]["code"] == code
        assert scene.victim.canary not in json.dumps(error)


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_who_is_nobody_cannot_watch(scene: Scene, name: str) -> None:
    ids = {argument: id_for(argument, scene.victim) for field, argument in NARROWED if field == name}
    for after in (None, "1.0"):
        async with scene.serving.anonymous().socket() as socket:
            with pytest.raises(Ended) as ended:
                await first(await socket.subscribe(subscription(name, after=after, **ids)), 1)
        assert [error["extensions"]["code"] for error in ended.value.args[0]] == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("name", FOLLOWING)
async def test_a_stranger_watches_their_own_from_the_beginning(scene: Scene, name: str) -> None:
    """The cursor is also valid in the victim's feed, which has further changes after it."""
    for event in await watched(scene.stranger.client, subscription(name, after="1.0"), 2):
        check_own(scene, event, await scene.ids_of_the_stranger())


@pytest.mark.parametrize("name", FOLLOWING)
async def test_a_stranger_watches_their_own_from_now_on(scene: Scene, name: str) -> None:
    """Both users write at the same time."""
    estates = [await make_estate(scene.serving, scene.superuser) for _ in range(2)]
    both = Scene(estates[0], estates[1], scene.serving, scene.superuser)

    async def write() -> None:
        while True:
            await furnish(both.victim)
            await furnish(both.stranger)

    writing = asyncio.create_task(write())
    try:
        events = await watched(both.stranger.client, subscription(name), 2)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    for event in events:
        check_own(both, event, await both.ids_of_the_stranger())


async def watched(client: Client, operation: str, count: int) -> list[dict[str, Any]]:
    """The first events of a subscription."""
    async with client.socket() as socket:
        return await first(await socket.subscribe(operation), count)


def check_own(scene: Scene, event: dict[str, Any], theirs: set[str]) -> None:
    """Check that an event contains the stranger's rows and nothing of the victim."""
    assert scene.victim.canary not in json.dumps(event)
    # What all types have in common is no text, no text of a job is written by a client, and these settings have none.
    if not event.keys() & {"changes", "jobChanged", "autoApprovalSettingsChanged"}:
        assert scene.stranger.canary in json.dumps(event)
    ids = {content["id"] for content in next(iter(event.values())).values() if isinstance(content, dict)}
    assert ids
    assert ids <= theirs


async def test_nobodys_connection_carries_the_last_caller_over(scene: Scene) -> None:
    """Pooled connections keep the stamp of their last caller until the first statement of the next one."""
    operation = "{ viewer { id conversations { nodes { title } } } }"
    callers = [scene.victim, scene.stranger] * 20

    async def ask(estate: Estate) -> None:
        found = (await estate.client.data(operation))["viewer"]
        assert found["id"] == estate.user_id
        assert estate.canary in {node["title"] for node in found["conversations"]["nodes"]}
        assert len({node["title"] for node in found["conversations"]["nodes"]} & {"", *titles}) == 1

    titles = {scene.victim.canary, scene.stranger.canary}
    await asyncio.gather(*(ask(estate) for estate in callers))
