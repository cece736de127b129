"""A small schema and what it needs to be served, for tests of the engine and the transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aiohttp import web
from graphql import GraphQLResolveInfo, GraphQLSchema, build_schema

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.errors import Conflict, NotFound, Overloaded, Resync, Unauthenticated
from gateway.execution import Engine
from gateway.execution.operation import Operation
from gateway.http.clock import Clock
from gateway.http.options import Options
from gateway.http.seats.admission import Admission
from gateway.http.seats.registry import SocketRegistry
from gateway.http.server import AppRunner, make_app, make_runner

SDL = """
    scalar JSON
    input Inner { text: String, list: [String!], any: JSON }
    input Note { content: String!, inner: Inner }
    type Node { id: ID, node: Node, nodes: [Node!]!, broken: String!, slow: String }
    type Query {
        hello(name: String = "world"): String!
        double(of: Int!): Int
        note(input: Note!): String
        echo(any: JSON): JSON
        node: Node
        nodes: [Node!]!
        boom: String
        missing: String
        conflict: String
        huge: Int
        unserialisable: JSON
        caller: String
        context: Int!
        wait: String
        text(kilobytes: Int!): String!
    }
    type Mutation { write(text: String!): String! }
    type Subscription {
        count(to: Int!): Int!
        contexts(times: Int!): Int!
        callers: String
        silence: Int!
        failing: Int!
        resync: Int!
        refused: Int!
        flood: String!
    }
