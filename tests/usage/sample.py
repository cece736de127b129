"""A query that recounts the daily usage from the usage log."""

from __future__ import annotations

DAYS = """
SELECT coalesce(d.day, u.day) AS id, to_jsonb(d) AS kept, to_jsonb(u) AS counted
FROM (
    SELECT user_id, day, requests::bigint, conversations::bigint, input_tokens, output_tokens, cost_usd FROM usage_days
) AS d
FULL JOIN (
    SELECT
        user_id, (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS requests,
        count(DISTINCT conversation_id) AS conversations, sum(input_tokens)::bigint AS input_tokens,
        sum(output_tokens)::bigint AS output_tokens, sum(cost_usd) AS cost_usd
    FROM usage_logs
    GROUP BY 1, 2
) AS u ON u.user_id = d.user_id AND u.day = d.day
WHERE to_jsonb(d) IS DISTINCT FROM to_jsonb(u)
"""

SUMS = [DAYS]
