"""Tags: words that a user puts on conversations, to find them again."""

from __future__ import annotations

import datetime
import enum

import strawberry

from gateway import Node, Through, entity, enum_type, input_type, joined, page, standard


@enum_type
class TagType(enum.Enum):
    """What a tag stands for. Areas and resources are those of the PARA method."""

    AREA = "area"
    """A part of life that the user looks after, such as health."""
    RESOURCE = "resource"
    """A subject of lasting interest."""
    LABEL = "label"
    """Anything else."""


@enum_type
class TagOrder(enum.Enum):
    """How a list of tags is sorted."""

    NAME = "folded_name"
    """By name, whatever its case."""
    MOST_USED = "-uses, folded_name"
    """Most used first, then by name."""
    NEWEST = "-created_at"
    """Newest first."""


@input_type
class TagFilter:
    """Conditions for a list of tags. Each item meets all that are set."""

    type: list[TagType] | None = None
    """Of one of these types."""
    name_contains: str | None = None
    """Text that the name contains, up to 500 characters. Ignores case (`ß` equals `ss`) and Unicode normal form."""


@entity("tags", order=TagOrder, filter=TagFilter)
class Tag(Node):
    """A word that the user puts on conversations, to find them again."""

    name: str
    """The name. No two tags of a type have the same, whatever its case."""
    type: TagType
    """What the tag stands for."""
    description: str | None
    """What the tag is for; null if that is not said."""
    color: str | None
    """The color in which it is shown, such as `#1f6feb`; null if none is chosen."""
    uses: int
    """The number of objects that have the tag, without deleted ones."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null if it is not deleted."""
    folded_name: strawberry.Private[str]

    conversations = page(
        "Conversation",
        through=Through("conversation_tags", "tag_id", "conversation_id", deletable=True),
        order="-created_at",
    )
    """The conversations that have the tag, last tagged first."""


class TagInput:
    """The fields of a tag that a client may set."""

    name: str
    """The name, 1 to 500 characters. Another tag of the same type must not have it, whatever its case."""
    type: TagType | None = None
    """What the tag stands for. Defaults to `LABEL`."""
    description: str | None = None
    """What the tag is for, up to 4,000 characters."""
    color: str | None = None
    """The color in which it is shown, written as `#rrggbb` with digits and lower-case letters, such as `#1f6feb`."""


standard(Tag, input=TagInput, scope="personal:write")
joined(Tag, name="tags", scope="personal:write")
