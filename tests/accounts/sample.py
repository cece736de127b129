"""Sample values for accounts and settings, whose formats their types do not tell."""

from __future__ import annotations

import datetime
from uuid import uuid4


def usernames() -> tuple[str, str]:
    """Two user names that nobody has."""
    return f"one.{uuid4().hex}", f"other.{uuid4().hex}"


def expiries() -> tuple[str, str]:
    """Two times at which a new token may expire."""
    now = datetime.datetime.now(datetime.UTC)
    return (now + datetime.timedelta(days=1)).isoformat(), (now + datetime.timedelta(days=2)).isoformat()


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
    "AgentToken.expiresAt": expiries,
    "AgentToken.scopes": (["read", "tools:propose"], ["tools:approve"]),
    "UserSettings.keyboardShortcuts": ({"move_up": "Ctrl+Up"}, {"screenshot": "F12"}),
}
