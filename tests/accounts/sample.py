"""Sample values for accounts and settings, whose formats their types do not tell."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.accounts.plans import polar
from tests.kit.samples import Known, expiries, owned
from tests.kit.serving import Client


def usernames() -> tuple[str, str]:
    """Two user names that nobody has."""
    return f"one.{uuid4().hex}", f"other.{uuid4().hex}"


def providers() -> tuple[str, str]:
    """Two providers that nobody has configured."""
    return f"one-{uuid4().hex}", f"other-{uuid4().hex}"


def names() -> tuple[str, str]:
    """Two names that no key has."""
    return f"One {uuid4().hex}", f"Other {uuid4().hex}"


async def configs(client: Client, known: Known, word: str) -> dict[str, str]:
    """Create two configurations: of a provider whose calls name a key, and of one with the word as its name."""
    # A user has one for each provider.
    others = await owned(client, "providerConfigs")
    made: dict[str, str] = {}
    for state, provider in (("ACTIVE", "openai"), ("OTHER", word)):
        values: dict[str, Any] = {"provider": f"{provider}-{others}" if others else provider, "defaultModel": word}
        values |= {"settings": {"note": word}, "baseUrl": "https://api.example.com/v1"}
        config = await client.make("createProviderConfig", "providerConfig", "id", **values)
        await client.make("updateProviderConfig", "providerConfig", "id", id=config["id"], isActive=True)
        made[state] = config["id"]
    return made


async def keys(client: Client, known: Known, word: str) -> dict[str, str]:
    """Create a key of a provider."""
    values = {"providerConfigId": known["ProviderConfig"], "keyName": word, "apiKey": "sk-generated-0123456789"}
    values["server"] = "https://api.example.com"
    made = await client.make("createProviderKey", "providerKey", "id", **values)
    await client.make("updateProviderKey", "providerKey", "id", id=made["id"], isActive=True)
    return {"ACTIVE": made["id"]}


VALUES: dict[str, Any] = {
    "email": "generated@example.org",
    "username": "generated",
    "password": "another long password",
    "graceDays": 30,
    "User.username": usernames,
    "User.avatarUrl": ("https://example.org/a.png", "http://example.org/b.png"),
    "User.timeZone": ("Europe/Berlin", "Asia/Tokyo"),
    "User.locale": ("de", "pt-BR"),
    # A new user has no key, so it cannot become true.
    "User.usesOwnApiKey": (False, False),
    "AgentToken.expiresAt": expiries,
    "ProviderKey.expiresAt": expiries,
    "AgentToken.scopes": (["read", "tools:propose"], ["tools:approve"]),
    "ProviderConfig.provider": providers,
    "ProviderConfig.baseUrl": ("https://api.example.com/v1", "https://example.org:8443"),
    # The default one must be active.
    "ProviderConfig.isDefault": (False, True),
    # A key takes its configuration or its provider, and not both.
    "ProviderKey.provider": lambda: (None, None),
    "ProviderKey.keyName": names,
    # That of the configuration. Which one it is does not count.
    "ProviderKey.server": ("https://api.example.com", "https://api.example.com/v1"),
    "ProviderKey.apiKey": ("sk-generated-0123456789", "sk-another-0123456789"),
    "UserSettings.keyboardShortcuts": ({"move_up": "Ctrl+Up"}, {"screenshot": "F12"}),
}


async def audit_entries(client: Client, known: Known, word: str) -> dict[str, str]:
    """An entry of the audit, which the database writes. A text that a person wrote must not be in it."""
    for shared in (True, False):
        await client.make("updateUserSettings", "userSettings", shareUsageData=shared)
    newest = await client.data("{ viewer { auditEntries(first: 1) { nodes { id action } } } }")
    (entry,) = newest["viewer"]["auditEntries"]["nodes"]
    assert entry["action"] == "SETTINGS_CHANGED"
    return {"": entry["id"]}


async def subscriptions(client: Client, known: Known, word: str) -> dict[str, str]:
    """Have Polar tell of a subscription that has ended, and of one that is active."""
    for subscription, status in ((f"{word} 1", "canceled"), (word, "active")):
        said = polar.event(client.user_id or known["User"], subscription=subscription, status=status)
        assert await polar.send(client.http, client.url, said) == (202, "written")
    made = await client.data("{ viewer { planSubscriptions { nodes { id } } } }")
    return {"ACTIVE": made["viewer"]["planSubscriptions"]["nodes"][0]["id"]}


ROWS = {
    "ProviderConfig": configs,
    "ProviderKey": keys,
    "AuditEntry": audit_entries,
    "PlanSubscription": subscriptions,
}
