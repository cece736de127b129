"""Read annotations: what kind of value an attribute holds."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any
from uuid import UUID

import strawberry


def kind_of(hint: Any) -> Any:
    """The type of an annotation's values, without `None`, `Annotated` and `Private`; UUID for an id."""
    if typing.get_origin(hint) is Annotated:
        return kind_of(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return kind_of(next(part for part in typing.get_args(hint) if part is not type(None)))
    return UUID if hint is strawberry.ID else hint


def is_optional(hint: Any) -> bool:
    """Whether an annotation allows `None`."""
    if typing.get_origin(hint) is Annotated:
        return is_optional(typing.get_args(hint)[0])
    return type(None) in typing.get_args(hint)


def item_of(hint: Any) -> Any:
    """The annotation of a list's items; None if the annotation is not a list."""
    kind = kind_of(hint)
    return typing.get_args(kind)[0] if typing.get_origin(kind) is list else None
