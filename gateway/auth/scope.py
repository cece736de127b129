"""Scopes: what the token of an agent allows. A person's session allows everything.

Descriptions of the API follow from this list. The database has its own, in
`sql/functions/agents/scope_list_mistake.sql`; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
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

OPEN_NOTHING: tuple[AgentScope, ...] = (
    "files:write",
    "knowledge:write",
    "confirmations:propose",
    "confirmations:decide",
    "sync:run",
)
"""The scopes that no field requires yet. `tests/tenancy/test_scopes.py` compares them with the schema."""

PERSON: Literal["person"] = "person"
"""The scope that only a person's session has."""


def described() -> str:
    """The scopes that a token may have, as sentences for a description."""
    used = [scope for scope in AGENT_SCOPES if scope not in OPEN_NOTHING]
    unused = f" {_listed(OPEN_NOTHING)} can be given but open nothing yet." if OPEN_NOTHING else ""
    return f"one or more of {_listed(used)}.{unused}"


def _listed(scopes: Sequence[str]) -> str:
    *others, last = [f"`{scope}`" for scope in scopes]
    return f"{', '.join(others)} and {last}" if others else last
