"""Links: how one type reaches another. A link is one line and names its target, so domains never import each other.

    conversation = one("Conversation", key="conversation_id")
    tool_executions = page("ToolExecution", by="message_id")

`key` is a column of this type that holds the target's id. `by` is a column of the target that holds this type's id.
"""

from __future__ import annotations

import enum
from typing import Any

from gateway.data.entity import Link
from gateway.data.statements import Through


def one(target: str, *, key: str = "id", by: str = "id") -> Any:
    """The target that `key` points to; never null. With `by="user_id"`, of a user: what each user has one of."""
    return Link("one", target, key=key, by=by)


def maybe(target: str, *, key: str = "id", by: str = "id") -> Any:
    """The target that `key` points to, or that points here with `by`; null if there is none."""
    return Link("maybe", target, key=key, by=by)


def many(target: str, *, by: str, order: str = "created_at") -> Any:
    """All targets that point here with `by`. Only for lists that are always short; use `page` for others."""
    return Link("many", target, by=by, order=order)


def page(
    target: str, *, by: str = "", order: str | type[enum.Enum] | None = None, through: Through | None = None
) -> Any:
    """The targets that point here with `by`, or through a join table, as a connection.

    The target's `entity` declares the order and the filter. `order` replaces that order by another of the same form.
    """
    return Link("page", target, by=by, order=order, through=through)
