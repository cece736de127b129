"""Reactions to messages, as a client sees them."""

from __future__ import annotations

import asyncio

import asyncpg

from tests.chat.test_feedback import answers
from tests.kit.rows import unchanged
from tests.kit.serving import Client, first

REACTIONS = "query($id: ID!) { message(id: $id) { reactions { emoji actor deletedAt } } }"
CHANGED = """
subscription($in: ID!, $after: Cursor!) { messageReactionChanged(conversationId: $in, after: $after) { op } }
"""
FACES = [chr(0x1F600 + n) for n in range(22)]
"""Distinct emoji, more than a message takes."""

EMOJI = [
    "👍",
    "👍🏽",
    "❤️",
    "❤",
    "🇩🇪",
    "1️⃣",
    "#⃣",
    "👨\u200d👩\u200d👧\u200d👦",
    "🏳️\u200d🌈",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "🧑🏿\u200d🚀",
    "🤷🏻\u200d♀️",
    "☺️",
    "⭐",
    "➡️",
    "🫨",
    "©️",
    "👨\u200d👩",
]
"""One emoji each: with a skin tone, as text or picture, flags, keycaps, and several joined."""
NO_EMOJI = [
    "",
    " ",
    "👍 ",
    " 👍",
    "👍\n",
    "\ufe0f",
    "\u200d",
    "👍\u200d",
    *["x", "ok", "é", "1", "👍👍", "👍x", "🇩", "🇩🇪🇫🇷", "👩🏽\u200d❤️\u200d💋\u200d👨🏿"],
]
"""None, several, halves of one, and one that is too long."""


async def emoji_of(user: Client, message: str) -> list[str]:
    """The emoji on a message."""
    return [each["emoji"] for each in (await user.data(REACTIONS, id=message))["message"]["reactions"]]


async def test_a_reaction_is_added_once_and_removed(user: Client, superuser: asyncpg.Connection) -> None:
    _, (message,) = await answers(user)
    made = await user.make("addReaction", "messageReaction", "id version emoji actor", messageId=message, emoji="👍")
    assert (made["emoji"], made["actor"]) == ("👍", "USER")
    async with unchanged(superuser, user.user_id):
        again = await user.make("addReaction", "messageReaction", "id version", messageId=message, emoji="👍")
    assert again == {"id": made["id"], "version": made["version"]}
    await user.make("addReaction", "messageReaction", messageId=message, emoji="🎉")
    assert await emoji_of(user, message) == ["👍", "🎉"]
    for _ in range(2):
        left = await user.make("removeReaction", "message", "reactions { emoji }", messageId=message, emoji="👍")
        assert left["reactions"] == [{"emoji": "🎉"}]


async def test_a_removal_reads_the_message_once(user: Client) -> None:
    _, (message,) = await answers(user)
    await user.make("addReaction", "messageReaction", messageId=message, emoji="👍")
    await user.make("setMessageFeedback", "messageFeedback", messageId=message, type="POSITIVE")
    for mutation, values in (("removeReaction", {"emoji": "👍"}), ("removeMessageFeedback", {})):
        user.statements.texts.clear()
        await user.make(mutation, "message", "id content", messageId=message, **values)
        assert len(user.statements.texts) == 2, user.statements.texts


async def test_an_emoji_is_accepted(user: Client) -> None:
    _, (message,) = await answers(user)
    for emoji in EMOJI:
        await user.make("addReaction", "messageReaction", messageId=message, emoji=emoji)
    assert await emoji_of(user, message) == EMOJI


async def test_what_is_no_single_short_emoji_is_refused(user: Client) -> None:
    _, (message,) = await answers(user)
    reason = "A reaction is one emoji, such as 👍, of at most 32 bytes."
    for text in NO_EMOJI:
        payload = await user.mutate("addReaction", messageId=message, emoji=text)
        assert payload["userErrors"] == [{"code": "INVALID", "field": ["emoji"], "message": reason}], text
    assert await emoji_of(user, message) == []


async def test_of_reactions_at_once_twenty_stay(user: Client) -> None:
    _, (message,) = await answers(user)
    payloads = await asyncio.gather(
        *(user.mutate("addReaction", "messageReaction { emoji }", messageId=message, emoji=face) for face in FACES)
    )
    refused = [payload["userErrors"] for payload in payloads if payload["userErrors"]]
    too_many = {"code": "CONFLICT", "field": ["messageId"], "message": "A message has at most 20 reactions."}
    assert refused == [[too_many]] * 2
    kept = await emoji_of(user, message)
    assert len(kept) == 20
    await user.make("addReaction", "messageReaction", messageId=message, emoji=kept[0])
    await user.make("removeReaction", "message", messageId=message, emoji=kept[0])
    await user.make("addReaction", "messageReaction", messageId=message, emoji="👍")
    assert await emoji_of(user, message) == [*kept[1:], "👍"]


async def test_reactions_come_and_go_with_their_message(user: Client) -> None:
    conversation, (message, other) = await answers(user, 2)
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    for emoji in ("👍", "🎉"):
        await user.make("addReaction", "messageReaction", messageId=message, emoji=emoji)
    await user.make("removeReaction", "message", messageId=message, emoji="🎉")
    await user.make("deleteMessage", "message", id=message)
    payload = await user.mutate("removeReaction", "message { id }", messageId=message, emoji="👍")
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("CONFLICT", ["messageId"])]
    await user.make("restoreMessage", "message", id=message)
    assert await emoji_of(user, message) == ["👍"]
    assert await emoji_of(user, other) == []
    async with user.socket() as socket:
        events = await socket.subscribe(CHANGED, **{"in": conversation, "after": cursor})
        seen = [event["messageReactionChanged"]["op"] for event in await first(events, 5)]
    assert seen == ["CREATED", "CREATED", "DELETED", "DELETED", "RESTORED"]
