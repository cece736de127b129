"""The context of one operation: the only thing that a resolver awaits."""

from __future__ import annotations

import asyncio
import datetime
import functools
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar, cast
from uuid import UUID

import strawberry
import structlog
from aiodataloader import DataLoader
from strawberry.utils.str_converters import to_camel_case

from gateway.auth.authenticator import Authenticator
from gateway.auth.client import Client
from gateway.auth.download import Download
from gateway.auth.identity import Identity
from gateway.data import statements
from gateway.data.batches import Batch, ByKey, QueryRows
from gateway.data.driver.stamp import Stamp
from gateway.data.entity import Entity, entity_of
from gateway.data.pipeline import Pipelines
from gateway.data.pool import Pool
from gateway.data.queries import Query
from gateway.data.rules import ProposedRow, Rules
from gateway.data.tenancy import Tenant
from gateway.data.writing import Statements
from gateway.errors import Invalid, NotFound, Overloaded, Unauthenticated, Unavailable
from gateway.execution.operation import Operation
from gateway.execution.run.info import FieldInfo
from gateway.export.archive import KEPT
from gateway.feed.changes import FeedCursor
from gateway.feed.hub import Hub
from gateway.feed.presence import Presence
from gateway.feed.signals import Signals
from gateway.feed.topic import Topic
from gateway.live.feed import Feed
from gateway.outgoing.outgoing import Outgoing
from gateway.schema.objects.entity import id_of
from gateway.schema.objects.selection import asks_for, columns
from gateway.schema.strawberry_private import core_info
from gateway.schema.types.scalars import Cursor
from gateway.vault.vault import Vault
from gateway.work.afterwards import Afterwards
from gateway.work.queue import Asked, Queue

_log = structlog.get_logger(__name__)

T = TypeVar("T")

SNAPSHOT_FIELD = "feedCursor"
"""An operation that asks for it reads everything in one snapshot, so that what it read and the cursor agree."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What the contexts of one process share."""

    pool: Pool
    pipelines: Pipelines | None
    hub: Hub
    signals: Signals
    presence: Presence
    rules: Rules
    authenticator: Authenticator
    queue: Queue
    vault: Vault
    outgoing: Outgoing
    afterwards: Afterwards

    def open(self, identity: Identity | None, operation: Operation, client: Client) -> Context:
        """A context for the caller. Whoever opens it releases it, so that its connection is given back.

        Raises `Forbidden` if the caller is an agent whose token lacks a scope that the operation requires.
        """
        if identity is not None and identity.actor != "user":
            operation.document.access.check(identity.scopes)
        snapshot = SNAPSHOT_FIELD in operation.document.field_names and operation.kind == "query"
        return Context(self, identity, client, snapshot=snapshot)


