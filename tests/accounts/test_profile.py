"""What a user may change of their account, and how the names that they sign in with stay unique."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import pytest

from tests.kit.refused import Refusal, refusals
from tests.kit.rows import unchanged
from tests.kit.serving import PASSWORD, Client, Serving, first

PROFILE = "fullName username avatarUrl defaultProvider defaultModel timeZone locale usesOwnApiKey"


async def read(client: Client, selection: str = PROFILE) -> Any:
    return (await client.data(f"{{ viewer {{ {selection} }} }}"))["viewer"]


async def signs_in(serving: Serving, name: str) -> bool:
    payload = await serving.anonymous().mutate("signIn", "accessToken", email=name, password=PASSWORD)
    return payload["accessToken"] is not None


def a_name() -> str:
    """A user name that nobody has."""
    return f"N{uuid.uuid4().hex[:20]}"


async def test_a_user_changes_their_account(user: Client) -> None:
    new = await read(user)
    assert (new["timeZone"], new["locale"], new["defaultProvider"], new["defaultModel"]) == (
        "UTC",
        "en",
        "openai",
        None,
    )
    values = {
        "fullName": "Ada Lovelace",
        "username": a_name(),
        "avatarUrl": "https://example.org/ada.png",
        "defaultProvider": "anthropic",
        "defaultModel": "claude-sonnet-4-5",
        "timeZone": "America/Argentina/Buenos_Aires",
        "locale": "es-AR",
        "usesOwnApiKey": False,
    }
    assert await user.make("updateUser", "user", PROFILE, **values) == values
    assert await read(user) == values
    assert await user.make("updateUser", "user", PROFILE, **dict.fromkeys(values)) == {
        **new,
        "fullName": None,
        "username": None,
    }


async def test_the_server_alone_says_that_an_address_is_verified(user: Client) -> None:
    assert await read(user, "emailVerifiedAt") == {"emailVerifiedAt": None}
    operation = "mutation { updateUser(input: {emailVerifiedAt: null}) { user { id } } }"
    assert (await user.run(operation))["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_a_new_name_signs_in_and_the_old_one_no_more(serving: Serving) -> None:
    old, new = a_name(), a_name()
    user = await serving.signed_up(username=old)
    await user.make("updateUser", "user", username=new)
    assert [await signs_in(serving, name) for name in (old, new, new.lower())] == [False, True, True]
    await user.make("updateUser", "user", username=None)
    assert not await signs_in(serving, new)
    await (await serving.signed_up()).make("updateUser", "user", username=old)
    assert await signs_in(serving, old)


async def test_a_taken_name_is_refused_in_any_case(serving: Serving, superuser: asyncpg.Connection) -> None:
    name = a_name()
    owner, other = await serving.signed_up(username=name), await serving.signed_up()
    async with unchanged(superuser, owner.user_id, other.user_id):
        for spelling in (name, name.lower(), name.upper()):
            payload = await other.mutate("updateUser", "user { id }", username=spelling, fullName="Other")
            taken = Refusal("CONFLICT", "username", "This user name is already taken.")
            assert refusals(payload) == [taken]
    await owner.make("updateUser", "user", username=name.upper())


LOCALE = "A locale is a BCP 47 language tag of at most 35 characters, such as en or pt-BR."
TIME_ZONE = "A time zone is an IANA name, such as Europe/Berlin."


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        (
            "timeZone",
            ["", "Europe/Nowhere", "europe/berlin", "+02:00", "posix/Europe/Berlin", "UTC+1", " UTC"],
            TIME_ZONE,
        ),
        ("locale", ["", "e", "en_GB", "english", "en-", "de-abcdefghi", "en-" + "a-" * 20 + "b", "ä"], LOCALE),
        ("usesOwnApiKey", [True], "Add a provider key first."),
        (
            "avatarUrl",
            ["", "ada.png", "ftp://example.org/a", "javascript:alert(1)", "https://a b"],
            "A picture URL begins with http:// or https:// and has at most 2048 characters.",
        ),
        ("defaultModel", ["", "x" * 101], "A model name has 1 to 100 characters."),
        ("defaultProvider", ["", "x" * 51], "A provider name has 1 to 50 characters."),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_value_that_is_none_is_refused(
    user: Client, superuser: asyncpg.Connection, field: str, values: list[Any], message: str
) -> None:
    async with unchanged(superuser, user.user_id):
        for value in values:
            payload = await user.mutate("updateUser", "user { id }", **{field: value})
            assert refusals(payload) == [Refusal("INVALID", field, message)], value


async def test_all_mistakes_are_named_at_once(user: Client) -> None:
    payload = await user.mutate(
        "updateUser", "user { id }", timeZone="x", locale="", defaultModel="", fullName="x" * 256
    )
    fields = {refusal.field for refusal in refusals(payload)}
    assert fields == {"timeZone", "locale", "defaultModel", "fullName"}


async def test_a_stale_version_changes_nothing(user: Client) -> None:
    version = (await read(user, "version"))["version"]
    await user.make("updateUser", "user", fullName="First", expectedVersion=version)
    payload = await user.mutate("updateUser", "user { fullName }", fullName="Second", expectedVersion=version)
    assert (payload["user"], payload["userErrors"][0]["code"]) == ({"fullName": "First"}, "CONFLICT")


async def test_an_agent_cannot_change_the_account(user: Client) -> None:
    agent = await user.agent("read", "messages:write")
    answer = await agent.run('mutation { updateUser(input: {fullName: "Agent"}) { user { id } } }')
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]


async def test_a_change_reaches_a_subscriber(user: Client) -> None:
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    async with user.socket() as socket:
        events = await socket.subscribe(
            "subscription($c: Cursor) { userChanged(after: $c) { op user { fullName settings { theme } } } }", c=cursor
        )
        await user.make("updateUser", "user", fullName="Ada")
        (event,) = await first(events, 1)
    assert event["userChanged"] == {"op": "UPDATED", "user": {"fullName": "Ada", "settings": {"theme": "DARK"}}}
