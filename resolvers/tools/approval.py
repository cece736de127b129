"""Automatic approval: the user's settings and rules, which decide about a tool execution when it is proposed.

The database decides, for every writer (`sql/functions/approvals/approval_decide.sql`).
"""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal
from typing import Annotated, Any

import orjson
import strawberry

from gateway import (
    JSON,
    Info,
    Node,
    computed,
    entity,
    enum_type,
    input_type,
    maybe,
    object_type,
    page,
    query,
    sql,
    standard,
)
from resolvers.tools.approval_reason import ApprovalReason
from resolvers.tools.execution import ToolExecution
from resolvers.tools.known_tool import KnownTool, ToolRisk


@enum_type
class ApprovalEffect(enum.Enum):
    """What a rule does with the tool executions that it matches."""

    ALLOW = "allow"
    """They are approved, within the limits of costs."""
    ASK = "ask"
    """A person decides."""
    DENY = "deny"
    """They are cancelled."""


@entity("auto_approval_settings", one_per_user=True)
class AutoApprovalSettings(Node):
    """Which tool executions are approved without a person, in addition to rules. They exist as long as the account."""

    read_only_operations: bool
    """Whether calls of tools whose risk is `READ_ONLY` are approved."""
    low_risk_operations: bool
    """Whether calls of tools whose risk is `READ_ONLY` or `LOW` are approved."""
    max_cost_per_tool_usd: Decimal
    """The highest estimated cost of one execution that is approved, in US dollars."""
    max_cost_per_hour_usd: Decimal
    """The most that the automatic approvals of any 60 minutes may cost together, in US dollars."""
    require_approval_for_new_tools: bool
    """Whether a person must have approved a call of the same tool before."""

    rules = page("AutoApprovalRule", key="user_id", by="user_id")
    """The user's rules, oldest first."""

    @computed()
    async def spent_last_hour_usd(self, info: Info) -> Decimal:
        """What the automatic approvals of the last 60 minutes cost together, in US dollars. An execution that has not
        ended, or did not report its cost, counts with its estimate."""
        (row,) = await info.context.rows(sql.tools.approval.spent)
        spent: Decimal = row["spent"]
        return spent


class AutoApprovalSettingsInput:
    """The settings that a person may change."""

    read_only_operations: bool | None = None
    """Whether calls of tools whose risk is `READ_ONLY` are approved. Defaults to false."""
    low_risk_operations: bool | None = None
    """Whether calls of tools whose risk is `READ_ONLY` or `LOW` are approved. Defaults to false."""
    max_cost_per_tool_usd: Decimal | None = None
    """The highest estimated cost of one execution that is approved, from 0 to 1,000,000 US dollars. Defaults to 1."""
    max_cost_per_hour_usd: Decimal | None = None
    """The most that the automatic approvals of any 60 minutes may cost together, from 0 to 1,000,000 US dollars.
    Defaults to 10."""
    require_approval_for_new_tools: bool | None = None
    """Whether a person must have approved a call of the same tool before. Defaults to true."""


standard(AutoApprovalSettings, input=AutoApprovalSettingsInput, scope="person")


@input_type
class AutoApprovalRuleFilter:
    """Conditions for a list of rules. Each item meets all that are set."""

    effect: list[ApprovalEffect] | None = None
    """With one of these effects."""
    tool_name: list[str] | None = None
    """For one of these tools, as the rules name them."""
    conversation_id: list[strawberry.ID | None] | None = None
    """Of one of these conversations. A null in the list stands for rules of all conversations."""


@entity("auto_approval_rules", filter=AutoApprovalRuleFilter)
class AutoApprovalRule(Node):
    """A rule that approves, refuses or asks, by the tool and its arguments.

    Rules of the conversation take precedence over rules without one. Among equals, `DENY` comes before `ASK`, and `ASK`
    before `ALLOW`.
    """

    tool_name: str
    """The name of the tool. `*` stands for any characters."""
    arguments: JSON
    """The patterns of arguments: an object with a JSON Pointer for each, such as `{"/path": "src/**"}`."""
    ignore_case: bool
    """Whether the patterns of an `ALLOW` rule ignore case. Others always do."""
    host: str | None
    """The host of all URLs among the arguments, or `*.example.org` for the hosts below it; null if any will do."""
    effect: ApprovalEffect
    """What the rule does."""
    max_cost_usd: Decimal | None
    """The highest estimated cost that an `ALLOW` rule approves, in US dollars; null if only the settings limit it. The
    lower one of this and `maxCostPerToolUsd` applies."""
    expires_at: datetime.datetime | None
    """When the rule ceases to apply; null for never."""
    note: str | None
    """Why the rule exists; null if nobody has said so."""
    times_used: int
    """How many proposals it has decided. A use does not change `version`."""
    last_used_at: datetime.datetime | None
    """When it last decided; null if it never did."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null if it is not deleted."""

    conversation = maybe("Conversation", key="conversation_id")
    """The conversation to which it is limited; null if it applies to all."""


