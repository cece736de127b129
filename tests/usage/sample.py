"""A query that recounts the daily usage from the usage log."""

from __future__ import annotations

DAYS = """
SELECT coalesce(d.day, u.day) AS id, to_jsonb(d) AS kept, to_jsonb(u) AS counted
FROM usage_days AS d
FULL JOIN (
    SELECT
        user_id, (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS requests,
        count(DISTINCT conversation_id) AS conversations, count(*) FILTER (WHERE conversation_id IS NULL) AS without,
        sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd
    FROM usage_logs
    GROUP BY 1, 2
) AS u ON u.user_id = d.user_id AND u.day = d.day
WHERE (d.requests, d.input_tokens, d.output_tokens, d.cost_usd)
    IS DISTINCT FROM (u.requests, u.input_tokens, u.output_tokens, u.cost_usd)
    -- A conversation that was removed for good still counts, and the log no longer names it.
    OR d.conversations NOT BETWEEN u.conversations AND u.conversations + u.without
"""

SUMS = [DAYS]
