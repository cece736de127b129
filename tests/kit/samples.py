"""Read `tests/<domain>/sample.py`, where a domain declares what the tests cannot derive from the schema.

A sample may define any of these:

- `VALUES`: valid values for input fields, by field name or `Type.field`. If a rule of the field refuses ordinary texts
  or numbers, use a tuple of two values, or a function that returns one if no two users may have the same.
- `NEEDS`: the other input fields that must be set beside a field, by `Type.field`.
- `KINDS`: the types that ids in inputs refer to, by field name.
- `ROWS`: functions that create rows, by type name. Each returns the ids by state, the default state first.
- `NEW`: functions that create one more row in a given state, by type name.
- `BEGINS`: the state that an object must be in before a mutation, by mutation name.
- `SUMS`: queries that find stored sums which differ from a recount, as `id`, `kept` and `counted`.

Types without `ROWS` are created with their own create mutation: see `tests/kit/derived.py`.
"""

from __future__ import annotations

import datetime
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
"""The id of an object of each type that exists so far."""

MakeRows = Callable[[Client, Known, str], Awaitable[dict[str, str]]]
"""Creates rows with a given word in each text, and returns their ids by state."""

MakeRow = Callable[[Client, Known, str], Awaitable[str]]
"""Creates one row in a given state, and returns its id."""


async def owned(client: Client, connection: str) -> int:
    """How many objects the user has in this connection of `User`, so that a new one can differ from each."""
    found = await client.data(f"{{ viewer {{ {connection} {{ totalCount }} }} }}")
    number: int = found["viewer"][connection]["totalCount"]
    return number


def expiries() -> tuple[str, str]:
    """Two times in the future, for fields that take no others."""
    now = datetime.datetime.now(datetime.UTC)
    return (now + datetime.timedelta(days=1)).isoformat(), (now + datetime.timedelta(days=2)).isoformat()


@functools.cache
def _samples() -> tuple[ModuleType, ...]:
    """The samples of all domains that have one."""
    names = [f"tests.{domain.name}.sample" for domain in pkgutil.iter_modules(resolvers.__path__)]
    return tuple(importlib.import_module(name) for name in names if _exists(name))


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False  # the domain has no test folder yet


def _merged(name: str) -> dict[str, Any]:
    """The dictionaries of this name in all samples, merged."""
    merged: dict[str, Any] = {}
    for sample in _samples():
        declared = getattr(sample, name, {})
        twice = {key for key in declared if key in merged and merged[key] != declared[key]}
        assert not twice, f"two samples declare different {name} for {', '.join(twice)}"
        merged |= declared
    return merged


def values() -> Mapping[str, Any]:
    """Valid values for fields whose type alone does not suggest one, by field name or `Type.field`."""
    return _merged("VALUES")


def values_of(kind: str, name: str) -> tuple[Any, ...]:
    """The valid values that the samples declare for an input field of a type; empty if they declare none."""
    declared = values()
    found = declared.get(f"{kind}.{name}", declared.get(name, ()))
    found = found() if callable(found) else found
    return found if isinstance(found, tuple) else (found,)


def needs_of(kind: str, name: str) -> tuple[str, ...]:
    """The other input fields of a type that must be set beside an input field."""
    found: tuple[str, ...] = _merged("NEEDS").get(f"{kind}.{name}", ())
    return found


def kinds() -> Mapping[str, str]:
    """The types that ids refer to, by field name, where the name does not contain the type."""
    return _merged("KINDS")


def rows() -> Mapping[str, MakeRows]:
    """The functions that create rows, by type."""
    return _merged("ROWS")


def new() -> Mapping[str, MakeRow]:
    """The functions that create one row in a given state, by type."""
    return _merged("NEW")


def begins() -> Mapping[str, str]:
    """The state that an object must be in before a mutation, by mutation; left out where any state will do."""
    return _merged("BEGINS")


def sums() -> list[str]:
    """The queries that find stored sums which differ from a recount."""
    return [text for sample in _samples() for text in getattr(sample, "SUMS", ())]


def file_of(kind: str) -> str:
    """The path of the sample that declares values and rows for a type."""
    domains = {name: module.__name__.split(".")[1] for module in domain_modules() for name in vars(module)}
    return f"tests/{domains.get(kind, '<domain>')}/sample.py"
