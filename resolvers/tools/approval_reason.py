"""Why a tool execution was approved or refused."""

from __future__ import annotations

import enum

from gateway import enum_type


@enum_type
class ApprovalReason(enum.Enum):
    """Why a tool execution was approved or refused."""

    PERSON = "person"
    """A person decided."""
    READ_ONLY = "read_only"
    """The settings approve tools that only read."""
    LOW_RISK = "low_risk"
    """The settings approve tools of low risk."""
    RULE = "rule"
    """A rule allows it."""
    DENIED_BY_RULE = "denied_by_rule"
    """A rule denies it."""
