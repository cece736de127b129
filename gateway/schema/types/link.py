"""Links: how one type reaches another. A link is one line and names its target, so domains never import each other.

    conversation = one("Conversation", key="conversation_id")
    tool_executions = page("ToolExecution", by="message_id")

`key` is a column of this type that holds the target's id. `by` is a column of the target that holds this type's id.
"""

from __future__ import annotations

import enum
from typing import Any

from gateway.data.entity import Link, entity_of
from gateway.data.queries import Query
from gateway.data.statements import Through
from gateway.schema.types import describe


def one(target: str, *, key: str = "id", by: str = "id") -> Any:
    """The target that `key` points to; never null. With `by="user_id"`, of a user: what each user has one of."""
    return Link("one", target, key=key, by=by)


def maybe(target: str, *, key: str = "id", by: str = "id") -> Any:
    """The target that `key` points to, or that points here with `by`; null if there is none."""
    return Link("maybe", target, key=key, by=by)


def many(target: str, *, by: str, order: str = "created_at") -> Any:
    """All targets that point here with `by`. Only for lists that are always short; use `page` for others."""
    return Link("many", target, by=by, order=order)


def queried(target: str, query: Query, *, by: str = "") -> Any:
    """What a hand-written query returns for each id of this type, for a rule that no other link expresses.

    The query takes `:user_id` and `:keys`, and selects `:columns` from the target as `t`. With `by`, a column of the
    target that holds this type's id, it returns at most one row for each, and the field is null if there is none.
    Otherwise the field is a list, which the query must limit. Its rows begin with `link_ordinal`, the position of the
    key from 1, and are sorted by it first.
    """
    return Link("maybe" if by else "many", target, by=by, query=query)


def page(
    target: str,
    *,
    key: str = "id",
    by: str = "",
    order: str | type[enum.Enum] | None = None,
    through: Through | None = None,
) -> Any:
    """The targets that point here with `by`, or through a join table, as a connection.

    The target's `entity` declares the order and the filter. `order` replaces that order by another of the same form.
    With `key="user_id", by="user_id"`, it lists all that the user has.
    """
    return Link("page", target, key=key, by=by, order=order, through=through)


def root_page(cls: type, *, name: str = "", order: str | type[enum.Enum] | None = None, description: str = "") -> None:
    """Make a field of Query that lists all of the caller's rows of an entity, or all reference data, as a connection.

    It is named after the plural of the type unless `name` is given. `order` is like that of `page`.
    """
    entity, plural = entity_of(cls), describe.plural(describe.words(cls))
    by = "" if entity.is_reference else "user_id"
    entity.roots[name or plural.lower().replace(" ", "_")] = Link(
        "page",
        entity.name,
        key=by,
        by=by,
        order=order,
        description=description or (f"All {plural}." if entity.is_reference else f"All of the caller's {plural}."),
    )
