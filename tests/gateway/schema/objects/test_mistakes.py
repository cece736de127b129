"""All that is wrong with an input is told at once, wherever each mistake is found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.serving import Client

LONG = "x" * 501


async def fields(user: Client, mutation: str, **values: Any) -> list[tuple[str, str]]:
    """The code and the field of each user error."""
    errors = (await user.mutate(mutation, **values))["userErrors"]
    assert len({(*error["field"], error["message"]) for error in errors}) == len(errors)
    return [(error["code"], ".".join(error["field"])) for error in errors]


async def test_ids_that_are_none_are_told_together_with_rules_of_the_database(user: Client) -> None:
    ids = {"conversationId": "one", "id": "two", "parentId": "three"}
    found = await fields(user, "addMessage", **ids, role="USER", content="x" * 262_145, tokenCount=-1)
    assert sorted(found) == sorted(
        [("INVALID", name) for name in ("conversationId", "id", "parentId", "content", "tokenCount")]
    )


async def test_a_change_tells_its_id_and_its_values(user: Client) -> None:
    found = await fields(user, "updateConversation", id="one", title=LONG, temperature=3)
    assert sorted(found) == [("INVALID", "id"), ("INVALID", "temperature"), ("INVALID", "title")]


async def test_a_value_that_cannot_be_null_is_told_with_the_rest(user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    message = {"conversationId": conversation, "role": "USER", "content": "text"}
    id = (await user.make("addMessage", "message", **message))["id"]
    found = await fields(user, "updateMessage", id=id, content=None, tokenCount=-1, model="")
    assert sorted(found) == [("INVALID", "content"), ("INVALID", "model"), ("INVALID", "tokenCount")]


async def test_a_password_is_told_together_with_the_rest_of_a_sign_up(user: Client) -> None:
    found = await fields(user, "signUp", email="none", password="short", username="!", fullName="x" * 256)
    assert sorted(found) == [(("INVALID"), name) for name in ("email", "fullName", "password", "username")]


@pytest.mark.parametrize("wrong", [{"title": LONG}, {"temperature": -1}, {"metadata": []}])
async def test_one_mistake_is_told_alone(user: Client, wrong: dict[str, Any]) -> None:
    values = {"title": "Fine", "temperature": 1, "maxTokens": 1, "metadata": {}} | wrong
    assert await fields(user, "createConversation", **values) == [("INVALID", *wrong)]


async def test_a_rule_on_two_values_is_not_judged_by_one(user: Client) -> None:
    """A user's message must not be blank, but whose message it is was not sent."""
    conversation = (await user.make("createConversation", "conversation"))["id"]
    message = {"conversationId": conversation, "role": "ASSISTANT", "content": "text"}
    id = (await user.make("addMessage", "message", **message))["id"]
    assert await fields(user, "updateMessage", id=id, content="", tokenCount=-1) == [("INVALID", "tokenCount")]


async def test_what_is_no_mistake_of_a_value_stays_alone(user: Client) -> None:
    id = "01980000-0000-7000-8000-00000000abcd"
    found = await fields(user, "addMessage", conversationId=id, role="USER", content="text", tokenCount=1)
    assert found == [("NOT_FOUND", "conversationId")]
