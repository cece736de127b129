"""Sample values for accounts and settings, whose formats their types do not tell."""

from __future__ import annotations

from uuid import uuid4

from tests.kit import polar
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


async def subscriptions(client: Client, known: Known, word: str) -> dict[str, str]:
    """Have Polar tell of a subscription that has ended, and of one that is active."""
    for subscription, status in ((f"{word} 1", "canceled"), (word, "active")):
        said = polar.event(client.user_id or known["User"], subscription=subscription, status=status)
        assert await polar.send(client.http, client.url, said) == (202, "written")
    made = await client.data("{ viewer { planSubscriptions { nodes { id } } } }")
    return {"ACTIVE": made["viewer"]["planSubscriptions"]["nodes"][0]["id"]}


ROWS = {"PlanSubscription": subscriptions}
