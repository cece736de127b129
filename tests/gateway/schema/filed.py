"""Two types that link to each other, with words whose plurals and articles are not regular."""

from __future__ import annotations

import strawberry

from gateway import Node, entity, one, page, standard


@entity("categories")
class Category(Node):
    """A name for several things."""

    name: str
    """What it is called."""

    attachments = page("Attachment", by="category_id")
    """What is filed under it."""


@entity("attachments")
class Attachment(Node):
    """Something that is filed under a category."""

    name: str
    """What it is called."""
    category_id: strawberry.Private[strawberry.ID]

    category = one("Category", key="category_id")
    """What it is filed under."""


class NameInput:
    """What a client may set."""

    name: str
    """What it is called."""


standard(Category, input=NameInput, scope="personal:write")
standard(Attachment, input=NameInput, within="categories", scope="personal:write")
