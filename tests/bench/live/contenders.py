"""The servers of the live benchmark: how each is started, and how it is told to make an event."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson

from tests.bench.client import encoded
from tests.bench.data import DataSet
from tests.bench.live.people import Person
from tests.bench.servers import KINDS, PEERS, Kind, node

SUBSCRIPTION = "subscription { messageAdded { cursor message { id seq role content createdAt } } }"
_ADD = """
mutation Add($id: ID!, $content: String!) {
  addMessage(input: { conversationId: $id, role: USER, content: $content }) { message { id } userErrors { message } }
}
"""

_WITHOUT_LIMITS = {
    f"PARLEY_MAX_{name}": "20000"
    for name in (
        "SOCKETS",
        "SOCKETS_PER_USER",
        "SOCKETS_PER_ADDRESS",
        "ANONYMOUS_SOCKETS",
        "ANONYMOUS_SOCKETS_PER_ADDRESS",
        "SUBSCRIPTIONS_PER_USER",
    )
}
"""A benchmark has more sockets of one user, and from one address, than a gateway on the open internet allows."""


def parley(broker_url: str = "process:") -> Kind:
    """Parley, with hints to other processes by this broker."""
    kind = next(kind for kind in KINDS if kind.name == "parley")
    return replace(kind, environment=lambda data: {**_WITHOUT_LIMITS, "PARLEY_BROKER_URL": broker_url})


def _nothing(data: DataSet) -> Mapping[str, str]:
    return {"NODE_ENV": "production"}


def _python(module: str) -> Callable[[DataSet], list[str]]:
    return lambda data: [sys.executable, "-m", f"tests.bench.live.served.{module}"]


def _peer(name: str) -> Callable[[DataSet], list[str]]:
    return lambda data: [node(), str(PEERS / f"{name}.mjs")]


CONTENDERS = (
    parley(),
    Kind("by_hand", "by hand", _python("by_hand"), _nothing, path="/publish"),
    Kind("graphql_ws", "graphql-ws", _peer("live_graphql_ws"), _nothing, path="/publish"),
    Kind("mercurius", "Mercurius", _peer("live_mercurius"), _nothing, path="/publish"),
    Kind("stock", "Strawberry", _python("stock"), _nothing, path="/publish"),
)


def making(kind: Kind, url: str, person: Person, content: str) -> bytes:
    """The request that makes a server publish an event: for Parley a message written, for the others one in memory."""
    if kind.name == "parley":
        return adding(url, person, content)
    return encoded(f"{url}{kind.path}", person.token, orjson.dumps({"content": content}))


def adding(url: str, person: Person, content: str) -> bytes:
    """The request to add a message to a person's conversation."""
    body = {"query": _ADD, "variables": {"id": str(person.conversation_id), "content": content}}
    return encoded(f"{url}/graphql", person.token, orjson.dumps(body))
