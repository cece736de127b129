"""Reads the change feed a page at a time, with only the last change of each row.

A change is the last one of its row if the row still has the version that the change gave it, or if it removed the row
and the row is still gone. So compaction needs no index: a page costs the changes that it looks at, and one look at each
of their rows. What is left out has a later change, which the same page or a later one contains.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.data import statements
from gateway.data.queries import sql
from gateway.data.tenancy import Tenant
from gateway.feed.changes import Change, FeedCursor, check_resumable

MOST_LOOKED_AT = 10_000
"""Changes that one page looks at. If only few of them are the last of their rows, the page is short."""
_FIRST_LOOK = 100
_LARGEST_LOOK = 1_000
"""Changes per statement. What Python does with them takes a few milliseconds, and others run in between."""
_GROWTH = 4


@dataclass(frozen=True, slots=True)
class ChangePage:
    """The last changes of rows, in the order of the feed."""

    changes: list[Change]
    end: FeedCursor
    """Where to continue. It may be after the last of the changes."""
    more: bool
    """Whether the feed goes on from there."""


@dataclass(frozen=True, slots=True)
class _Look:
    changes: list[Change]
    end: FeedCursor
    head: int


async def read_page(tenant: Tenant, after: FeedCursor | None, size: int, tables: Collection[str]) -> ChangePage:
    """Read up to `size` changes of rows of these tables, after a cursor or from the beginning of the feed.

    Raises `Resync` if the cursor cannot be resumed, or the beginning is no longer stored.
    """
    found: list[Change] = []
    left, most = MOST_LOOKED_AT, max(size, _FIRST_LOOK)
    while True:
        look = await _look(tenant, after, min(most, left), tables)
        found += await _last_of_rows(tenant, look.changes)
        if len(found) > size:
            # Cut before the first change that does not fit, so that none is looked at twice.
            end = FeedCursor(look.end.epoch, found[size].version - 1)
            return ChangePage(found[:size], end, more=True)
        after, left, most = look.end, left - most, min(most * _GROWTH, _LARGEST_LOOK)
        if after.version == look.head or left <= 0 or len(found) == size:
            return ChangePage(found, after, more=after.version < look.head)


async def _look(tenant: Tenant, after: FeedCursor | None, most: int, tables: Collection[str]) -> _Look:
    """The next changes. Of those of one row among them, only the last."""
    query = sql.feed.compacted.window
    values = {"after": after.version if after else 0, "most": most}
    rows = await tenant.fetch(query.text, *query.after_caller(values))
    epoch, head = rows[0]["epoch"], rows[0]["head"]
    begin = after or FeedCursor(epoch, 0)
    check_resumable(begin, FeedCursor(epoch, head), rows[0]["pruned"])
    changes: dict[tuple[str, UUID], Change] = {}
    for row in rows:
        version, entity, id = row["version"], row["entity"], row["entity_id"]
        if entity in tables:
            changes.pop((entity, id), None)
            changes[entity, id] = Change(epoch, version, entity, id, row["op"], {}, row["at"])
    return _Look([*changes.values()], FeedCursor(epoch, rows[-1]["version"] or begin.version), head)


async def _last_of_rows(tenant: Tenant, changes: Sequence[Change]) -> list[Change]:
    """The changes that no later one of the same row follows."""
    ids: dict[str, list[UUID]] = {}
    for change in changes:
        ids.setdefault(change.entity, []).append(change.entity_id)
    versions: dict[tuple[str, UUID], int] = {}
    for table, of_table in ids.items():
        # Read after the changes, so that a row with a later version has a later change.
        for row in await tenant.fetch(statements.by_key(table, "id", ("id", "version")), of_table):
            versions[table, row["id"]] = row["version"]
    return [change for change in changes if _is_last(change, versions.get((change.entity, change.entity_id)))]


def _is_last(change: Change, version: int | None) -> bool:
    return version is None if change.op == "purge" else version == change.version
