"""Reads the objects of a type as lines of JSON, page by page in the order of their ids.

No page is in the same snapshot as another, because a long transaction would keep the database from vacuuming. So an
object that changes meanwhile may be in either state. A client reads what has changed from the feed, beginning at the
cursor in the manifest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import orjson

from gateway.data import scan
from gateway.errors import TooLarge
from gateway.export.selection import ExportedType
from gateway.schema.fields.node import MOST_NODES
from gateway.work.work import Work

Page = Sequence[tuple[UUID, bytes]]
"""The ids of a page's objects, each with its line, which is empty if the object has been removed meanwhile."""


async def pages(work: Work, of: ExportedType, after: UUID | None) -> AsyncIterator[Page]:
    """Read the user's objects of a type, deleted ones included, after an id or from the first one on.

    If objects are too large to be read together, they are read in smaller pages.
    """
    size = MOST_NODES
    while ids := await _next_ids(work, of, after, size):
        try:
            page = await _page(work, of, ids)
        except TooLarge:
            if size == 1:
                raise
            size = max(1, size // 4)
            continue
        yield page
        after, size = ids[-1], min(2 * size, MOST_NODES)


async def _next_ids(work: Work, of: ExportedType, after: UUID | None, most: int) -> list[UUID]:
    position = () if after is None else (after,)
    rows = await work.select(scan.next_ids(of.table, after=after is not None), *position, most)
    return [row["id"] for row in rows]


async def _page(work: Work, of: ExportedType, ids: list[UUID]) -> Page:
    joined = {name: await _joined(work, each.statement, ids) for name, each in of.lists.items()}
    nodes = (await work.query(of.query, ids=[str(id) for id in ids]))["nodes"]
    page = []
    for id, node in zip(ids, nodes, strict=True):
        # It is null if the object was removed between the statements, and empty if its id is another type's as well.
        lists = {name: each.shape(joined[name][id]) for name, each in of.lists.items()}
        page.append((id, orjson.dumps({**node, **lists}) + b"\n" if node else b""))
    return page


async def _joined(work: Work, statement: str, ids: list[UUID]) -> defaultdict[UUID, list[str]]:
    found = defaultdict[UUID, list[str]](list)
    for row in await work.select(statement, ids):
        found[row["id"]].append(str(row["joined_id"]))
    return found
