"""Users: the caller, from whom everything else hangs."""

from __future__ import annotations

import datetime
import enum
from typing import Annotated
from uuid import UUID

import strawberry

from gateway import Context, Cursor, Info, Node, computed, entity, enum_type, lookup, page, sql
from resolvers.usage.totals import UsageTotals


@enum_type
class PlanType(enum.Enum):
    """What a user subscribes to."""

    FREE = "free"
    """The free plan."""
    PRO = "pro"
    """The paid plan of a person."""
    ENTERPRISE = "enterprise"
    """The plan of an organisation."""


@enum_type
class PlanStatus(enum.Enum):
    """Whether a plan is in force."""

    ACTIVE = "active"
    """It is."""
    PAST_DUE = "past_due"
    """A payment is late."""
    CANCELLED = "cancelled"
    """It has ended."""


@entity("users")
class User(Node):
    """A person with an account."""

    email: str
    """The address to sign in with."""
    username: str | None
    """A name to sign in with."""
    full_name: str | None
    """The person's name."""
    avatar_url: str | None
    """Where the person's picture is."""
    plan_type: PlanType
    """What the user subscribes to."""
    plan_status: PlanStatus
    """Whether that is in force."""
    default_provider: str
    """Who runs the model of a new conversation."""
    uses_own_api_key: bool
    """Whether calls are paid with the user's own keys."""
    last_login_at: datetime.datetime | None
    """When the user last signed in."""
    deleted_at: datetime.datetime | None
    """When the account was deleted; null while it is not."""

    conversations = page("Conversation", by="user_id")
    """The user's conversations."""
    tool_executions = page("ToolExecution", by="user_id", order="-created_at")
    """The tool calls of all conversations, the last first. With `status: [PENDING]`, what waits for approval."""
    usage_logs = page("UsageLog", by="user_id")
    """The user's model calls, the last first."""
    usage_days = page("UsageDay", by="user_id")
    """The user's model calls by day, the last first."""
    sessions = page("Session", by="user_id")
    """The devices that are or were signed in, the last used first."""

    @computed()
    async def feed_cursor(self, info: Info) -> Cursor:
        """Where the feed of changes stands. An operation that asks for it reads everything else as of the same moment,
        so a subscription from this cursor continues what was read, without a gap or an overlap.
        """
        (head,) = await info.context.tenant.fetch(sql.feed.changes.head.text)
        return Cursor(f"{head['epoch']}.{head['version']}")

    @computed()
    async def usage(
        self,
        info: Info,
        day_from: Annotated[
            datetime.date | None, strawberry.argument(name="from", description="From this day of UTC on.")
        ] = None,
        before: Annotated[datetime.date | None, strawberry.argument(description="Before this day of UTC.")] = None,
    ) -> UsageTotals:
        """What the user's model calls came to, of all days or of some."""
        (totals,) = await info.context.tenant.fetch(sql.usage.daily.totals.text, day_from, before)
        return UsageTotals(**totals)


@lookup(User, is_there=True)
def viewer(context: Context) -> UUID | None:
    """The caller; null without an access token."""
    return None if context.identity is None else context.user_id
