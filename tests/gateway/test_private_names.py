"""The private names of other libraries: each exists, is in one adapter, and nobody else uses another."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import nats_private
from gateway.data.driver import asyncpg_private
from gateway.http import aiohttp_private
from gateway.schema import graphql_private, strawberry_private

ADAPTERS = (aiohttp_private, asyncpg_private, graphql_private, nats_private, strawberry_private)
PRIVATE = [name for adapter in ADAPTERS for name in getattr(adapter, "PRIVATE", ())]
UNDOCUMENTED = [name for adapter in ADAPTERS for name in getattr(adapter, "UNDOCUMENTED", ())]
LIBRARIES = ("aiohttp", "asyncpg", "graphql", "nats", "strawberry")
OF_PYTHON = {"_SubParsersAction", "_fields", "_replace", "_value_", "_value2member_map_"}
"""Of the standard library: argparse, named tuples and enumerations."""

GATEWAY = Path(inspect.getfile(aiohttp_private)).parents[1]
MODULES = sorted(path for path in GATEWAY.rglob("*.py") if "node_modules" not in path.parts)


@pytest.mark.parametrize("name", PRIVATE + UNDOCUMENTED)
def test_a_name_that_we_lean_on_exists(name: str) -> None:
    assert _exists(name), f"{name} is no more"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(GATEWAY)))
def test_a_module_uses_no_private_name_of_a_library_but_by_its_adapter(path: Path) -> None:
    tree = ast.parse(path.read_text())
    used, own = _used(tree), _own(tree)
    if path.stem.endswith("_private") or _subclasses_a_library(tree):
        own |= _last(PRIVATE)
    else:  # nobody but the class itself gives `self` such names
        used = _used(tree, but_of_self=True)
    assert not used - own - OF_PYTHON, "declare it in the adapter of its library"


def test_every_declared_name_is_used() -> None:
    used: set[str] = set()
    for path in MODULES:
        tree = ast.parse(path.read_text())
        used |= _used(tree) | _defined(tree) | _texts(tree)
    assert not _last(PRIVATE) - used


def test_what_a_subclass_overrides_is_declared() -> None:
    overridden = set()
    for found in pkgutil.walk_packages([str(GATEWAY)], "gateway."):
        if found.name.endswith("__main__"):
            continue
        for cls in vars(importlib.import_module(found.name)).values():
            if inspect.isclass(cls) and cls.__module__ == found.name:
                overridden |= {(name, cls) for name in vars(cls) if _overrides(cls, name)}
    assert not [(name, cls) for name, cls in overridden if name not in _last(PRIVATE)]


def _overrides(cls: type, name: str) -> bool:
    if not _is_private(name) or name == "_abc_impl":
        return False
    return any(name in vars(base) and base.__module__.partition(".")[0] in LIBRARIES for base in cls.__mro__[1:])


def _exists(name: str) -> bool:
    parts = name.split(".")
    found, at = importlib.import_module(parts[0]), 1
    while at < len(parts) - 1:  # as far as there are modules: a package may have a function of the same name
        try:
            found = importlib.import_module(".".join(parts[: at + 1]))
        except ImportError:
            break
        at += 1
    return _has(found, parts[at:])


def _has(found: Any, parts: list[str]) -> bool:
    if not parts:
        return True
    if hasattr(found, parts[0]):
        return _has(getattr(found, parts[0]), parts[1:])
    return inspect.isclass(found) and (
        ".".join(parts) in getattr(found, "__annotations__", {}) or _assigns(found, r"\.".join(parts))
    )


def _assigns(cls: type, attribute: str) -> bool:
    """Whether a class or one of its bases gives itself this attribute, which only an instance has."""
    return any(
        re.search(rf"\bself\.{attribute}\b[^=\n]*=(?!=)", inspect.getsource(base))
        for base in cls.__mro__
        if base.__module__ != "builtins"
    )


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _last(names: list[str]) -> set[str]:
    return {name.rpartition(".")[2] for name in names}


def _used(tree: ast.AST, *, but_of_self: bool = False) -> set[str]:
    """The private attributes that are read or called, of whatever."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and _is_private(node.attr)
        and not (but_of_self and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }


def _own(tree: ast.AST) -> set[str]:
    """The private attributes that the module's own classes have: defined, or given to themselves."""
    given = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    return _defined(tree) | given - _last(PRIVATE) | (given if not _subclasses_a_library(tree) else set())


def _defined(tree: ast.AST) -> set[str]:
    items = [item for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for item in node.body]
    functions = {item.name for item in items if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)}
    return functions | {
        item.target.id for item in items if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }


def _texts(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _subclasses_a_library(tree: ast.AST) -> bool:
    bases = {ast.unparse(base) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases}
    return bool(bases & {"Client", "DriverConnection", "web.AppRunner", "web.RequestHandler", "web.Server"})
