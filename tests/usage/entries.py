"""Log entries at times of the past, which clients cannot make, and what sums of them should be."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from tests.kit.database import Database
from tests.kit.runtime import acting_as
from tests.kit.serving import Client

COUNTS = ("inputTokens", "outputTokens", "cachedInputTokens", "cacheWriteInputTokens", "reasoningTokens")
TOTALS = f"requests {' '.join(COUNTS)} totalTokens costUsd"

INSERT = """
INSERT INTO usage_logs (user_id, conversation_id, provider, model, input_tokens, output_tokens, cost_usd, created_at)
VALUES (tenant(), $1, 'openai', 'gpt-4o-mini', $2, 1, 0.000001, $3)
"""


async def insert_at(
    database: Database, user: Client, moments: Iterable[datetime.datetime], conversation: str | None = None
) -> None:
    """Insert entries at these moments, the first with one input token, the next with two and so on."""
    async with acting_as(database, user.user_id) as runtime:
        for tokens, moment in enumerate(moments, start=1):
            await runtime.execute(INSERT, conversation, tokens, moment)


def summed(
    entries: Iterable[Mapping[str, Any]], key: Callable[[Mapping[str, Any]], str | None]
) -> list[dict[str, Any]]:
    """The groups of these entries as `usageBy` should show them: by a key, most expensive first."""
    groups: dict[str | None, dict[str, Any]] = {}
    for entry in entries:
        group = groups.setdefault(key(entry), {"requests": 0, "costUsd": Decimal(0), **dict.fromkeys(COUNTS, 0)})
        group["requests"] += 1
        group["costUsd"] += Decimal(entry["costUsd"])
        for name in COUNTS:
            group[name] += entry[name]
    for shared, group in groups.items():
        group |= {"key": shared, "totalTokens": group["inputTokens"] + group["outputTokens"]}
    return sorted(groups.values(), key=lambda each: (-each["costUsd"], each["key"] is None, each["key"]))


def exact(groups: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Groups of the API with their costs as numbers."""
    return [{**group, "costUsd": Decimal(group["costUsd"])} for group in groups]
