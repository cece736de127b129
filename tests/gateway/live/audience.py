"""Subscribers without sockets: a schema whose one subscription follows a real feed, and sinks that a test can stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from graphql import GraphQLSchema, build_schema

from gateway.auth.client import Client
from gateway.auth.identity import Actor, Identity
from gateway.execution import Engine
from gateway.execution.complete import Answer
from gateway.execution.operation import Operation
from gateway.execution.prepare.request import OperationRequest
from gateway.feed.changes import FeedCursor
from gateway.feed.hub import Hub
from gateway.live.feed import Feed
from gateway.live.live import Live
from gateway.schema.fields.event import Event

SDL = """
    type Query { none: Int }
    type Event { cursor: String!, who: String!, plus(size: Int = 0): Int, isCurrent: Boolean! }
    type Subscription { event(after: String): Event! }
"""
EVENT = "subscription($after: String) { event(after: $after) { cursor } }"
PATIENCE_SECONDS = 20
SESSION = UUID(int=11)


class Added:
    """A change that the tests' feeds consist of."""

    __event__ = Event("messages", frozenset({"insert"}), {}, {})


@dataclass(slots=True)
class Sink:
    """A subscriber's end, which can be stopped from taking more."""

    room: int = 10**9
    """How many answers it takes until it is full."""
    payloads: list[dict[str, Any]] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)
    failure: Exception | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, payload: bytes, cursor: str | None) -> bool:
        if self.failure is not None:
            raise self.failure
        self.payloads.append(orjson.loads(payload))
        self.cursors.append(cursor)
        self.room -= 1
        self._change()
        return self.room > 0

    async def drained(self) -> None:
        while self.room <= 0:
            await self.changed.wait()

    def open(self, room: int = 10**9) -> None:
        """Take so many more."""
        self.room = room
        self._change()

    @property
    def versions(self) -> list[int]:
        """What it was sent, by the versions of the changes."""
        return [int(cursor.partition(".")[2]) for cursor in self.cursors if cursor]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once this holds of what was sent."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await self.changed.wait()

    async def reached(self, version: int) -> list[int]:
        """All that was sent, once a version was."""
        await self.until(lambda: bool(self.versions) and self.versions[-1] >= version)
        return self.versions

    def _change(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(slots=True)
class Seen:
    """One subscriber: its sink, and the task that serves it."""

    sink: Sink
    task: asyncio.Task[Answer | None]

    async def last(self) -> Answer | None:
        """How it ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.task


@dataclass(frozen=True, slots=True)
class Opened:
    """What a resolver of the schema gets."""

    audience: Audience
    identity: Identity | None

    async def release(self) -> None:
        self.audience.opened -= 1


class Audience:
    """Those who follow feeds through one `Live`."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.engine = Engine(self._schema())
        self.live = Live(self.engine, self)
        self.opened = 0
        """Contexts that were not given back."""
        self.members: list[Seen] = []
        self.errors: list[Exception] = []
        """What the next runs fail with."""

    def _schema(self) -> GraphQLSchema:
        schema = build_schema(SDL)
        assert schema.subscription_type is not None
        root = schema.subscription_type.fields["event"]
        root.subscribe = self._source
        root.resolve = self._event
        fields = schema.get_type("Event").fields  # type: ignore[union-attr]
        fields["who"].resolve = lambda _, info: f"{info.context.identity.actor} {sorted(info.context.identity.scopes)}"
        fields["plus"].resolve = lambda _, info, size: size
        fields["isCurrent"].resolve = lambda _, info: info.context.identity.credential_id == SESSION
        return schema

    def _source(self, _root: Any, info: Any, after: str | None = None) -> Feed:
        cursor = None if after is None else FeedCursor.read(after)
        return Feed(self.hub, Added, info.context.identity.user_id, {}, cursor)

    def _event(self, event: Any, _info: Any, **_: Any) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return event

    def open(self, identity: Identity | None, operation: Operation, client: Client) -> Opened:
        self.opened += 1
        return Opened(self, identity)

    def subscribe(
        self,
        user_id: UUID,
        after: str | None = None,
        *,
        text: str = EVENT,
        sink: Sink | None = None,
        actor: Actor = "user",
        scopes: frozenset[str] = frozenset(),
        credential_id: UUID = SESSION,
        last_event_id: str | None = None,
        extensions: dict[str, Any] | None = None,
        **variables: Any,
    ) -> Seen:
        """Begin to follow a user's feed."""
        identity = Identity(user_id, credential_id, actor, scopes, datetime.now(UTC), "token")
        given = {**variables, **({} if after is None else {"after": after})}
        operation = self.engine.prepare(OperationRequest(text, variables=given, extensions=extensions or {}))
        sink = sink or Sink()
        serving = self.live.serve(operation, lambda: identity, Client(None, None), sink, after=last_event_id)
        seen = Seen(sink, asyncio.create_task(serving))
        self.members.append(seen)
        return seen

    async def all_live(self, count: int) -> None:
        """Return once so many get what their group has run."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.live.counts.live < count:  # noqa: ASYNC110 - nothing tells of it but the count
                await asyncio.sleep(0)

    async def leave(self) -> None:
        """Let all go."""
        for member in self.members:
            member.task.cancel()
        await asyncio.gather(*(member.task for member in self.members), return_exceptions=True)
