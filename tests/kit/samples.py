"""What each domain says of its rows for the tests: `tests/<domain>/sample.py`, where the schema does not say it.

A sample may define, each by the name of this module's function:

- `VALUES`: a valid value for a field of an input, by the field's name or by `Type.field`; a tuple holds a second one,
  for a field whose rule refuses ordinary texts or numbers.
- `KINDS`: the type that an id in an input is of, by the field's name.
- `ROWS`: what makes rows of a type, by the type's name. It returns their ids by their states, the usual one first.
- `NEW`: what makes one more row of a type in a state, by the type's name.
- `BEGINS`: the state that a mutation begins from, by the mutation's name.
- `SUMS`: queries that find sums which a recount does not confirm, as `id`, `kept` and `counted`.

What no sample mentions is made by its own create mutation: see `tests/kit/derived.py`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType
from typing import Any

import resolvers
from gateway.schema.build import domain_modules
from tests.kit.serving import Client

Known = Mapping[str, str]
"""An object of each type that has been made so far."""

Rows = Callable[[Client, Known, str], Awaitable[dict[str, str]]]
"""Makes rows that hold a word in each text."""

New = Callable[[Client, Known, str], Awaitable[str]]
"""Makes one row in a state."""


@functools.cache
def _samples() -> tuple[ModuleType, ...]:
    """The sample of each domain that has one."""
    names = [f"tests.{found.name}.sample" for found in pkgutil.iter_modules(resolvers.__path__)]
    return tuple(importlib.import_module(name) for name in names if _exists(name))


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False  # the domain has no folder of tests yet


def _said(name: str) -> dict[str, Any]:
    """What the samples say under a name, together."""
    found: dict[str, Any] = {}
    for sample in _samples():
        said = getattr(sample, name, {})
        twice = {key for key in said if key in found and found[key] != said[key]}
        assert not twice, f"two samples say {name} of {', '.join(twice)}"
        found |= said
    return found


def values() -> Mapping[str, Any]:
    """Valid values where the type alone does not give one, by the name of the field."""
    return _said("VALUES")


def values_of(kind: str, name: str) -> tuple[Any, ...]:
    """The valid values that a sample gives for a field of an input that is about a type."""
    said = values()
    found = said.get(f"{kind}.{name}", said.get(name, ()))
    return found if isinstance(found, tuple) else (found,)


def kinds() -> Mapping[str, str]:
    """The types of ids whose names do not say them, by the name of the field."""
    return _said("KINDS")


def rows() -> Mapping[str, Rows]:
    """What makes rows, by type."""
    return _said("ROWS")


def new() -> Mapping[str, New]:
    """What makes a row in a state, by type."""
    return _said("NEW")


def begins() -> Mapping[str, str]:
    """The state of the object that a mutation begins from, where not every state will do."""
    return _said("BEGINS")


def sums() -> list[str]:
    """The queries for sums that differ from a recount."""
    return [text for sample in _samples() for text in getattr(sample, "SUMS", ())]


def file_of(kind: str) -> str:
    """The file in which to say something of a type."""
    domains = {name: module.__name__.split(".")[1] for module in domain_modules() for name in vars(module)}
    return f"tests/{domains.get(kind, '<domain>')}/sample.py"
