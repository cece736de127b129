"""Scopes: what the token of an agent allows. A person's session allows everything."""

from __future__ import annotations

from typing import Literal, get_args

AgentScope = Literal[
    "read",
    "messages:write",
    "tools:propose",
    "tools:execute",
    "tools:approve",
    "usage:write",
    "files:write",
    "knowledge:write",
    "personal:write",
    "confirmations:propose",
    "confirmations:decide",
    "sync:run",
]
Scope = AgentScope | Literal["person"]

AGENT_SCOPES: tuple[AgentScope, ...] = get_args(AgentScope)
"""The scopes that an agent's token may have, in the order in which they are shown."""

PERSON: Literal["person"] = "person"
"""The scope that only a person's session has."""
