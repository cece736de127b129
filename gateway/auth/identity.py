"""The caller, as a verified access token describes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

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
