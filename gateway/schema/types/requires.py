"""The directive by which the schema tells which scope a field requires."""

from __future__ import annotations

from collections.abc import Iterable

import strawberry
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField

from gateway.auth.scope import PERSON, Scope

EXISTING = "existing"
"""Where the metadata of a mutation says whether it returns objects that were there before."""
ONLY_PERSONS = "Only a person can do this: agents' tokens are refused."


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


def required_scopes(field: StrawberryField | None) -> tuple[str, ...]:
    """The scopes of which a field requires one; empty if it requires none."""
    return tuple(each.scope for each in (field.directives if field else ()) if isinstance(each, Requires))


def returns_existing(field: StrawberryField | None) -> bool:
    """Whether a mutation returns objects that were there before."""
    return field is not None and bool(field.metadata.get(EXISTING))


def with_who_may(description: str | None, scopes: tuple[Scope, ...]) -> str | None:
    """The description of a field that requires one of these scopes, with a sentence if only a person may use it."""
    return f"{description}\n\n{ONLY_PERSONS}" if scopes == (PERSON,) else description
