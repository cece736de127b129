"""Each declared list has an index, each index serves a list or has another stated purpose, and none is redundant."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterator, Mapping

import asyncpg
import pytest_asyncio

from gateway.data.clauses.order import REVERSED
from gateway.data.entity import Entity
from gateway.data.setup.catalogue import Index, Table, read_catalogue
from gateway.schema.agreement import declared
from gateway.schema.declaration import orders
from gateway.schema.objects import filter as filters
from tests.kit.schema import graphql_schema

OTHERS = {
    ("agent_tokens", ("LEAST(revoked_at, expires_at)",)): "finding tokens of all users that ended long ago",
    ("audit_entries", ("created_at",)): "finding entries of all users that are too old",
    ("auto_approval_rules", ("user_id", "tool_key")): "finding the rules that a proposal may match",
    ("data_keys", ("key_id", "user_id")): "finding data keys of all users that an older key wraps",
    ("context_optimization_messages", ("user_id", "message_id", "context_optimization_id")): "purging a message",
    ("export_parts", ("job_id",)): "finding the exports of all users that have parts",
    ("feed_ages", ("oldest_at",)): "finding the feeds with old changes of all users",
    ("jobs", ("finished_at",)): "finding jobs of all users that ended long ago",
    ("jobs", ("updated_at",)): "finding unfinished jobs of all users",
    ("leases", ("until",)): "finding expired leases of all users",
    ("revocations", ("at",)): "removing revocations that are no longer needed",
    ("plan_quotas", ("plan_type", "unit", "period")): "two quotas of a plan that count the same",
    ("provider_keys", ("user_id", "provider_config_id", "is_default", "created_at", "id")): "finding the key in use",
    ("usage_reservations", ("expires_at",)): "finding reservations of all users that expired long ago",
    ("usage_reservations", ("user_id", "expires_at")): "the living reservations of a user",
    ("webhook_events", ("seen_at",)): "removing events that are no longer needed",
    ("users", ("purge_at",)): "finding deleted accounts whose time is over",
    ("tool_executions", ("user_id", "approved_at")): "summing what was approved automatically in the last hour",
    ("sessions", ("LEAST(expires_at, ends_at)",)): "finding expired sessions of all users",
}
"""Indexes that serve no list, with their purpose."""

TRASH = ("user_id", "deleted_at", "id")
"""The index of each table whose rows can be deleted, by which the trash and restored parents find them."""


@pytest_asyncio.fixture(loop_scope="module")
async def tables(superuser: asyncpg.Connection) -> Mapping[str, Table]:
    return await read_catalogue(superuser)


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """A list that a link declares: the rows of a table with one value of `by`, in one of its orders."""

    table: str
    by: str
    order: tuple[str, ...]
    """The columns of the order, without the tie-breaker."""
    last: str
    """The tie-breaker: the id of the listed object."""
    filters: frozenset[str]
    """The columns that clients can filter by."""
    is_reference: bool = False

    def is_served_by(self, index: Index) -> bool:
        """Whether the index has the order of the list, either unfiltered or filtered by one column."""
        columns = list(index.columns)
        prefix = [] if self.is_reference else ["user_id"]
        prefix += [self.by] if self.by not in ("", "user_id") else []
        if columns[: len(prefix)] != prefix:
            return False
        rest = columns[len(prefix) :]
        if rest and rest[0] in self.filters - set(self.order):
            rest = rest[1:]
        end = len(self.order)
        return rest[:end] == list(self.order) and rest[end:] in ([], [self.last])


def _lists(entities: Mapping[str, Entity]) -> Iterator[Listed]:
    for entity in entities.values():
        for _, link in entity.lists_and_links():
            target = entities[link.target]
            if link.shape not in ("many", "page") or link.query is not None:
                continue
            attributes = filters.attributes(target, target.filter) if target.filter else ()
            narrowed_by = frozenset(attribute.column for attribute in attributes)
            for order in orders(link.order or target.order):
                names = target.total_order(order, through=link.through is not None).names
                columns = tuple(name for name in names if name != "id")
                if link.through is not None:
                    yield Listed(link.through.table, link.through.by, columns, link.through.to, narrowed_by)
                else:
                    yield Listed(target.table, link.by, columns, "id", narrowed_by, target.is_reference)


def filters_of_join_tables(entities: Mapping[str, Entity]) -> set[tuple[str, tuple[str, ...]]]:
    """The tables and columns of the indexes that serve filters by what rows are joined to."""
    return {
        (attribute.through.table, columns)
        for entity in entities.values()
        if entity.filter is not None
        for attribute in filters.attributes(entity, entity.filter)
        if attribute.through is not None
        for columns in itertools.permutations(("user_id", attribute.through.by, attribute.through.to))
    }


def is_of_a_key(table: Table, index: Index, listed_by: Collection[str]) -> bool:
    """Whether add_link() made the index for a foreign key whose parent does not list these rows."""
    keys = {key.columns[-1] for key in table.keys} - {"user_id", *listed_by}
    return index.columns in {("user_id", key, "created_at", "id") for key in keys}


def is_read_alike(table: Table, index: Index, other: Index) -> bool:
    """Whether another index with the same columns has their order, forwards or backwards."""
    fixed = {"user_id", *(key.columns[-1] for key in table.keys)}
    pairs = [
        (here, there)
        for column, here, there in zip(index.columns, index.directions, other.directions, strict=False)
        if column not in fixed
    ]
    return all(here == there for here, there in pairs) or all(REVERSED[here] == there for here, there in pairs)


async def test_every_list_has_an_index_in_its_order(tables: Mapping[str, Table]) -> None:
    lists = list(_lists(declared(graphql_schema())[0]))
    assert len(lists) > 10
    for listed in lists:
        indexes = tables[listed.table].indexes
        assert any(listed.is_served_by(index) for index in indexes), (
            f"no index of {listed.table} serves this list in its order: {listed}"
        )


async def test_every_index_serves_a_list_or_is_known(tables: Mapping[str, Table]) -> None:
    entities = declared(graphql_schema())[0]
    lists, joins = list(_lists(entities)), filters_of_join_tables(entities)
    for name, table in tables.items():
        for index in table.indexes:
            serves = any(listed.table == name and listed.is_served_by(index) for listed in lists)
            serves = serves or (name, index.columns) in joins
            is_known = (name, index.columns) in OTHERS or index.columns == TRASH
            serves_a_key = is_of_a_key(table, index, {listed.by for listed in lists if listed.table == name})
            assert (serves or serves_a_key) + is_known == 1 or index.unique, (
                f"{index} of {name} must serve a list or a foreign key, or else be in OTHERS with its purpose"
            )


async def test_no_index_is_another_or_the_beginning_of_one(tables: Mapping[str, Table]) -> None:
    """Another index that covers its rows and begins with its columns makes it redundant, unless it is unique."""
    for name, table in tables.items():
        for index in table.indexes:
            others = [other for other in table.indexes if other is not index]
            same = [
                other
                for other in others
                if other.columns[: len(index.columns)] == index.columns
                and other.condition in (None, index.condition)
                and is_read_alike(table, index, other)
            ]
            assert not same or index.unique, f"{index} of {name} is redundant: {same[0]} also serves its queries"
