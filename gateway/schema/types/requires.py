"""The directive by which the schema tells which scope a field requires."""

from __future__ import annotations

from collections.abc import Iterable

import strawberry
from strawberry.schema_directive import Location

from gateway.auth.scope import Scope


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    repeatable=True,
    description="The scope that an agent's token needs for this field. Where it is repeated, one of them is enough. "
    "`person` is the scope of a person's session, which no agent's token has. A field without it needs no token.",
)
class Requires:
    """The directive `@requires`."""

    scope: str = strawberry.directive_field(name="scope")


def requiring(scopes: Iterable[Scope]) -> list[object]:
    """The directives of a field that requires one of these scopes."""
    return [Requires(scope=scope) for scope in scopes]
