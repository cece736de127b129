"""Fields of Query that list all rows of an entity that the caller may see, such as `llmModels(first, after)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.data.entity import Link, entity_of
from gateway.schema.fields.connection import connection_type
from gateway.schema.fields.link_field import LinkTarget, follow, page_arguments
from gateway.schema.fields.root import query
from gateway.schema.types.signature import INFO, ROOT, optional, signed


def root_page(cls: type) -> Callable[[Callable[[], None]], Callable[..., Any]]:
    """Make a field of Query that lists the rows of an entity, as a connection. The function has its name and docstring.

    The entity declares the order and the filter. Of a tenant's table it lists the caller's rows, of a reference table
    all rows.
    """

    def declare(named: Callable[[], None]) -> Callable[..., Any]:
        entity = entity_of(cls)
        follows = LinkTarget(Link("page", entity.name, key="", by=""), entity)
        resolve = signed(
            follow(follows),
            (ROOT, INFO, *optional(page_arguments(follows.link, entity))),
            connection_type(cls),
        )
        resolve.__name__, resolve.__module__, resolve.__doc__ = named.__name__, named.__module__, named.__doc__
        resolve.__level_resolver__ = follows  # type: ignore[attr-defined]
        return query(resolve)

    return declare
