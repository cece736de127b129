"""Known tools: what is known of each tool that agents use, and how risky a person considers it."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal

from gateway import (
    JSON,
    BigInt,
    Info,
    Node,
    computed,
    entity,
    enum_type,
    input_type,
    mutation,
    page,
    put,
    sql,
    standard,
)


@enum_type
class ToolRisk(enum.Enum):
    """What a call of a tool can do."""

    READ_ONLY = "read_only"
    """It changes nothing."""
    LOW = "low"
    """It changes little, and that can be undone."""
    HIGH = "high"
    """It can do harm, or nobody has considered it."""


@enum_type
class KnownToolOrder(enum.Enum):
    """How a list of tools is sorted."""

    MOST_USED = "-proposed, tool_name"
    """Most often proposed first, then by name."""
    NAME = "tool_name"
    """By name."""
    NEWEST = "-created_at"
    """By `firstSeenAt`, latest first."""


@input_type
class KnownToolFilter:
    """Conditions for a list of tools. Each item meets all that are set."""

    risk: list[ToolRisk] | None = None
    """With one of these risks."""
    suggested_risk: list[ToolRisk | None] | None = None
    """With one of these suggested risks. A null in the list stands for none."""
    tool_name: list[str] | None = None
    """With one of these names."""
    tool_name_contains: str | None = None
    """Text that the name contains, up to 500 characters. Ignores case (`ß` equals `ss`) and Unicode normal form."""
    has_first_approved_at: bool | None = None
    """Whether a person has approved the tool."""


@entity("known_tools", order=KnownToolOrder, filter=KnownToolFilter, unique=["tool_name"])
class KnownTool(Node):
    """A tool that an agent has proposed to call. The first proposal of a name creates it."""

    tool_name: str
    """The name of the tool."""
    risk: ToolRisk
    """What a call can do, as a person has set it; `HIGH` until then. The settings approve tools by it."""
    suggested_risk: ToolRisk | None
    """The risk that an agent has suggested; null if none. It has no effect: a person sets `risk`."""
    description: str | None
    """What the tool does; null if nobody has said so."""
    parameters_schema: JSON | None
    """The JSON Schema of its parameters; null if it is not known."""
    first_approved_at: datetime.datetime | None
    """When a person first approved a call of the tool; null until then, which makes it a new tool."""
    proposed: int
    """The number of its tool executions, without deleted ones."""
    completed: int
    """The number of those that succeeded."""
    failed: int
    """The number of those that ended with an error."""
    cancelled: int
    """The number of those that were refused or cancelled."""
    total_cost_usd: Decimal
    """What they cost, in US dollars."""
    total_ms: BigInt
    """How long they ran, in milliseconds."""

    tool_executions = page("ToolExecution", by="known_tool_id", order="-created_at")
    """The tool executions, newest first."""

    @computed("created_at")
    def first_seen_at(self) -> datetime.datetime:
        """When the tool was first proposed or suggested."""
        return self.created_at

    @computed("completed", "failed", "total_ms")
    def average_ms(self) -> int | None:
        """How long a call ran on average, in milliseconds; null if none has ended by itself."""
        ended = self.completed + self.failed
        return round(self.total_ms / ended) if ended else None

    @computed("completed", "failed")
    def success_rate(self) -> float | None:
        """The share of those that succeeded among those that succeeded or failed, from 0 to 1; null without any."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


class KnownToolInput:
    """What a person may say of a tool."""

    risk: ToolRisk | None = None
    """What a call can do. Defaults to `HIGH`."""
    description: str | None = None
    """What the tool does, up to 4,000 characters."""
    parameters_schema: JSON | None = None
    """The JSON Schema of its parameters, an object of up to 64 KiB."""


standard(KnownTool, input=KnownToolInput, without=("create",), scope="person")


@input_type
class SuggestToolRiskInput:
    """What an agent says of a tool. The annotations are those of the Model Context Protocol."""

    tool_name: str
    """The name of the tool, up to 100 characters."""
    risk: ToolRisk | None = None
    """The suggested risk. Defaults to what the annotations say."""
    read_only_hint: bool | None = None
    """The annotation `readOnlyHint` of the tool: true suggests `READ_ONLY`."""
    destructive_hint: bool | None = None
    """The annotation `destructiveHint` of the tool: false suggests `LOW`. Otherwise, `HIGH` is suggested."""
    description: str | None = None
    """What the tool does, up to 4,000 characters. Ignored if the tool has a description already."""
    parameters_schema: JSON | None = None
    """The JSON Schema of its parameters, an object of up to 64 KiB. Ignored if the tool has one already."""


@mutation(scope="tools:propose")
async def suggest_tool_risk(info: Info, input: SuggestToolRiskInput) -> KnownTool:
    """Suggest how risky a tool is, and describe it. A suggestion approves nothing: a person sets the risk.

    The tool need not have been proposed before. Sent again with the same values, nothing changes.
    """
    values = {
        "suggested_risk": _suggested(input),
        "description": input.description or None,
        "parameters_schema": input.parameters_schema,
    }
    async with info.context.autocommit() as db:
        return await put(db, KnownTool, {"tool_name": input.tool_name}, values, merge=sql.tools.known_tool.suggest)


def _suggested(input: SuggestToolRiskInput) -> ToolRisk:
    if input.risk is not None:
        return input.risk
    if input.read_only_hint:
        return ToolRisk.READ_ONLY
    return ToolRisk.LOW if input.destructive_hint is False else ToolRisk.HIGH
