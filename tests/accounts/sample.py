"""Sample values for accounts and settings, whose formats their types do not tell."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.kit.samples import Known
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
    """Create a configuration of a provider."""
    values = {"provider": word, "settings": {"note": word}, "defaultModel": word}
    values["baseUrl"] = "https://api.example.com/v1"
    made = await client.make("createProviderConfig", "providerConfig", "id", **values)
    return {"ACTIVE": made["id"]}


async def keys(client: Client, known: Known, word: str) -> dict[str, str]:
    """Create a key of a provider."""
    values = {"providerConfigId": known["ProviderConfig"], "keyName": word, "apiKey": "sk-generated-0123456789"}
    made = await client.make("createProviderKey", "providerKey", "id", **values)
    return {"ACTIVE": made["id"]}


ROWS = {"ProviderConfig": configs, "ProviderKey": keys}

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
    "ProviderConfig.provider": providers,
    "ProviderConfig.baseUrl": ("https://api.example.com/v1", "https://example.org:8443"),
    # The default one must be active.
    "ProviderConfig.isDefault": (False, True),
    # A key takes its configuration or its provider, and not both.
    "ProviderKey.provider": lambda: (None, None),
    "ProviderKey.keyName": names,
    "ProviderKey.apiKey": ("sk-generated-0123456789", "sk-another-0123456789"),
    "UserSettings.keyboardShortcuts": ({"move_up": "Ctrl+Up"}, {"screenshot": "F12"}),
}
