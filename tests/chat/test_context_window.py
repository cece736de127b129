"""The context window of a conversation is that of its model, unless somebody chose another."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.serving import Client
from tests.usage.models import import_into, model


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def imported(database: Database) -> None:
    await import_into(
        database, [{"id": "openai", "models": [model("gpt-4o-mini", window=128_000), model("o", window=9)]}]
    )


async def made(user: Client, **values: Any) -> dict[str, Any]:
    return await user.make("createConversation", "conversation", "id contextWindow", **values)


@pytest.mark.parametrize(
    ("values", "window"),
    [
        ({}, 128_000),
        ({"contextWindow": None}, 128_000),
        ({"model": "o"}, 9),
        ({"model": "o", "contextWindow": 4000}, 4000),
        ({"model": "unknown"}, 8192),
        ({"provider": "elsewhere"}, 8192),
        # Only the id counts: other names of a model take milliseconds to find.
        ({"model": "o-2026-01-31"}, 8192),
    ],
    ids=str,
)
async def test_a_new_conversation_has_the_window_of_its_model(
    user: Client, values: dict[str, Any], window: int
) -> None:
    assert (await made(user, **values))["contextWindow"] == window


async def test_the_default_model_of_the_user_counts(user: Client) -> None:
    await user.make("updateUser", "user", defaultModel="o")
    assert (await made(user))["contextWindow"] == 9


async def test_null_resets_it_to_that_of_the_model(user: Client) -> None:
    id = (await made(user, contextWindow=4000))["id"]

    async def updated(**values: Any) -> Any:
        return (await user.make("updateConversation", "conversation", "contextWindow", id=id, **values))[
            "contextWindow"
        ]

    assert await updated(title="Other") == 4000
    assert await updated(contextWindow=None) == 128_000
    # A conversation that goes on with another model keeps its window until it is reset.
    assert await updated(model="o") == 128_000
    assert await updated(contextWindow=None, model="o") == 9


async def test_no_window_is_refused(user: Client) -> None:
    payload = await user.mutate("createConversation", "conversation { id }", contextWindow=0)
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("INVALID", ["contextWindow"])]
