"""Users: the caller is the root of all other data."""

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
    """The plan of a user."""

    FREE = "free"
    """The free plan."""
    PRO = "pro"
    """The paid plan for individuals."""
    ENTERPRISE = "enterprise"
    """The plan for organizations."""


@enum_type
class PlanStatus(enum.Enum):
    """The status of a plan."""

    ACTIVE = "active"
    """The plan is active."""
    PAST_DUE = "past_due"
    """A payment is late."""
    CANCELLED = "cancelled"
    """The plan has ended."""


@entity("users")
class User(Node):
    """A user with an account."""

    email: str
    """The e-mail address, used to sign in."""
    username: str | None
    """An alternative name to sign in with; null if none is set."""
    full_name: str | None
    """The full name."""
    avatar_url: str | None
    """The URL of the profile picture."""
    plan_type: PlanType
    """The plan of the user."""
    plan_status: PlanStatus
    """The status of the plan."""
    default_provider: str
    """The preferred model provider for new conversations, such as `openai`."""
    uses_own_api_key: bool
    """Whether model calls use the user's own API keys."""
    last_login_at: datetime.datetime | None
    """When the user last signed in."""
    deleted_at: datetime.datetime | None
    """When the account was deleted; null if it is not deleted."""

    conversations = page("Conversation", by="user_id")
    """The user's conversations."""
    tool_executions = page("ToolExecution", by="user_id", order="-created_at")
    """The tool executions of all conversations, newest first. Those with `status: [PENDING]` await approval."""
    usage_logs = page("UsageLog", by="user_id")
    """The user's model calls, newest first."""
    usage_days = page("UsageDay", by="user_id")
    """The totals of the user's model calls per day, latest day first."""
    jobs = page("Job", by="user_id")
    """The work in the background that the user asked for, newest first."""
    sessions = page("Session", by="user_id")
    """The devices that are or were signed in, most recently used first."""

    @computed()
    async def feed_cursor(self, info: Info) -> Cursor:
        """The current position in the change feed. All data of the operation is read at the same moment, so a
        subscription with this cursor as `after` continues without gaps or duplicates.
        """
        (head,) = await info.context.rows(sql.feed.changes.head)
        return Cursor(f"{head['epoch']}.{head['version']}")

    @computed()
    async def usage(
        self,
        info: Info,
        day_from: Annotated[
            datetime.date | None, strawberry.argument(name="from", description="The first day to include, in UTC.")
        ] = None,
        before: Annotated[
            datetime.date | None, strawberry.argument(description="The first day to exclude, in UTC.")
        ] = None,
    ) -> UsageTotals:
        """The totals of the user's model calls, over all days or a range of days."""
        (totals,) = await info.context.rows(sql.usage.daily.totals, day_from=day_from, before=before)
        return UsageTotals(**totals)


@lookup(User, is_there=True)
def viewer(context: Context) -> UUID | None:
    """The signed-in user; null without an access token."""
    return None if context.identity is None else context.user_id
