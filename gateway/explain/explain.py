"""`parley explain`: shows the statements that an operation would send, without a database.

The operation runs with its real resolvers on sample rows (`gateway.explain.sample`), and each statement is recorded
under the field that sent it. So the result cannot differ from what the gateway does.
"""

from __future__ import annotations

import asyncio
import functools
import textwrap
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, cast

from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    Visitor,
    get_named_type,
    is_introspection_type,
    visit,
)

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.broker.process import ProcessBroker
from gateway.context import SNAPSHOT_FIELD, Context, Resources
from gateway.data.entity import Entity, entity_of
from gateway.errors import ParleyError
from gateway.execution import Engine, breadth_first, depth_first
from gateway.execution.operation import Operation
from gateway.execution.prepare.document import choose, parse
from gateway.execution.prepare.request import OperationRequest, RequestErrors
from gateway.execution.run.field import Field
from gateway.explain import sample
from gateway.feed.changes import Change
from gateway.feed.presence import Presence
from gateway.feed.signals import Signals
from gateway.refusal import Refusal
from gateway.schema.build import graphql_schema
from gateway.schema.fields.event import event_of, is_event, occurrence

_WIDTH = 100
_INDENT = "    "

_path: ContextVar[str] = ContextVar("path", default="")
"""The field that is being resolved, such as `viewer.conversations`."""


class UnreadableOperation(Refusal):
    """The operation is invalid."""


@dataclass(slots=True)
class Asked:
    """The statements sent, in order, with the fields that sent them."""

    statements: list[tuple[str, str]] = field(default_factory=list)

    def record(self, text: str) -> None:
        """Record a statement under the field that is being resolved."""
        self.statements.append((_path.get(), text))


def explain(text: str) -> str:
    """A readable report of the statements that the operation in `text` would send."""
    schema = _traced(graphql_schema())
    try:
        definition = choose(parse(text), None)
        variables = sample.variables(schema, definition)
        operation = Engine(schema).prepare(OperationRequest(text, variables=variables))
    except RequestErrors as errors:
        raise UnreadableOperation("This operation cannot be run:", [e.message for e in errors.errors]) from None
    asked = Asked()
    result = asyncio.run(_run(schema, operation, asked))
    return "\n".join(_report(schema, operation, asked, result)) + "\n"


async def _run(schema: GraphQLSchema, operation: Operation, asked: Asked) -> ExecutionResult:
    """Run the operation. For a subscription, run it on one event."""
    likely = _likely_table(schema, operation)
    connection: Any = sample.SampleConnection(_entities(schema), likely, asked.record)
    signals, nothing = Signals(ProcessBroker(), key=b""), cast("Any", None)
    queue = cast("Any", _Queue())
    shared = Resources(
        *(connection, None, cast("Any", _Hub()), signals, Presence(signals)),
        *(nothing, nothing, queue, nothing, nothing, nothing),
    )
    identity = Identity(sample.KEY, sample.KEY, "user", frozenset(), sample.TIME, "token")
    snapshot = operation.kind == "query" and SNAPSHOT_FIELD in operation.field_names
    context = Context(shared, identity, Client(None, None), snapshot=snapshot)
    root = None
    try:
        if operation.kind == "subscription":
            if not is_event(cls := _event_class(schema, operation)):
                return ExecutionResult(None, None)
            root = _event(cls, likely)
        plan = operation.plan
        if isinstance(plan, str):
            return await depth_first.run(schema, operation, context, root)
        (result,) = await breadth_first.run(schema, operation, plan, context, [root], on_field=_enter)
        return result
    finally:
        _path.set("")
        await context.release()


def _enter(field: Field) -> None:
    _path.set(".".join(field.path))


class _Queue:
    """Takes jobs, and forgets them."""

    async def add(self, name: str, asked: object = None) -> bool:
        return True


class _Hub:
    def committed(self, _user_id: object) -> None: ...


def _report(schema: GraphQLSchema, operation: Operation, asked: Asked, result: ExecutionResult) -> list[str]:
    lines = [f"{operation.kind} {operation.name or '(unnamed)'}", *_manner(schema, operation), ""]
    shown = None
    for path, text in asked.statements:
        if path != shown:
            shown = path
            lines.append(path or "(the operation)")
        lines += [_INDENT + part for line in text.splitlines() for part in _wrapped(line)] + [""]
    count = sum(not text.startswith(("BEGIN", "COMMIT")) for _, text in asked.statements)
    lines.append(f"{count} statement{'s' * (count != 1)}, however many rows there are.")
    for error in result.errors or ():
        path = ".".join(str(step) for step in error.path or ())
        # Samples stand for what the database and the process hold, so any other error comes from them.
        reason = error.message if isinstance(error.original_error, ParleyError) else "the rest depends on data."
        lines.append(f"Unknown without a database: {path}: {reason}")
    return lines


