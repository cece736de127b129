"""The change feed: every committed change of a user's rows, numbered in the order of the commits.

A cursor is `epoch.version`. The version's lock is held to the commit of each write, so every read sees a prefix of the
feed: what follows a cursor is complete, and nothing can appear before it later.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from gateway.data.driver.failure import told_clearly
from gateway.data.pool import Pool
from gateway.data.queries import sql
from gateway.errors import BadRequest


@dataclass(frozen=True, slots=True, order=True)
class FeedCursor:
    """A cursor in a user's feed: behind the change with this version."""

    epoch: int
    version: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.version}"

    @classmethod
    def read(cls, cursor: str, argument: str = "after") -> FeedCursor:
        """Raises `BadRequest` naming the argument when this is no cursor of the feed."""
        epoch, dot, version = cursor.partition(".")
        if not dot or not _is_number(epoch) or not _is_number(version):
            raise BadRequest(f"{argument}: this is not a feed cursor.", argument=argument)
        return cls(int(epoch), int(version))


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change of a row."""

    epoch: int
    version: int
    entity: str
    entity_id: UUID
    op: str
    data: Mapping[str, Any]
    at: datetime.datetime
    old_data: Mapping[str, Any] | None = None
    """The ids in `data` as they were before, if the change altered one: the row has moved."""

    @property
    def cursor(self) -> str:
        return f"{self.epoch}.{self.version}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read found in a user's feed: its state, and the changes after the cursor asked for, oldest first."""

    epoch: int
    head: int
    pruned: int
    changes: list[Change]


MOST_CHANGES = 500
"""How many changes of a user one read gives at most."""


async def read_waiting(pool: Pool, places: Mapping[UUID, int]) -> dict[UUID, Reading]:
    """Read the feeds of several users in one statement, each after its version. A user without a feed is left out."""
    query = sql.feed.changes.waiting
    names = ",".join(str(user_id) for user_id in places)
    arguments = query.arguments(None, {"names": names, "places": list(places.values()), "most": MOST_CHANGES})
    async with pool.connection() as connection:
        with told_clearly(connection):
            return _readings(await connection.fetch(query.text, *arguments))


def _readings(rows: Sequence[Any]) -> dict[UUID, Reading]:
    found: dict[UUID, Reading] = {}
    for row in rows:
        reading = found.get(row["user_id"])
        if reading is None:
            reading = found[row["user_id"]] = Reading(row["epoch"], row["head"], row["pruned"], [])
        if row["version"] is not None:
            reading.changes.append(
                Change(
                    row["epoch"],
                    row["version"],
                    row["entity"],
                    row["entity_id"],
                    row["op"],
                    orjson.loads(row["data"]),
                    row["at"],
                    None if (old := row["old_data"]) is None else orjson.loads(old),
                )
            )
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19 and (text == "0" or text[0] != "0")
