"""Provider configurations: their rules, the default one, and what new conversations take from it."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.kit.refused import Refusal, only_refusal
from tests.kit.rows import unchanged
from tests.kit.serving import Client

SECRET = "Settings are not secret. What looks like a key, a token or a password belongs into a ProviderKey."
ASCII = "The names of settings have ASCII characters only, because others may look like these."
SCHEME = "A base URL begins with https://. Only an address of the same machine may begin with http://."


async def make(client: Client, selection: str = "id", /, **values: Any) -> dict[str, Any]:
    return await client.make("createProviderConfig", "providerConfig", selection, **values)


async def update(client: Client, id: str, selection: str = "id", /, **values: Any) -> dict[str, Any]:
    return await client.make("updateProviderConfig", "providerConfig", selection, id=id, **values)


async def refused(client: Client, name: str = "createProviderConfig", /, **values: Any) -> Refusal:
    values = values if "id" in values else {"provider": "openai", **values}
    payload = await client.mutate(name, "providerConfig { id }", **values)
    return only_refusal(payload)


async def defaults(client: Client) -> list[str]:
    listed = await client.data("{ viewer { providerConfigs { nodes { provider isDefault } } } }")
    return [each["provider"] for each in listed["viewer"]["providerConfigs"]["nodes"] if each["isDefault"]]


async def test_a_configuration_has_what_it_is_given_and_defaults(user: Client) -> None:
    shown = "provider settings baseUrl defaultModel isActive isDefault deletedAt"
    made = await make(user, shown, provider="my-provider_2")
    assert made == {
        "provider": "my-provider_2",
        "settings": {},
        "baseUrl": None,
        "defaultModel": None,
        "isActive": True,
        "isDefault": False,
        "deletedAt": None,
    }


@pytest.mark.parametrize(
    "settings",
    [
        {"apiKey": "x"},
        {"api_key": "x"},
        {"x-api-key": "x"},
        {"KEY": "x"},
        {"headers": {"Authorization": "x"}},
        {"headers": [{"deep": {"Client-Secret": None}}]},
        {"accessToken": "x"},
        {"access_tokens": []},
        {"token": "x"},
        {"dbPassword": "x"},
        {"list": [[{"passwd": 1}]]},
        {"headers": [{"name": "X-Auth", "value": "Bearer abc"}]},
        {"credentials": {}},
        {"key1": "x"},
        {"Cookie": "x"},
        {"mytoken": "x"},
        {"openaikey": "x"},
        {"xapikey": "x"},
        {"myapikeys": ["x"]},
        {"appsecret": "x"},
        {"dbpassword": "x"},
        {"bearer": "x"},
        {"headers": ["Authorization: Bearer sk-123"]},
        {"headers": ["Accept: text/plain", "X-Api-Key: abc"]},
        {"headers": "Accept: text/plain\nX-Api-Key: abc"},
        {"headers": [{"name": "X-Api-Key", "value": "abc"}]},
        {"headers": '{"Authorization": "abc"}'},
        {"url": "https://user:pw@example.org/"},
        {"url": "https://example.org/?a=1&api_key=abc"},
        {"value": "sk-proj-abcdefghijkl"},
        {"list": ["x gsk_0123456789abcdefgh"]},
        {"value": "AIzaSyA1234567890abcdefghijkl"},
        {"value": "eyJhbGciOiJIUzI1NiJ9.e30.abc"},
        {"pem": "-----BEGIN RSA PRIVATE KEY-----"},
    ],
    ids=str,
)
async def test_settings_that_look_secret_are_refused(
    user: Client, superuser: asyncpg.Connection, settings: Any
) -> None:
    async with unchanged(superuser, user.user_id):
        assert await refused(user, settings=settings) == Refusal("INVALID", "settings", SECRET)


@pytest.mark.parametrize(
    "settings",
    [
        {"api\u041aey": "x"},
        {"headers": [{"deep": {"to\uff4ben": None}}]},
        {"headers": [{"name": "X-Api-\u041aey", "value": "abc"}]},
        {"pass\u200bword": "x"},
    ],
    ids=["cyrillic", "full width", "of a value", "invisible"],
)
async def test_names_of_settings_with_look_alikes_are_refused(user: Client, settings: Any) -> None:
    assert await refused(user, settings=settings) == Refusal("INVALID", "settings", ASCII)


@pytest.mark.parametrize(
    "settings",
    [
        {"organization": "o-1", "region": "eu", "maxTokens": 5, "max_tokens": 5, "keyboard": True, "monkey": 1},
        {"headers": {"X-Title": "basics of bearers"}, "tokenizer": "x", "secretary": "y", "authority": "z"},
        {"monkey": 1, "hotkeys": ["k"], "locale": "sk-SK", "url": "https://[::1]:8443/v1?model=a@b", "maxtokens": 5},
        {
            "Accept": "text/plain; q=0.5",
            "at": "12:30",
            "task": "task-a-b-c-d-e-f-g",
            "name": "Schl\u00fcssel",
            "note": "\u043a: b",
        },
    ],
    ids=["usual", "alike", "longer", "texts"],
)
async def test_other_settings_are_taken(user: Client, settings: Any) -> None:
    assert (await make(user, "settings", provider="openai", settings=settings))["settings"] == settings


@pytest.mark.parametrize("url", ["http://example.com", "HTTP://example.com/v1", "http://127.0.0.1.example.com"])
async def test_only_this_machine_is_reached_without_encryption(user: Client, url: str) -> None:
    assert await refused(user, baseUrl=url) == Refusal("INVALID", "baseUrl", SCHEME)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:11434/v1", "http://localhost:8000", "https://localhost", "https://10.0.0.1/v1"),
        *("https://169.254.169.254/latest/meta-data", "https://[::1]/", "https://[fd00::1]", "https://127.1"),
        *("https://2130706433", "https://0x7f000001/", "https://0177.0.0.1", "https://metadata.google.internal"),
        *("https://user:password@example.com", "https://example.com/?key=1", "https://example.com#x", "example.com"),
        *("https://example.com\\@127.0.0.1", "https://", "ftp://example.com", "https://exa mple.com"),
    ],
)
async def test_a_url_that_leads_into_a_network_is_refused(
    user: Client, superuser: asyncpg.Connection, url: str
) -> None:
    id = (await make(user, provider="other"))["id"]
    async with unchanged(superuser, user.user_id):
        for name, values in (("createProviderConfig", {}), ("updateProviderConfig", {"id": id})):
            refusal = await refused(user, name, baseUrl=url, **values)
            assert (refusal.code, refusal.field) == ("INVALID", "baseUrl")


async def test_a_provider_has_one_configuration_that_is_not_deleted(user: Client) -> None:
    first = (await make(user, provider="openai"))["id"]
    taken = Refusal("CONFLICT", "provider", "There is already a configuration for this provider.")
    assert await refused(user) == taken
    await user.make("deleteProviderConfig", "providerConfig", id=first)
    await make(user, provider="openai")
    assert await refused(user, "restoreProviderConfig", id=first) == taken


async def test_a_provider_never_changes(user: Client) -> None:
    id = (await make(user, provider="openai"))["id"]
    answer = await user.run(
        'mutation($id: ID!) { updateProviderConfig(input: {id: $id, provider: "x"}) { userErrors { code } } }', id=id
    )
    assert "provider" in answer["errors"][0]["message"]


async def test_one_configuration_is_the_default_and_each_way_takes_it_from_the_other(user: Client) -> None:
    openai = (await make(user, provider="openai", isDefault=True))["id"]
    assert await defaults(user) == ["openai"]
    groq = (await make(user, provider="groq", isDefault=True))["id"]
    assert await defaults(user) == ["groq"]
    await update(user, openai, isDefault=True)
    assert await defaults(user) == ["openai"]
    made = await user.make("setDefaultProviderConfig", "providerConfig", "isDefault", id=groq)
    assert made["isDefault"] is True
    assert await defaults(user) == ["groq"]
    active = Refusal("INVALID", "isDefault", "Only an active configuration can be the default.")
    assert await refused(user, "updateProviderConfig", id=groq, isActive=False) == active
    await update(user, openai, isActive=False)
    assert await refused(user, "setDefaultProviderConfig", id=openai) == active
    await user.make("deleteProviderConfig", "providerConfig", id=groq)
    assert await defaults(user) == []
    await update(user, openai, isActive=True, isDefault=True)
    assert await refused(user, "restoreProviderConfig", id=groq) == Refusal(
        "CONFLICT", "isDefault", "There is already a default configuration."
    )


async def test_defaults_set_at_once_leave_one(user: Client) -> None:
    ids = [(await make(user, provider=f"p{n}"))["id"] for n in range(6)]
    await asyncio.gather(
        *(user.make("setDefaultProviderConfig", "providerConfig", id=id) for id in ids for _ in range(3))
    )
    assert len(await defaults(user)) == 1


async def test_new_conversations_take_the_default_configuration(user: Client) -> None:
    async def made(**values: Any) -> tuple[str, str]:
        row = await user.make("createConversation", "conversation", "provider model", **values)
        return row["provider"], row["model"]

    await user.make("updateUser", "user", defaultProvider="mistral", defaultModel="large")
    assert await made() == ("mistral", "large")
    config = (await make(user, provider="anthropic", defaultModel="claude"))["id"]
    assert await made() == ("mistral", "large")
    await update(user, config, isDefault=True)
    assert await made() == ("anthropic", "claude")
    assert await made(provider="anthropic") == ("anthropic", "claude")
    assert await made(provider="openai") == ("openai", "large"), "the model of another provider is not taken"
    assert await made(model="mine") == ("anthropic", "mine")
    await update(user, config, defaultModel=None)
    assert await made() == ("anthropic", "large")
    await user.make("deleteProviderConfig", "providerConfig", id=config)
    assert await made() == ("mistral", "large")


async def test_models_of_the_provider_are_the_best_ones_that_are_offered(
    user: Client, superuser: asyncpg.Connection
) -> None:
    await make(user, provider="maker")
    await superuser.execute(
        "INSERT INTO parley.llm_models (provider, model_id, name, context_window, max_output_tokens,"
        " input_usd_per_million, output_usd_per_million, supports_vision, supports_tools, supports_system, is_tier1,"
        " quality_score, retired_at)"
        " SELECT p, 'm' || n, 'Model ' || n, 1, 1, 0, 0, false, false, false, false, nullif(n, 4),"
        " CASE n WHEN 3 THEN now() END FROM unnest('{maker,other}'::text[]) AS p, generate_series(1, 4) AS n"
        " ON CONFLICT DO NOTHING"
    )
    listed = await user.data("{ viewer { providerConfigs { nodes { models { modelId provider } } } } }")
    models = listed["viewer"]["providerConfigs"]["nodes"][0]["models"]
    assert [model["modelId"] for model in models] == ["m2", "m1", "m4"]
    assert {model["provider"] for model in models} == {"maker"}
