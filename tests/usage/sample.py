"""Valid numbers of tokens, and queries that recount the sums of the usage log: of days, kinds of calls and quarters."""

from __future__ import annotations

from random import randrange

from tests.kit.samples import Known, owned
from tests.kit.serving import Client

CONFIG = "query($id: ID!) { providerKey(id: $id) { config { provider } } }"


def limits() -> tuple[str, str]:
    """Two limits, whole numbers, of which no user has a quota yet, and so much that no test is refused."""
    return tuple(str(randrange(start, 2 * start)) for start in (10**11, 2 * 10**11))  # type: ignore[return-value]  # noqa: S311


async def logs(client: Client, known: Known, word: str) -> dict[str, str]:
    """Record a call with the user's key, of its provider, and one without, of a provider with the word as its name."""
    key, conversation, message = (known[kind] for kind in ("ProviderKey", "Conversation", "Message"))
    provider = (await client.data(CONFIG, id=key))["providerKey"]["config"]["provider"]
    texts = dict.fromkeys(("model", "automation", "purpose"), word)
    made = {}
    for state, values in (("OWN_KEY", {"apiKeyId": key, "provider": provider}), ("", {"provider": word})):
        values |= {**texts, "conversationId": conversation, "messageId": message}
        made[state] = (await client.make("recordUsage", "usageLog", "id", **values, costUsd="1.5"))["id"]
    return made


async def quotas(client: Client, known: Known, word: str) -> dict[str, str]:
    """Set two quotas that the user does not have yet."""
    others = await owned(client, "usageQuotas")
    values = dict.fromkeys(("provider", "model", "automation"), word)
    values |= {"unit": "TOKENS", "period": "HOUR", "mode": "HARD"}
    made = {}
    for state, more in (("", 0), ("OTHER", 1)):
        limit = str(10**10 + others + more)
        made[state] = (await client.make("createUsageQuota", "usageQuota", "id", **values, limit=limit))["id"]
    return made


VALUES = {
    "UsageQuota.limit": limits,
    # That of the API keys of the sample.
    "UsageLog.provider": ("openai", "anthropic"),
    "UsageLog.inputTokens": (10, 20),
    "UsageLog.cachedInputTokens": (1, 2),
    "UsageLog.cacheWriteInputTokens": (3, 4),
    "UsageLog.outputTokens": (10, 20),
    "UsageLog.reasoningTokens": (1, 2),
}

NEEDS = {
    "UsageLog.messageId": ("conversationId",),
    "UsageLog.cachedInputTokens": ("inputTokens",),
    "UsageLog.cacheWriteInputTokens": ("inputTokens",),
    "UsageLog.reasoningTokens": ("outputTokens",),
}

DAYS = """
SELECT coalesce(d.day, u.day) AS id, to_jsonb(d) AS kept, to_jsonb(u) AS counted
FROM usage_days AS d
FULL JOIN (
    SELECT
        user_id, (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS requests,
        count(DISTINCT conversation_id) AS conversations, count(*) FILTER (WHERE conversation_id IS NULL) AS without,
        sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
        sum(cached_input_tokens) AS cached_input_tokens, sum(cache_write_input_tokens) AS cache_write_input_tokens,
        sum(reasoning_tokens) AS reasoning_tokens, sum(cost_usd) AS cost_usd
    FROM usage_logs
    GROUP BY 1, 2
) AS u ON u.user_id = d.user_id AND u.day = d.day
WHERE (d.requests, d.input_tokens, d.output_tokens, d.cached_input_tokens, d.cache_write_input_tokens,
        d.reasoning_tokens, d.cost_usd)
    IS DISTINCT FROM (u.requests, u.input_tokens, u.output_tokens, u.cached_input_tokens, u.cache_write_input_tokens,
        u.reasoning_tokens, u.cost_usd)
    -- A conversation that was removed for good still counts, and the log no longer names it.
    OR d.conversations NOT BETWEEN u.conversations AND u.conversations + u.without
"""

# Without the key: the log no longer names one that was removed for good, and the sums still do.
PARTS = """
SELECT coalesce(p.day, u.day) AS id, to_jsonb(p) AS kept, to_jsonb(u) AS counted
FROM (
    SELECT
        user_id, day, provider, model, automation, purpose, used_own_api_key, sum(requests) AS requests,
        sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
        sum(cached_input_tokens) AS cached_input_tokens, sum(cache_write_input_tokens) AS cache_write_input_tokens,
        sum(reasoning_tokens) AS reasoning_tokens, sum(cost_usd) AS cost_usd
    FROM usage_day_parts
    GROUP BY 1, 2, 3, 4, 5, 6, 7
) AS p
FULL JOIN (
    SELECT
        user_id, (created_at AT TIME ZONE 'UTC')::date AS day, provider, model, coalesce(automation, '') AS automation,
        coalesce(purpose, '') AS purpose, used_own_api_key, count(*) AS requests, sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens, sum(cached_input_tokens) AS cached_input_tokens,
        sum(cache_write_input_tokens) AS cache_write_input_tokens, sum(reasoning_tokens) AS reasoning_tokens,
        sum(cost_usd) AS cost_usd
    FROM usage_logs
    GROUP BY 1, 2, 3, 4, 5, 6, 7
) AS u USING (user_id, day, provider, model, automation, purpose, used_own_api_key)
WHERE to_jsonb(p) IS DISTINCT FROM to_jsonb(u)
"""

KEYS = """
SELECT coalesce(p.api_key_id, u.api_key_id) AS id, to_jsonb(p) AS kept, to_jsonb(u) AS counted
FROM (
    SELECT user_id, day, api_key_id, sum(requests) AS requests, sum(cost_usd) AS cost_usd
    FROM usage_day_parts
    GROUP BY 1, 2, 3
) AS p
JOIN (
    SELECT
        user_id, (created_at AT TIME ZONE 'UTC')::date AS day, api_key_id, count(*) AS requests,
        sum(cost_usd) AS cost_usd
    FROM usage_logs
    WHERE api_key_id IS NOT NULL
    GROUP BY 1, 2, 3
) AS u USING (user_id, day, api_key_id)
WHERE (p.requests, p.cost_usd) <> (u.requests, u.cost_usd)
"""

QUARTERS = """
SELECT coalesce(q.begins_at, u.begins_at) AS id, to_jsonb(q) AS kept, to_jsonb(u) AS counted
FROM usage_quarter_hours AS q
FULL JOIN (
    SELECT
        user_id, to_timestamp(floor(extract(epoch FROM created_at) / 900) * 900) AS begins_at, count(*) AS requests,
        sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
        sum(cached_input_tokens) AS cached_input_tokens, sum(cache_write_input_tokens) AS cache_write_input_tokens,
        sum(reasoning_tokens) AS reasoning_tokens, sum(cost_usd) AS cost_usd
    FROM usage_logs
    GROUP BY 1, 2
) AS u USING (user_id, begins_at)
WHERE to_jsonb(q) IS DISTINCT FROM to_jsonb(u)
"""

SUMS = [DAYS, PARTS, KEYS, QUARTERS]

ROWS = {"UsageLog": logs, "UsageQuota": quotas}
