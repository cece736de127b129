"""Decides which subscriptions share an execution: those whose answers are always equal."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

import orjson
from graphql import ArgumentNode, FieldNode, Node, VariableDefinitionNode, VariableNode

from gateway.auth.identity import Identity
from gateway.execution.operation import Document, Operation
from gateway.live.feed import Feed

OF_THE_SESSION = frozenset({"isCurrent"})
"""Fields that depend on the session, and not only on the user, on who acts and on the token's scopes."""


def key_of(operation: Operation, feed: Feed, identity: Identity | None) -> Hashable:
    """A key that is equal for subscriptions that may share. Valid only while their documents are referenced."""
    document = operation.document
    return (
        id(document),
        _variables(operation),
        feed.cls,
        tuple(sorted(feed.where.items())),
        feed.tables,
        feed.user_id,
        identity and (identity.actor, identity.scopes),
        identity and identity.credential_id if OF_THE_SESSION & operation.field_names else None,
    )


def _variables(operation: Operation) -> object:
    """The values of all variables that are not just start cursors. Values that are not JSON are never equal."""
    coerced, cursors = operation.variables.coerced, _only_cursors(operation.document)
    try:
        # Decoded, because the encoder's bytes object is over-allocated by some kilobytes per subscriber.
        return orjson.dumps({name: value for name, value in coerced.items() if name not in cursors}).decode()
    except TypeError:
        return object()


def _only_cursors(document: Document) -> set[str]:
    """The variables that are used only in the `after` argument of the root field."""
    definition = document.definition
    cursors = {
        argument.value.name.value: argument
        for field in definition.selection_set.selections
        if isinstance(field, FieldNode)
        for argument in field.arguments or ()
        if argument.name.value == "after" and isinstance(argument.value, VariableNode)
    }
    begun = set(map(id, cursors.values()))
    elsewhere = set(_named((definition, *document.fragments.values()), begun))
    return cursors.keys() - elsewhere


def _named(nodes: Iterable[Node], without: set[int]) -> Iterator[str]:
    pending: list[Any] = list(nodes)
    while pending:
        node = pending.pop()
        if isinstance(node, VariableNode):
            yield node.name.value
        elif isinstance(node, list | tuple):
            pending.extend(node)
        elif isinstance(node, VariableDefinitionNode) or (isinstance(node, ArgumentNode) and id(node) in without):
            continue
        elif isinstance(node, Node):
            pending.extend(getattr(node, key) for key in node.keys if key != "loc")