"""


@dataclass(frozen=True, slots=True)
class ToyContext:
    """What a resolver of the toy schema gets."""

    number: int
    identity: Identity | None
    toy: Toy

    async def release(self) -> None:
        self.toy.closed += 1

    async def __aenter__(self) -> ToyContext:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()


@dataclass(slots=True)
class Toy:
    """What happened on the toy schema, and the contexts that it ran in."""

    opened: int = 0
    closed: int = 0
    listening: int = 0
    written: list[str] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    busy: bool = False
    seen: asyncio.Condition = field(default_factory=asyncio.Condition)

    def open(self, identity: Identity | None, operation: Operation, client: Client) -> ToyContext:
        if self.busy:
            raise Overloaded("Try again later.")
        self.opened += 1
        self.clients.append(client)
        return ToyContext(self.opened, identity, self)

    async def listeners(self, expected: int) -> None:
        """Wait until so many subscriptions are listening."""
        async with asyncio.timeout(5), self.seen:
            await self.seen.wait_for(lambda: self.listening == expected)

    async def enter(self, by: int) -> None:
        async with self.seen:
            self.listening += by
            self.seen.notify_all()


class ManualClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self._now = datetime(2030, 1, 1, tzinfo=UTC)
        self._alarms: list[ManualAlarm] = []

    def now(self) -> datetime:
        return self._now

    def at(self, moment: datetime, call: Callable[[], None]) -> ManualAlarm:
        self._alarms.append(ManualAlarm(moment, call, self._alarms))
        return self._alarms[-1]

    def advance(self, seconds: float) -> None:
        """Let this time pass, with all that was to be called within it, in order."""
        end = self._now + timedelta(seconds=seconds)
        while due := [alarm for alarm in self._alarms if alarm.moment <= end]:
            alarm = min(due, key=lambda alarm: alarm.moment)
            self._alarms.remove(alarm)
            self._now = max(self._now, alarm.moment)
            alarm.call()
        self._now = end

    @property
    def pending(self) -> int:
        """How many calls are to come."""
        return len(self._alarms)


@dataclass(frozen=True, slots=True, eq=False)
class ManualAlarm:
    """A call at a moment of a clock that a test moves."""

    moment: datetime
    call: Callable[[], None]
    among: list[ManualAlarm]

    def cancel(self) -> None:
        if self in self.among:
            self.among.remove(self)


Info = GraphQLResolveInfo[ToyContext]

ALICE, BOB = UUID(int=1), UUID(int=2)
PHONE, LAPTOP = UUID(int=11), UUID(int=12)


def identity(user_id: UUID, session_id: UUID, expires_at: datetime) -> Identity:
    return Identity(user_id, session_id, "user", frozenset(), expires_at, "token")


@dataclass(slots=True)
class Tokens:
    """The access tokens that are good."""

    known: dict[str, Identity] = field(default_factory=dict)

    def verify(self, token: str) -> Identity:
        if token not in self.known:
            raise Unauthenticated("The access token is not valid.")
        return self.known[token]

    def add(self, token: str, user_id: UUID, session_id: UUID, expires_at: datetime) -> None:
        self.known[token] = identity(user_id, session_id, expires_at)


def toy_schema() -> GraphQLSchema:
    schema = build_schema(SDL)
    for type_name, resolvers in RESOLVERS.items():
        fields = schema.get_type(type_name).fields  # type: ignore[union-attr]
        for name, resolver in resolvers.items():
            fields[name].resolve = resolver
    for name, source in SUBSCRIPTION.items():
        schema.subscription_type.fields[name].subscribe = source  # type: ignore[union-attr]
        schema.subscription_type.fields[name].resolve = lambda event, _info, **_: event  # type: ignore[union-attr]
    schema.subscription_type.fields["contexts"].resolve = context_number  # type: ignore[union-attr]
    schema.subscription_type.fields["callers"].resolve = caller  # type: ignore[union-attr]
    return schema


def boom(*_: Any) -> None:
    raise RuntimeError("a secret that users wrote")


def missing(*_: Any) -> None:
    raise NotFound("There is no such thing.", field=("input", "id"))


def conflict(*_: Any) -> None:
    raise Conflict("Somebody was first.", current=object())


def caller(_: Any, info: Info, **__: Any) -> str | None:
    who = info.context.identity
    return f"{who.user_id.int} {who.expires_at:%H:%M}" if who else None


def context_number(_: Any, info: Info, **__: Any) -> int:
    return info.context.number


async def wait(_: Any, info: Info) -> str:
    """Wait until the test says so, counted as a listener."""
    toy: Toy = info.context.toy
    await toy.enter(+1)
    try:
        await toy.wake.wait()
    finally:
        await toy.enter(-1)
    return "woken"


def write(_: Any, info: Info, text: str) -> str:
    info.context.toy.written.append(text)
    return text


QUERY = {
    "hello": lambda _, __, name: f"Hello, {name}!",
    "double": lambda _, __, of: of * 2,
    "note": lambda _, __, input: input["content"],
    "echo": lambda _, __, any=None: any,
    "node": lambda *_: {"id": "1"},
    "nodes": lambda *_: [{"id": "1"}],
    "boom": boom,
    "missing": missing,
    "conflict": conflict,
    "huge": lambda *_: 2**40,
    "unserialisable": lambda *_: object(),
    "caller": caller,
    "context": context_number,
    "wait": wait,
    "text": lambda _, __, kilobytes: "x" * 1024 * kilobytes,
}
MUTATION = {"write": write}
NODE = {
    "node": lambda *_: {"id": "1"},
    "nodes": lambda *_: [{"id": "1"}],
    "broken": boom,
    "slow": wait,
}


async def count(_: Any, info: Info, to: int) -> AsyncGenerator[int, None]:
    for number in range(1, to + 1):
        yield number


async def contexts(_: Any, info: Info, times: int) -> AsyncGenerator[int, None]:
    for _each in range(times):
        yield info.context.number


async def callers(_: Any, info: Info) -> AsyncGenerator[int, None]:
    """An event each time that the test wakes it."""
    toy: Toy = info.context.toy
    await toy.enter(+1)
    try:
        while True:
            await toy.wake.wait()
            toy.wake.clear()
            yield 1
    finally:
        await toy.enter(-1)


async def silence(_: Any, info: Info) -> AsyncGenerator[int, None]:
    toy: Toy = info.context.toy
    await toy.enter(+1)
    try:
        yield 0
        await asyncio.Event().wait()
    finally:
        await toy.enter(-1)


async def failing(_: Any, info: Info) -> AsyncGenerator[int, None]:
    yield 1
    raise RuntimeError("a secret that users wrote")


async def resync(_: Any, info: Info) -> AsyncGenerator[int, None]:
    yield 1
    raise Resync("The cursor is too old.", feedCursor="1.7")


async def refused(_: Any, info: Info) -> AsyncGenerator[int, None]:
    raise Unauthenticated("Sign in first.")


async def flood(_: Any, info: Info) -> AsyncGenerator[str, None]:
    toy: Toy = info.context.toy
    await toy.enter(+1)
    try:
        while True:
            yield "x" * 1024 * 64
    finally:
        await toy.enter(-1)


SUBSCRIPTION = {
    "count": count,
    "contexts": contexts,
    "callers": callers,
    "silence": silence,
    "failing": failing,
    "resync": resync,
    "refused": refused,
    "flood": flood,
}


RESOLVERS: dict[str, dict[str, Any]] = {"Query": QUERY, "Mutation": MUTATION, "Node": NODE}


@dataclass(slots=True)
class Served:
    """A gateway that serves the toy schema."""

    url: str
    toy: Toy
    tokens: Tokens
    sockets: SocketRegistry
    admission: Admission
    runner: AppRunner
    engine: Engine


@asynccontextmanager
async def serving(
    *,
    clock: Clock | None = None,
    introspection: bool = True,
    not_ready: str | None = None,
    **options: Any,
) -> AsyncIterator[Served]:
    """Serve the toy schema on a free port; the options are those of the transport."""

    async def ready() -> str | None:
        return not_ready

    toy, tokens, sockets = Toy(), Tokens(), SocketRegistry()
    chosen = Options(**options)
    admission = Admission(chosen)
    engine = Engine(toy_schema(), introspection=introspection)
    app = make_app(
        engine,
        verify=tokens.verify,
        contexts=toy,
        ready=ready,
        sockets=sockets,
        admission=admission,
        options=chosen,
        clock=clock,
    )
    runner = make_runner(app, chosen)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield Served(f"http://127.0.0.1:{port}/graphql", toy, tokens, sockets, admission, runner, engine)
    finally:
        await runner.cleanup()
