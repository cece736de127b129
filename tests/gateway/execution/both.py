"""One way to say what an operation must come to, whichever executor runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLSchema, build_schema

from gateway.execution import Engine
from gateway.execution.complete import Answer
from gateway.execution.prepare.request import OperationRequest

Errors = list[tuple[str, str]] | set[tuple[str, str]]
"""The path, with dots, and the message of each error. A set where the order depends on the turns of the event loop."""


async def check(
    schema: GraphQLSchema,
    operation: str,
    expect: Any,
    errors: Errors | None = None,
    *,
    root: object = None,
    context: object = None,
    variables: Mapping[str, Any] | None = None,
) -> None:
    """The operation must come to this data and these errors, breadth-first and depth-first.

    `root` may be a function that makes the root anew, for one that can be read but once.
    """
    for breadth_first in (True, False):
        engine = Engine(schema, breadth_first=breadth_first)
        prepared = engine.prepare(OperationRequest(operation, variables=variables or {}))
        if breadth_first:
            assert engine.fallback(prepared) is None
        result = await engine.execute(prepared, context, root() if callable(root) else root)
        found = failures(result)
        assert orjson.loads(Answer(result.data).bytes())["data"] == expect
        assert (set(found) if isinstance(errors, set) else found) == (errors or [])
        assert len(found) == len(errors or [])


def failures(result: ExecutionResult) -> list[tuple[str, str]]:
    """The path and the message of each error."""
    return [(".".join(map(str, error.path or ())), error.message) for error in result.errors or ()]


def schema_of(sdl: str, **resolvers: Callable[..., Any]) -> GraphQLSchema:
    """A schema, with the resolvers of some fields by `Type_field`."""
    schema = build_schema(sdl)
    types: dict[str, Any] = dict(schema.type_map)
    for path, resolver in resolvers.items():
        type_name, field = path.split("_", 1)
        types[type_name].fields[field].resolve = resolver
    return schema


async def later(value: Any, turns: int = 1) -> Any:
    """A value that comes after some turns of the event loop; an exception is raised."""
    for _ in range(turns):
        await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value
