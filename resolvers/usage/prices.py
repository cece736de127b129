"""Prices of models that were announced, and begin."""

from __future__ import annotations

from gateway import Work, job, sql


@job("apply_prices", schedule="1 * * * *")
async def apply_prices(work: Work) -> None:
    """Make announced prices that have begun the present prices of their models."""
    await work.rows(sql.usage.model.apply_prices)