def _manner(schema: GraphQLSchema, operation: Operation) -> list[str]:
    roots = ", ".join(_root_fields(operation))
    plan = operation.plan
    lines = [
        f"Root resolvers: {roots}.",
        f"Runs depth-first, because {plan}: object by object, and a link once for all objects of a level."
        if isinstance(plan, str)
        else "Runs breadth-first: level by level, each link once for all objects of its level.",
    ]
    if operation.kind == "subscription":
        lines.append(_waits_for(_event_class(schema, operation)))
    return lines


def _waits_for(cls: type) -> str:
    if not is_event(cls):
        return "Waits for signals, which are not stored. Statements between signals are not shown."
    described = event_of(cls)
    return (
        f"Waits for changes of {described.entity or 'any type'} ({', '.join(sorted(described.ops))}). For each event:"
    )


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, _WIDTH, subsequent_indent=_INDENT, break_long_words=False) or [""]


def _traced(schema: GraphQLSchema) -> GraphQLSchema:
    """Wrap the schema's resolvers to record which field is being resolved."""
    for of in schema.type_map.values():
        # graphql-core shares the types of introspection between all schemas.
        if isinstance(of, GraphQLObjectType) and not is_introspection_type(of):
            for each in of.fields.values():
                if each.resolve is not None:
                    each.resolve = _recorded(each.resolve)
    return schema


def _recorded(resolve: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(resolve)
    def run(root: Any, info: Any, **arguments: Any) -> Any:
        path = ".".join(step for step in info.path.as_list() if isinstance(step, str))
        token = _path.set(path)
        try:
            result = resolve(root, info, **arguments)
        finally:
            _path.reset(token)
        return _awaited(result, path) if isawaitable(result) else result

    return run


async def _awaited(result: Awaitable[Any], path: str) -> Any:
    _path.set(path)
    return await result


def _classes(schema: GraphQLSchema) -> dict[str, Any]:
    """The declared class of each object type, by the type's name."""
    definitions: dict[str, Any] = {n: of.extensions.get("strawberry-definition") for n, of in schema.type_map.items()}
    return {name: definition.origin for name, definition in definitions.items() if hasattr(definition, "origin")}


def _entities(schema: GraphQLSchema) -> list[Entity]:
    return [entity_of(cls) for cls in _classes(schema).values() if hasattr(cls, "__entity__")]


def _likely_table(schema: GraphQLSchema, operation: Operation) -> str:
    """The table in which `node` and `changes` find a row: that of the first type with a fragment in the operation."""
    document = operation.document
    tables = {entity.name: entity.table for entity in _entities(schema)}
    named: list[str] = []

    class Conditions(Visitor):
        def enter_named_type(self, node: NamedTypeNode, *_: Any) -> None:
            named.append(node.name.value)

    for node in (document.definition, *document.fragments.values()):
        visit(node, Conditions())
    return next((tables[name] for name in named if name in tables), next(iter(tables.values())))


def _root_fields(operation: Operation) -> list[str]:
    """The names of the root fields, including those in fragments."""
    names: list[str] = []
    waiting = [*operation.document.definition.selection_set.selections]
    while waiting:
        node = waiting.pop(0)
        match node:
            case FieldNode():
                names.append(node.name.value)
            case InlineFragmentNode():
                waiting[:0] = node.selection_set.selections
            case FragmentSpreadNode():
                waiting[:0] = operation.document.fragments[node.name.value].selection_set.selections
    return list(dict.fromkeys(names))


def _event_class(schema: GraphQLSchema, operation: Operation) -> Any:
    """The class of the events that a subscription waits for."""
    (name,) = _root_fields(operation)
    root = schema.subscription_type
    assert root is not None  # noqa: S101 - validation found the field in it
    return _classes(schema)[get_named_type(root.fields[name].type).name]


def _event(cls: type, likely: str) -> Any:
    """A sample event, as the subscription yields it. `likely` is the table of one that any table may make."""
    described = event_of(cls)
    data = {name: next(iter(members)).value for name, members in described.enums.items()}
    data |= dict.fromkeys(described.ids, str(sample.KEY))
    op = min(described.ops)
    return occurrence(cls, Change(1, 1, described.entity or likely, sample.KEY, op, data, sample.TIME))
