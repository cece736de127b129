"""The context of one operation: the only thing that a resolver awaits."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from uuid import UUID

import strawberry
from aiodataloader import DataLoader
from strawberry.utils.str_converters import to_camel_case

from gateway.auth.account import Accounts
from gateway.auth.identity import Identity
from gateway.data import statements
from gateway.data.batches import Batch, ByKey
from gateway.data.pool import Pool
from gateway.data.rules import Rules
from gateway.data.tenancy import Stamp, Statements, Tenant
from gateway.errors import Forbidden, NotFound, Unauthenticated
from gateway.execution.operation import Operation
from gateway.execution.subscribe import Together
from gateway.feed.changes import Place
from gateway.feed.hub import Hub
from gateway.http.ports import Client
from gateway.schema.entity import Entity, entity_of, id_of
from gateway.schema.event import event_of, occurrence
from gateway.schema.scalars import Cursor
from gateway.schema.selection import columns

T = TypeVar("T")

SNAPSHOT_FIELD = "feedCursor"
"""An operation that asks for it reads everything in one snapshot, so that what it read and the cursor agree."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What the contexts of one process share."""

    pool: Pool
    hub: Hub
    rules: Rules
    accounts: Accounts

    def open(self, identity: Identity | None, operation: Operation, client: Client) -> Context:
        """A context for the caller. Whoever opens it releases it, so that its connection is given back."""
        snapshot = operation.kind == "query" and SNAPSHOT_FIELD in operation.field_names
        return Context(self, identity, client, snapshot=snapshot)


class Context:
    """What an operation knows of its caller, and the ways to the caller's data."""

    def __init__(self, shared: Resources, identity: Identity | None, client: Client, *, snapshot: bool) -> None:
        self.identity = identity
        self.client = client
        self.accounts = shared.accounts
        self.rules = shared.rules
        self._hub = shared.hub
        stamp = Stamp(identity.user_id, identity.session_id, identity.actor) if identity else None
        self._tenant = Tenant(shared.pool, stamp, snapshot=snapshot, committed=shared.hub.committed)
        self._loaders: dict[Batch, DataLoader[UUID, Any]] = {}
        self._columns: dict[tuple[Any, ...], tuple[str, ...]] = {}

    @property
    def user_id(self) -> UUID:
        """The caller. Raises `Unauthenticated` when there is none."""
        return self._tenant.stamp.user_id

    @property
    def session_id(self) -> UUID:
        """The caller's signed-in device. Raises `Unauthenticated` when there is none."""
        if self.identity is None:
            raise Unauthenticated("This needs an access token: sign in first.")
        return self.identity.session_id

    @property
    def tenant(self) -> Tenant:
        """The caller's view of the database."""
        return self._tenant

    def require_person(self, what: str) -> None:
        """Raise `Forbidden` when the caller is an agent that acts for the user."""
        if self.identity is not None and self.identity.actor != "user":
            raise Forbidden(f"An agent cannot {what}.")

    async def load(self, batch: Batch, key: UUID) -> Any:
        """What a batch finds for a key. Keys asked for at the same time share one statement."""
        loader = self._loaders.get(batch)
        if loader is None:
            loader = self._loaders[batch] = DataLoader(functools.partial(self._run, batch))
        # Whoever is cancelled while they wait must not cancel what others wait for as well.
        return await asyncio.shield(loader.load(key))

    async def _run(self, batch: Batch, keys: Sequence[UUID]) -> list[Any]:
        found = await batch.load(self._tenant, keys)
        return [found[key] if key in found else batch.missing() for key in keys]

    async def find(self, info: Info, cls: type[T], id: UUID) -> T | None:
        """The caller's object with this id, with the columns that the field's selection needs."""
        entity = entity_of(cls)
        return cast("T | None", await self.load(self._by_id(entity, self.columns(info, entity)), id))

    def _by_id(self, entity: Entity, wanted: tuple[str, ...]) -> ByKey:
        return ByKey(entity.table, "id", wanted, entity.record)

    def columns(self, info: Info, entity: Entity, *below: str) -> tuple[str, ...]:
        """The columns of an entity that the operation reads below the present field."""
        raw = info._raw_info
        memo = (entity.name, below, *map(id, raw.field_nodes))
        known = self._columns.get(memo)
        if known is None:
            known = self._columns[memo] = columns(entity, raw.field_nodes, cast("Any", raw.fragments), *below)
        return known

    def autocommit(self) -> AbstractAsyncContextManager[Statements]:
        """Statements that each commit by themselves."""
        return self._tenant.autocommit()

    def transaction(self) -> AbstractAsyncContextManager[Statements]:
        """Statements that commit together. Await nothing else of this context inside."""
        return self._tenant.transaction()

    async def require(self, table: str, id: strawberry.ID | None, field: str) -> UUID | None:
        """The id of an object that must exist if it is named. Raises `NotFound` naming the argument."""
        if id is None:
            return None
        key = id_of(id, field)
        if not await self._tenant.fetch(statements.by_key(table, "id", ("id",)), [key]):
            raise NotFound(f"{to_camel_case(field)}: there is no such {table.removesuffix('s')}.", field=field)
        return key

    async def changes(
        self, cls: type[T], *, where: Mapping[str, UUID | None], after: Cursor | None
    ) -> AsyncIterator[Any]:
        """The events of a class from a cursor on, without gaps, for ever; those that wait at the same time `Together`.

        `where` compares columns that the change carries; None compares nothing. Raises `Resync` when the cursor
        cannot be continued from.
        """
        place = Place.read(after) if after is not None else None
        wanted = {name: str(value) for name, value in where.items() if value is not None}
        user_id, described = self.user_id, event_of(cls)
        await self.release()
        return self._events(cls, described, wanted, user_id, place)

    async def _events(
        self, cls: type[T], described: Any, wanted: dict[str, str], user_id: UUID, place: Place | None
    ) -> AsyncIterator[Together]:
        # Closed here and not when it is collected: a follower that has left must leave no trace in the hub.
        async with aclosing(self._hub.follow(user_id, place)) as together:
            async for changes in together:
                found = Together(
                    occurrence(cls, change)
                    for change in changes
                    if described.made_by(change) and all(change.data[name] == value for name, value in wanted.items())
                )
                if found:
                    yield found

    async def release(self) -> None:
        """Give the connection back. The context may be used again, and then takes another."""
        await self._tenant.close()


Info = strawberry.Info[Context, None]
"""What a resolver is given besides its arguments."""
