"""Users: the caller is the root of all other data."""

from __future__ import annotations

import datetime
import enum
from typing import Annotated
from uuid import UUID

import strawberry

from gateway import (
    Context,
    Cursor,
    Info,
    Node,
    computed,
    entity,
    enum_type,
    lookup,
    one,
    page,
    sql,
    standard,
    trash_list,
)
from resolvers.usage.totals import LocalUsageDay, UsageDimension, UsageGroup, UsageTotals, UserStats


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
    TRIALING = "trialing"
    """The plan is active, and free of charge for a trial."""
    PAST_DUE = "past_due"
    """A payment is late."""
    CANCELLED = "cancelled"
    """The plan has ended, and the free plan applies."""


_FromDay = Annotated[
    datetime.date | None, strawberry.argument(name="from", description="The first day to include, in UTC.")
]
_BeforeDay = Annotated[datetime.date | None, strawberry.argument(description="The first day to exclude, in UTC.")]


@entity("users", one_per_user=True, derived={"uses_own_api_key": "uses_own_keys"})
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
    """The model provider of new conversations that name none, such as `openai`."""
    default_model: str | None
    """The model of new conversations that name none; null for `gpt-4o-mini`."""
    time_zone: str
    """The time zone, an IANA name such as `Europe/Berlin`."""
    locale: str
    """The language and region, a BCP 47 tag such as `en` or `pt-BR`."""
    email_verified_at: datetime.datetime | None
    """When the user proved to receive mail at `email`; null until then."""
    uses_own_api_key: bool
    """Whether model calls use the user's own API keys at present. It becomes false when the last active key is deleted
    or deactivated, and is false while all active keys have expired. Expiry neither changes `version` nor reaches
    subscribers."""
    last_login_at: datetime.datetime | None
    """When the user last signed in."""
    deleted_at: datetime.datetime | None
    """When the account was deleted; null if it is not deleted."""
    purge_at: datetime.datetime | None
    """When everything of the deleted account is removed permanently; until then it can be restored. Null if it is not
    deleted."""

    settings = one("UserSettings", by="user_id")
    """The user's settings."""
    auto_approval_settings = one("AutoApprovalSettings", by="user_id")
    """Which of the user's tool executions are approved without a person."""
    auto_approval_rules = page("AutoApprovalRule", by="user_id")
    """The user's rules that approve or refuse tool executions, oldest first."""
    known_tools = page("KnownTool", by="user_id")
    """The tools that agents have proposed to call, most often proposed first."""
    conversations = page("Conversation", by="user_id")
    """The user's conversations."""
    tool_executions = page("ToolExecution", by="user_id", order="-created_at")
    """The tool executions of all conversations, newest first. Those with `status: [PENDING]` await approval."""
    usage_logs = page("UsageLog", by="user_id")
    """The user's model calls, newest first."""
    usage_days = page("UsageDay", by="user_id")
    """The totals of the user's model calls per day, latest day first."""
    usage_quotas = page("UsageQuota", by="user_id")
    """The quotas of the plan and the user's own budgets, oldest first."""
    usage_reservations = page("UsageReservation", by="user_id")
    """The estimates that were held against the quotas in the last day, newest first."""
    message_feedback = page("MessageFeedback", by="user_id")
    """The user's feedback on messages of the assistant, newest first."""
    jobs = page("Job", by="user_id")
    """The work in the background that the user asked for, newest first."""
    tags = page("Tag", by="user_id")
    """The user's tags."""
    provider_configs = page("ProviderConfig", by="user_id")
    """The user's configurations of model providers, by provider."""
    provider_keys = page("ProviderKey", by="user_id")
    """The user's API keys of model providers, newest first."""
    plan_subscriptions = page("PlanSubscription", by="user_id")
    """The user's subscriptions to plans, newest first."""
    sessions = page("Session", by="user_id")
    """The devices that are or were signed in, most recently used first."""
    audit_entries = page("AuditEntry", by="user_id")
    """What concerned the security of the account in the last two years, newest first."""

    agent_tokens = page("AgentToken", by="user_id")
    """The tokens by which agents act for the user, newest first."""

    trash = trash_list()

    @computed(exported=False)
    async def feed_cursor(self, info: Info) -> Cursor:
        """The current position in the change feed. All data of the operation is read at the same moment, so a
        subscription with this cursor as `after` continues without gaps or duplicates.
        """
        (head,) = await info.context.rows(sql.feed.changes.head)
        return Cursor(f"{head['epoch']}.{head['version']}")

    @computed()
    async def usage(self, info: Info, day_from: _FromDay = None, before: _BeforeDay = None) -> UsageTotals:
        """The totals of the user's model calls, over all days or a range of days."""
        (totals,) = await info.context.rows(sql.usage.daily.totals, day_from=day_from, before=before)
        return UsageTotals(**totals)

    @computed(exported=False)
    async def usage_by(
        self,
        info: Info,
        dimension: Annotated[
            UsageDimension, strawberry.argument(description="The dimension, on which the `key` of each group depends.")
        ],
        day_from: _FromDay = None,
        before: _BeforeDay = None,
    ) -> list[UsageGroup]:
        """The totals of the user's model calls by provider, model, automation and so on, over all days or a range of
        days. Most expensive first, at most 200 groups.
        """
        query = sql.usage.groups.of_user
        rows = await info.context.rows(query, dimension=dimension.value, day_from=day_from, before=before)
        return [UsageGroup(**row) for row in rows]

    @computed()
    async def local_usage_days(
        self,
        info: Info,
        day_from: Annotated[
            datetime.date | None, strawberry.argument(name="from", description="The first day to include.")
        ] = None,
        before: Annotated[datetime.date | None, strawberry.argument(description="The first day to exclude.")] = None,
    ) -> list[LocalUsageDay]:
        """The totals of the user's model calls per day in `timeZone`, latest day first, at most 400 days. After a
        change of `timeZone`, they are those of the new one. `usageDays` has days in UTC.
        """
        rows = await info.context.rows(sql.usage.daily.local, day_from=day_from, before=before)
        return [LocalUsageDay(**row) for row in rows]

    @computed("created_at")
    async def stats(self, info: Info) -> UserStats:
        """What the user has and has used, over all time."""
        (stats,) = await info.context.rows(sql.usage.stats.of_user)
        return UserStats(**stats, attachments=0, user_since=self.created_at)


class UserInput:
    """What a user may change of their account."""

    full_name: str | None = None
    """The full name, up to 255 characters."""
    username: str | None = None
    """An alternative name to sign in with: 2 to 50 letters, digits, dots, hyphens or underscores. It must not be taken.
    Case does not matter at sign-in."""
    avatar_url: str | None = None
    """The URL of the profile picture, beginning with `http://` or `https://`, up to 2,048 characters."""
    default_provider: str | None = None
    """The model provider of new conversations that name none, up to 50 characters. Defaults to `openai`."""
    default_model: str | None = None
    """The model of new conversations that name none, up to 100 characters. Null for `gpt-4o-mini`."""
    time_zone: str | None = None
    """The time zone, an IANA name such as `Europe/Berlin`. Defaults to `UTC`."""
    locale: str | None = None
    """The language and region, a BCP 47 tag such as `en` or `pt-BR`. Defaults to `en`."""
    uses_own_api_key: bool | None = None
    """Whether model calls use the user's own API keys. Requires a provider key that is active and has not
    expired. Defaults to false."""


standard(User, input=UserInput, scope="person")


@lookup(User, is_there=True)
def viewer(context: Context) -> UUID | None:
    """The signed-in user; null without an access token."""
    return None if context.identity is None else context.user_id
