"""Removal of sessions and agents' tokens that have long expired."""

from __future__ import annotations

import datetime

from gateway import Work, job, sql

KEPT = datetime.timedelta(days=7)
"""For how long a device that was signed in is still shown after its session has expired."""
MOST_SESSIONS = 100
TOKENS_KEPT = datetime.timedelta(days=366)
"""For how long the history of tools names an agent after its token has ended."""
MOST_TOKENS = 100


@job("expire_sessions", schedule="17 3 * * *")
async def expire_sessions(work: Work) -> None:
    """Remove sessions a week after they expired. What was done in them stays, without a link to its session."""
    await work.exhaust(sql.accounts.session.expire, after=KEPT, most=MOST_SESSIONS)


@job("expire_agent_tokens", schedule="41 3 * * *")
async def expire_agent_tokens(work: Work) -> None:
    """Remove the tokens of agents a year after they expired or were revoked. What the agents did stays."""
    await work.exhaust(sql.accounts.agent_token.expire, after=TOKENS_KEPT, most=MOST_TOKENS)
