"""The caller, as a verified access token describes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from gateway.data.driver.stamp import Stamp

Actor = Literal["user", "agent"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, the signed-in session they act through, and what the session's token allows.

    It says that the token was good when it was read. A revocation since then is noticed elsewhere.
    """

    user_id: UUID
    session_id: UUID
    actor: Actor
    """Who holds the token: the user, or an agent that acts for the user."""
    scopes: frozenset[str]
    expires_at: datetime
    """When the token ends; aware, in UTC, on a whole second."""
    token_id: str
    stamp: Stamp = field(init=False, repr=False, compare=False)
    """What the database is told of them. One object for all operations with the token, so that it is told by itself."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stamp", Stamp(self.user_id, self.session_id, self.actor))
