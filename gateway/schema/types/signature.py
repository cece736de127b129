"""Signatures of resolvers that are made, not written: Strawberry reads a field's arguments and type from them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from typing import Any, TypeVar

import strawberry

F = TypeVar("F", bound=Callable[..., Any])

ROOT = Parameter("root", Parameter.POSITIONAL_OR_KEYWORD)
INFO = Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info)


def signed(resolver: F, parameters: Sequence[Parameter], returns: Any) -> F:
    """The resolver, which now says that it takes and returns this."""
    resolver.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]
    taken = {each.name: each.annotation for each in parameters if each.annotation is not Parameter.empty}
    resolver.__annotations__ = {**taken, "return": returns}
    return resolver


def optional(arguments: Mapping[str, Any]) -> list[Parameter]:
    """Parameters of these names and types, which may be left out."""
    return [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=of) for name, of in arguments.items()]


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """The parameters of a function that was written, with their types where it has the names of these."""
    hints = typing.get_type_hints(function, include_extras=True)
    found = inspect.signature(function).parameters.values()
    return [each.replace(annotation=hints.get(each.name, Parameter.empty)) for each in found]