class AutoApprovalRuleInput:
    """The fields of a rule that a person may set."""

    tool_name: str
    """The name of the tool, 1 to 100 characters. `*` stands for any characters."""
    arguments: JSON | None = None
    """The patterns of up to 20 arguments: an object with a JSON Pointer for each, such as `{"/command": "git log *"}`.
    All must match. Defaults to `{}`, which matches all arguments.

    In a pattern for a path, such as `src/**`, `*` stands for anything within a part of the path and `**` for anything;
    `./`, doubled slashes and a slash at the end make no difference. In other patterns, `*` at the end stands for
    anything, `*` elsewhere for anything within a word, and `**` for anything. In the first word and in a word with a
    slash, both stay within the word, and `*` within its part of the path. Only a pattern with a space matches an
    argument with spaces, except `*`. An argument that is missing matches no pattern.

    An `ALLOW` rule matches only texts that mean the same in every shell: letters and digits of ASCII, spaces and
    `- _ . / : = , @ + %`, `~` after a letter or a digit, and in single or double quotes also letters of other alphabets
    and `( ) [ ] { } * ? # ^`. It never matches `..` as a directory, `;`, `&`, `|`, `<`, `>`, `$`, `!`, backticks,
    backslashes, line ends, encoded characters, `/proc`, `/dev`, `=` and `%` at the beginning of a word, an object, a
    list, or more than 16,384 characters. A path may contain letters of other alphabets, but no spaces and quotes, and a
    URL that is the whole argument a `?`. All else waits for a person.

    `ASK` and `DENY` rules compare what the argument may mean, and when in doubt they match. Their patterns may begin at
    each word, so `rm *` also matches `sudo rm x`, `rm` and `echo rm x`. They ignore case, quotes, spaces and
    look-alikes; their wildcards stand for anything. If a variable, a wildcard or a brace makes the rest of a command
    uncertain, they match if what is before it is how the pattern begins. A pattern for a path matches any path with
    `..`, which may lead through a link. They match any object, list, or text of more than 16,384 characters. They do
    not find a program that does the same by another name."""
    ignore_case: bool | None = None
    """Whether the patterns of an `ALLOW` rule ignore case. Defaults to false."""
    host: str | None = None
    """The host that all URLs among the arguments must have, such as `example.org`, or `*.example.org` for the hosts
    below it. An `ALLOW` rule then needs a URL, and matches only plain ones, without user, port and encoded
    characters. All other texts must be certain not to name a host: a word that begins with a letter, an absolute path,
    a media type, or words between single spaces without other punctuation than `, ; ' " ( ) ! ?` and a full stop or a
    colon at the end of a word. It refuses any other text, such as `example.net/x`, `a.txt` or `db:5432`, and anything
    but a URL in a member whose name contains a word such as `url`, `host` or `target`.

    An `ASK` or `DENY` rule matches if the host occurs in any text or name of a member, even encoded or in part behind
    a wildcard, and if all texts together have more than 131,072 characters."""
    effect: ApprovalEffect
    """What the rule does."""
    max_cost_usd: Decimal | None = None
    """The highest estimated cost that an `ALLOW` rule approves, from 0 to 1,000,000 US dollars. Defaults to no maximum
    of its own. A value above the `maxCostPerToolUsd` of the settings has no effect: the lower one applies."""
    conversation_id: strawberry.ID | None = None
    """The conversation to which to limit it. Defaults to all."""
    expires_at: datetime.datetime | None = None
    """When the rule ceases to apply, a time in the future. Defaults to never."""
    note: str | None = None
    """Why the rule exists, up to 4,000 characters."""


standard(AutoApprovalRule, input=AutoApprovalRuleInput, within="conversations", scope="person")


@enum_type
class ApprovalOutcome(enum.Enum):
    """What becomes of a proposal."""

    APPROVED = "approved"
    """It is approved at once."""
    PENDING = "pending"
    """A person decides."""
    CANCELLED = "cancelled"
    """It is refused at once."""


