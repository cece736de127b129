"""Reads the change feed: every committed change of a user's rows, numbered in commit order.

A cursor is `epoch.version`. Each write holds the lock on the version until it commits, so every read sees a prefix of
the feed: the changes after a cursor are complete, and none can appear before it later.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from gateway.data.driver.failure import translated_errors
from gateway.data.pool import Pool
from gateway.data.queries import sql
from gateway.errors import BadRequest, Resync


@dataclass(frozen=True, slots=True, order=True)
class FeedCursor:
    """A position in a user's feed, after the change with this version."""

    epoch: int
    version: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.version}"

    @classmethod
    def read(cls, cursor: str, argument: str = "after") -> FeedCursor:
        """Parse a cursor. Raises `BadRequest`, which names the argument, if it is not a feed cursor."""
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
    """The previous ids in `data` if the change altered one, which means that the row has moved."""

    @property
    def cursor(self) -> str:
        return f"{self.epoch}.{self.version}"


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of one read of a user's feed: its state, and the changes after a cursor, oldest first."""

    epoch: int
    head: int
    pruned: int
    changes: list[Change]


def check_resumable(cursor: FeedCursor, head: FeedCursor, pruned: int) -> None:
    """Raise `Resync` if a cursor is of another epoch, in the future, or pruned."""
    if cursor.epoch != head.epoch or not pruned <= cursor.version <= head.version:
        raise resync(cursor)


def resync(cursor: FeedCursor) -> Resync:
    """The error for a cursor that cannot be resumed."""
    return Resync(
        "after: the feed cannot resume from this cursor. Read the current state and continue from its feedCursor.",
        cursor=str(cursor),
    )


MOST_CHANGES = 500
"""Changes of one user per read."""


async def read_waiting(pool: Pool, versions: Mapping[UUID, int]) -> dict[UUID, Reading]:
    """Read the feeds of several users, each after its version, in one statement. Leaves out users without a feed."""
    query = sql.feed.changes.waiting
    names = ",".join(str(user_id) for user_id in versions)
    arguments = query.arguments(None, {"names": names, "versions": list(versions.values()), "most": MOST_CHANGES})
    async with pool.connection() as connection:
        with translated_errors(connection):
            return _readings(await connection.fetch(query.text, *arguments))


def _readings(rows: Sequence[Any]) -> dict[UUID, Reading]:
    readings: dict[UUID, Reading] = {}
    for row in rows:
        reading = readings.get(row["user_id"])
        if reading is None:
            reading = readings[row["user_id"]] = Reading(row["epoch"], row["head"], row["pruned"], [])
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
    return readings


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19 and (text == "0" or text[0] != "0")
