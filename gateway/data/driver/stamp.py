"""Whom a connection is stamped for."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID


class Stamp(NamedTuple):
    """What row-level security and the history of decisions know of the caller."""

    user_id: UUID
    session_id: UUID | None
    actor: str


NOBODY = (None,)
"""In the place of a stamp: all who are not known share what one user may have of the pool."""