@enum_type
class ApprovalCheck(enum.Enum):
    """A check that a proposal must pass to be approved at once, in this order."""

    DENY_RULE = "deny_rule"
    """No `DENY` rule matches."""
    ASK_RULE = "ask_rule"
    """No `ASK` rule matches."""
    NEW_TOOL = "new_tool"
    """A person has approved the tool before, or need not have."""
    COST_PER_TOOL = "cost_per_tool"
    """The estimated cost is within the maximum of the settings and of the rule."""
    COST_PER_HOUR = "cost_per_hour"
    """What the last hour cost, plus the estimated cost, is within the maximum of an hour."""
    RISK = "risk"
    """An `ALLOW` rule matches, or the settings approve tools of this risk."""


@object_type
class ApprovalExplanation:
    """What would become of a proposal, and why."""

    outcome: ApprovalOutcome
    """What would become of it."""
    reason: ApprovalReason | None
    """The `approvalReason` that it would have; null if a person decides."""
    explanation: str
    """The same for a person to read. Then, of up to three rules with another effect that match or look as if they did,
    why they do not decide, such as `Rule 'bash ls*' does not allow it: /command contains ;, which no pattern matches.`
    """
    check: ApprovalCheck | None
    """The first check that it would not pass; null if it would be approved."""
    rule: AutoApprovalRule | None
    """The first rule that matches; null if none does."""
    known_tool: KnownTool | None
    """What is known of the tool; null if it was neither proposed nor suggested yet."""
    risk: ToolRisk
    """The risk of the tool; `HIGH` if it is not known."""
    is_new_tool: bool
    """Whether no person has approved the tool yet."""
    counted_cost_usd: Decimal
    """The cost that would count, in US dollars: the estimate, or `maxCostPerToolUsd` without one."""
    spent_last_hour_usd: Decimal
    """What the automatic approvals of the last 60 minutes cost together, in US dollars."""
    max_cost_per_tool_usd: Decimal
    """The maximum of one execution in US dollars, of the conversation or the user."""
    max_cost_per_hour_usd: Decimal
    """The maximum of 60 minutes in US dollars, of the conversation or the user."""


@query
async def explain_approval(
    info: Info,
    tool_name: Annotated[str, strawberry.argument(description="The name of the tool, 1 to 100 characters.")],
    parameters: Annotated[
        JSON | None, strawberry.argument(description="The arguments of the call, up to 256 KiB. Defaults to `{}`.")
    ] = None,
    conversation_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="The conversation of the call. Defaults to none.")
    ] = None,
    estimated_cost_usd: Annotated[
        Decimal | None, strawberry.argument(description="The estimated cost in US dollars, from 0 to 1,000,000.")
    ] = None,
) -> ApprovalExplanation | None:
    """What would become of a call of a tool if it were proposed now, and why. Nothing is created or counted.

    Refused as `NOT_FOUND` if there is no such conversation, and as `INVALID` what no proposal may have.
    """
    context = info.context
    values: dict[str, Any] = {
        "tool_name": tool_name,
        "parameters": {} if parameters is None else parameters,
        "estimated_cost_usd": estimated_cost_usd,
    }
    await context.refuse_invalid(ToolExecution, values)
    conversation = await context.require("conversations", conversation_id, "conversation_id")
    values["parameters"] = orjson.dumps(values["parameters"]).decode()
    rows = await context.rows(sql.tools.approval.explain, conversation_id=conversation, **values)
    (decided,) = rows
    rule_id, tool_id = decided["rule_id"], decided["tool_id"]
    reason, check = decided["reason"], decided["failed_check"]
    return ApprovalExplanation(
        outcome=ApprovalOutcome(decided["outcome"]),
        reason=None if reason is None else ApprovalReason(reason),
        explanation=decided["explanation"],
        check=None if check is None else ApprovalCheck(check),
        rule=None if rule_id is None else await context.find(info, AutoApprovalRule, rule_id, "rule"),
        known_tool=None if tool_id is None else await context.find(info, KnownTool, tool_id, "knownTool"),
        risk=ToolRisk(decided["tool_risk"]),
        is_new_tool=decided["is_new"],
        counted_cost_usd=decided["cost_usd"],
        spent_last_hour_usd=decided["spent_usd"],
        max_cost_per_tool_usd=decided["max_cost_per_tool_usd"],
        max_cost_per_hour_usd=decided["max_cost_per_hour_usd"],
    )