class Context:
    """What an operation knows of its caller, and the ways to the caller's data."""

    def __init__(self, shared: Resources, identity: Identity | None, client: Client, *, snapshot: bool) -> None:
        self.identity = identity
        self.client = client
        self.authenticator = shared.authenticator
        self.rules = shared.rules
        self.presence = shared.presence
        self.vault = shared.vault
        self.outgoing = shared.outgoing
        self._hub = shared.hub
        self._queue = shared.queue
        self._afterwards = shared.afterwards
        self._signals = shared.signals
        stamp = None if identity is None else identity.stamp
        self.tenant = Tenant(
            shared.pool, stamp, pipelines=shared.pipelines, snapshot=snapshot, committed=shared.hub.committed
        )
        """The caller's view of the database."""
        self._loaders: dict[Batch, DataLoader[UUID, Any]] = {}
        self._columns: dict[tuple[Any, ...], tuple[str, ...]] = {}

    @property
    def user_id(self) -> UUID:
        """The caller. Raises `Unauthenticated` when there is none."""
        return self.tenant.stamp.user_id

    @property
    def credential_id(self) -> UUID:
        """The caller's session or, for an agent, its token. Raises `Unauthenticated` when there is none."""
        if self.identity is None:
            raise Unauthenticated("An access token is required: sign in first.")
        return self.identity.credential_id

    @property
    def may_read(self) -> bool:
        """Whether the caller may read what others wrote: a person, or an agent whose token has the scope `read`."""
        return self.identity is None or self.identity.actor == "user" or "read" in self.identity.scopes

    def signing_in(self, user_id: UUID, session_id: UUID) -> AbstractContextManager[None]:
        """Act as this user until the operation ends. Undone if the block fails."""
        return self.tenant.signing_in(Stamp(user_id, session_id, "user"))

    async def load(self, batch: Batch, key: UUID) -> Any:
        """The result of a batch for a key. Keys that are requested at the same time share one statement."""
        loader = self._loaders.get(batch)
        if loader is None:
            # What a query works out may be something else after the next mutation of the same operation.
            kept = type(batch) is not QueryRows
            loader = self._loaders[batch] = DataLoader(functools.partial(self._run, batch), cache=kept)
        # Whoever is cancelled while they wait must not cancel what others wait for as well.
        return await asyncio.shield(loader.load(key))

    async def _run(self, batch: Batch, keys: Sequence[UUID]) -> list[Any]:
        # A loader that keeps nothing is also given the same key twice, for which a query would return its rows twice.
        found = await batch.load(self.tenant, list(dict.fromkeys(keys)))
        return [found[key] if key in found else batch.missing() for key in keys]

    async def find(self, info: Info, cls: type[T], id: UUID, *below: str) -> T | None:
        """The caller's object with this id, with the columns that the field's selection, or one `below` it, needs."""
        entity = entity_of(cls)
        return cast("T | None", await self.load(self._by_id(entity, self.columns(info, entity, *below)), id))

    def _by_id(self, entity: Entity, wanted: tuple[str, ...]) -> ByKey:
        return ByKey(entity.table, "id", wanted, entity.record)

    def columns(self, info: Info, entity: Entity, *below: str) -> tuple[str, ...]:
        """The columns of an entity that the operation reads below the present field."""
        raw = core_info(info)
        memo, key = self._columns, (entity.name, below, *map(id, raw.field_nodes))
        if isinstance(raw, FieldInfo):
            memo, key = raw.memo, (entity.name, below)
        known = memo.get(key)
        if known is None:
            known = memo[key] = columns(entity, raw.field_nodes, cast("Any", raw.fragments), *below)
        return known

    def show(self, info: Info, entity: Entity, below: str) -> None:
        """Return only the columns that the operation reads `below` from later inserts."""
        self.tenant.shown = {entity.table: self.columns(info, entity, below)}

    async def rows(self, query: Query, **values: Any) -> list[Any]:
        """All rows of a hand-written query. It must be read-only or safe to repeat, and select by `:user_id`."""
        return await self.tenant.fetch(query.text, *query.after_caller(values))

    async def rows_of(self, row: Any, query: Query, **values: Any) -> Sequence[dict[str, Any]]:
        """The rows of a hand-written query for the object of a row. All objects of a level share one statement.

        The query selects by `:user_id` and `:keys`, the ids of the objects, and returns with each row the id of its
        object, as `of_id`.
        """
        rows: Sequence[dict[str, Any]] = await self.load(QueryRows(query, tuple(values.items())), row.id)
        return rows

    async def select(self, info: Info, cls: type[T], query: Query, **values: Any) -> list[T]:
        """The objects that a hand-written query returns with `:columns`, with the columns that the selection needs.

        As for `rows`, it must be read-only or safe to repeat, and select by `:user_id`.
        """
        entity = entity_of(cls)
        text = query.returning(self.columns(info, entity))
        return await self.tenant.fetch(text, *query.after_caller(values), record=entity.record)

    async def anonymous(self, query: Query, **values: Any) -> list[Any]:
        """All rows of a hand-written query that needs no caller."""
        return await self.tenant.anonymous(query.text, *query.arguments(None, values))

    def asks_for(self, info: Info, name: str) -> bool:
        """Whether the operation reads this field below the present one."""
        raw = core_info(info)
        return asks_for(name, raw.field_nodes, cast("Any", raw.fragments))

    def autocommit(self) -> AbstractAsyncContextManager[Statements]:
        """Statements that each commit on their own."""
        return self.tenant.autocommit()

    def transaction(self) -> AbstractAsyncContextManager[Statements]:
        """Statements that commit together. Await nothing else of this context inside."""
        return self.tenant.transaction()

    async def require(self, table: str, id: strawberry.ID | None, field: str) -> UUID | None:
        """The id of an object that must exist if it is named. Raises `NotFound` naming the argument."""
        if id is None:
            return None
        key = id_of(id, field)
        if not await self.tenant.fetch(statements.by_key(table, "id", ("id",)), [key]):
            noun = field.removesuffix("_id").replace("_", " ")
            raise NotFound(f"{to_camel_case(field)}: there is no such {noun}.", field=field)
        return key

    async def refuse_invalid(self, cls: type, values: Mapping[str, Any]) -> None:
        """Raise `Invalid` if values break rules of an entity's table, for a field that does not write them."""
        entity = entity_of(cls)
        broken = await self.rules.broken(ProposedRow(entity.table, entity.encoded(values)), self.tenant.anonymous)
        if broken:
            raise Invalid(broken[0].message, field=broken[0].field, others=broken[1:])

    async def changes(
        self,
        cls: type[T],
        *,
        where: Mapping[str, UUID | None] = MappingProxyType({}),
        after: Cursor | None,
        tables: frozenset[str] | None = None,
    ) -> AsyncIterator[T]:
        """The events of a class after a cursor, without gaps. Events that wait at the same time are yielded `Together`.

        `where` compares columns that the change carries; None compares nothing. `tables` are the tables whose changes
        are wanted, if the class is not of one table. Following it raises `Resync` when the cursor cannot be continued
        from.
        """
        cursor = FeedCursor.read(after) if after is not None else None
        wanted = {name: str(value) for name, value in where.items() if value is not None}
        user_id = self.user_id
        await self.release()
        return cast("AsyncIterator[T]", Feed(self._hub, cls, user_id, wanted, cursor, tables))

    async def enqueue(self, job: str, id: UUID) -> None:
        """Have a job of the caller run in the background. Its row must be committed.

        If the database is away at this moment, the job is found and enqueued within some minutes.
        """
        try:
            await self._queue.add(job, Asked(self.user_id, id))
        except (Overloaded, Unavailable):
            _log.warning("work.not_enqueued", job=job, id=str(id))

    def afterwards(self, query: Query, user_id: UUID | None, **values: Any) -> None:
        """Have a query without a tenant run once the response is on its way, so that the response does not wait for it.

        It may write rows of this user. It is lost if the process dies first.
        """
        self._afterwards.run(query, user_id, **values)

    def download_path(self, job_id: UUID, finished_at: datetime.datetime) -> str | None:
        """The signed path of an export of the caller; None if it has expired, or if the caller is not a person."""
        expires_at = finished_at + KEPT
        if self.identity is None or self.identity.actor != "user" or expires_at <= datetime.datetime.now(datetime.UTC):
            return None
        return Download(self.user_id, job_id, expires_at).path(self.authenticator.keys.refresh_key)

    def topic(self, kind: str, id: UUID) -> Topic:
        """The signals about one of the caller's objects. `kind` tells apart what they are for."""
        return Topic(self._signals, kind, self.user_id, id)

    def release(self) -> Coroutine[Any, Any, None]:
        """Give the connection back. The context may be used again, and then takes another."""
        return self.tenant.close()


Info = strawberry.Info[Context, None]
"""What a resolver is given besides its arguments."""
