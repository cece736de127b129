"""Signatures for generated resolvers, from which Strawberry reads a field's arguments and type."""

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
    """Set the resolver's signature and annotations. Returns the resolver."""
    resolver.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]
    taken = {each.name: each.annotation for each in parameters if each.annotation is not Parameter.empty}
    resolver.__annotations__ = {**taken, "return": returns}
    return resolver


def optional(arguments: Mapping[str, Any]) -> list[Parameter]:
    """Optional keyword parameters with these names and types."""
    return [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=of) for name, of in arguments.items()]


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """The parameters of a function, with their annotations resolved."""
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    return [each.replace(annotation=hints.get(each.name, Parameter.empty)) for each in parameters]
