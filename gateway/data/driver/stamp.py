"""Stamps: the caller on whose behalf a connection is used."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID


class Stamp(NamedTuple):
    """The caller, as seen by row-level security and by the history of decisions."""

    user_id: UUID
    credential_id: UUID | None
    """The session that acts or, for an agent, its token."""
    actor: str


NOBODY = (None,)
"""In place of a stamp: all anonymous callers share one user's part of the pool."""
