"""`OR` and `NOT`, which every filter has besides its own attributes."""

from __future__ import annotations

import functools
from typing import Any

import strawberry
from strawberry.annotation import StrawberryAnnotation

OR, NOT = "OR", "NOT"

MOST_CONDITIONS = 50
MOST_NESTED = 5

_TEXTS = {
    OR: "Alternatives: each item must meet at least one of these filters, besides the conditions next to it. An empty "
    "list matches nothing.",
    NOT: "Each item must not meet all conditions of this filter. An item without a value meets no comparison with it, "
    "so it is among the results. "
    f"In one filter, `{OR}` and `{NOT}` may be nested {MOST_NESTED} deep, with {MOST_CONDITIONS} conditions in all.",
}


@functools.cache
def combinable(filter: type) -> type:
    """The filter with `OR` and `NOT`: a subclass, which replaces it in the API."""
    own: Any = filter
    hints: dict[str, Any] = {OR: "list[Self] | None", NOT: "Self | None"}
    body = {name: strawberry.field(name=name, description=_TEXTS[name], default=None) for name in hints}
    cls: Any = type(
        filter.__name__, (filter,), {**body, "__annotations__": dict(hints), "__module__": filter.__module__}
    )
    definition = own.__strawberry_definition__
    made: Any = strawberry.input(cls, name=definition.name, description=definition.description)
    # Only now is there a class that they can refer to.
    hints = {OR: list[made] | None, NOT: made | None}
    made.__annotations__ = hints
    for each in made.__strawberry_definition__.fields:
        if each.python_name in hints:
            each.type_annotation = StrawberryAnnotation(hints[each.python_name])
    return made  # type: ignore[no-any-return]
