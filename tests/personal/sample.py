"""Sample tags, whose names are unique, and a tagged conversation."""

from __future__ import annotations

from uuid import uuid4

from tests.kit.samples import Known
from tests.kit.serving import Client


def names() -> tuple[str, str]:
    """Two names that no tag has."""
    return f"one {uuid4().hex}", f"other {uuid4().hex}"


VALUES = {"Tag.name": names, "Tag.color": ("#1f6feb", "#d1242f")}


async def tags(client: Client, known: Known, word: str) -> dict[str, str]:
    """Create two tags, and put them on a conversation."""
    count = (await client.data("{ viewer { tags { totalCount } } }"))["viewer"]["tags"]["totalCount"]
    one, other = [
        (await client.make("createTag", "tag", name=f"{word} {count + n}", description=word, color="#1f6feb"))["id"]
        for n in range(2)
    ]
    await client.make("addTags", "node", id=known["Conversation"], tagIds=[one, other])
    return {"ADDED": one}


ROWS = {"Tag": tags}
