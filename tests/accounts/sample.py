"""Sample values for accounts and settings, whose formats their types do not tell."""

from __future__ import annotations

from uuid import uuid4

from tests.kit.samples import Known
from tests.kit.serving import Client


def usernames() -> tuple[str, str]:
    """Two user names that nobody has."""
    return f"one.{uuid4().hex}", f"other.{uuid4().hex}"


VALUES = {
    "email": "generated@example.org",
    "username": "generated",
    "password": "another long password",
    "graceDays": 30,
    "User.username": usernames,
    "User.avatarUrl": ("https://example.org/a.png", "http://example.org/b.png"),
    "User.timeZone": ("Europe/Berlin", "Asia/Tokyo"),
    "User.locale": ("de", "pt-BR"),
    # Keys cannot be stored yet, so it cannot become true.
    "User.usesOwnApiKey": (False, False),
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


ROWS = {"AuditEntry": audit_entries}
