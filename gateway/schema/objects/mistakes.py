"""Report all mistakes of an input at once.

A mutation stops at the first mistake. Its values are then checked against the other rules of the table, by one
statement that reads no table. An input without mistakes costs nothing here.
"""

from __future__ import annotations

from typing import Any

import asyncpg

from gateway.data.entity import Entity, entity_of
from gateway.data.rules import ProposedRow
from gateway.errors import Invalid, ParleyError


async def of_error(context: Any, error: ParleyError, shown: Entity | None) -> list[ParleyError]:
    """The mistakes of an input, of which the mutation raised one. `shown` is the entity that the mutation returns."""
    if not isinstance(error, Invalid):
        return [error]
    entity = shown if error.of is None else entity_of(error.of)
    if error.values is None or entity is None:
        return [error, *error.others]
    proposed = ProposedRow(entity.table, entity.encoded(error.values))
    return [error, *error.others, *await _besides(context, proposed, error)]


async def of_refusal(context: Any, error: asyncpg.PostgresError) -> list[ParleyError]:
    """The mistakes of an input that the database refused; empty if that was not the caller's mistake."""
    first = context.rules.explain(error)
    if first is None:
        return []
    proposed: ProposedRow | None = getattr(error, "proposed", None)
    if proposed is None or not isinstance(first, Invalid):
        return [first]
    besides = await _besides(context, proposed, first)
    # The rule of a list says only here which item is at fault.
    exact = [each for each in besides if each.message == first.message and each.field[:1] == first.field]
    return [*(exact or [first]), *(each for each in besides if each not in exact)]


async def _besides(context: Any, proposed: ProposedRow, first: ParleyError) -> list[ParleyError]:
    try:
        broken: list[ParleyError] = await context.rules.broken(proposed, context.tenant.anonymous)
    except (ParleyError, asyncpg.PostgresError, asyncpg.InterfaceError):
        # The first mistake alone is a valid answer.
        return []
    known = (first.field, first.message)
    return [each for each in broken if (each.field, each.message) != known]
