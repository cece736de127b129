"""The caller, as described by a verified token."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from gateway.data.driver.stamp import Stamp

Actor = Literal["user", "agent"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, the credential by which they or an agent of theirs signed in, and what it allows.

    The token was valid when it was read. Later revocations are checked elsewhere.
    """

    user_id: UUID
    credential_id: UUID
    """The id of the credential: of the signed-in session or, for an agent, of its token."""
    actor: Actor
    """Who holds the token: the user, or an agent that acts for the user."""
    scopes: frozenset[str]
    """What an agent's token allows. Empty for a person, whose session allows everything."""
    expires_at: datetime
    """When the token expires: timezone-aware, in UTC."""
    token_id: str
    stamp: Stamp = field(init=False, repr=False, compare=False)
    """The stamp for database connections. Operations with the same token share it, so that it compares by identity."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stamp", Stamp(self.user_id, self.credential_id, self.actor))
