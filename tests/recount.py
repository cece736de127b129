"""The sums that are kept up to date, counted again from the rows that they sum."""

from __future__ import annotations

from typing import Any

import asyncpg

CONVERSATIONS = """
SELECT c.id, kept, counted
FROM conversations AS c
CROSS JOIN LATERAL (
    SELECT
        count(*) AS rows, max(m.seq) AS last_seq,
        count(*) FILTER (WHERE m.deleted_at IS NULL) AS message_count,
        coalesce(sum(m.token_count) FILTER (WHERE m.deleted_at IS NULL), 0) AS tokens,
        count(m.processing_ms) FILTER (WHERE m.deleted_at IS NULL) AS responses,
        coalesce(sum(m.processing_ms) FILTER (WHERE m.deleted_at IS NULL), 0) AS milliseconds
    FROM messages AS m
    WHERE m.user_id = c.user_id AND m.conversation_id = c.id
) AS m
LEFT JOIN LATERAL (
    SELECT l.id, l.created_at
    FROM messages AS l
    WHERE l.user_id = c.user_id AND l.conversation_id = c.id AND l.deleted_at IS NULL
    ORDER BY l.seq DESC
    LIMIT 1
) AS l ON true
CROSS JOIN LATERAL (
    SELECT
        count(*) AS requests, coalesce(sum(input_tokens), 0) AS input, coalesce(sum(output_tokens), 0) AS output,
        coalesce(sum(cost_usd), 0) AS cost
    FROM usage_logs AS u
    WHERE u.user_id = c.user_id AND u.conversation_id = c.id
) AS u
CROSS JOIN LATERAL (
    SELECT
        jsonb_build_object(
            'last_seq', c.last_seq, 'rows', c.last_seq, 'message_count', c.message_count, 'tokens', c.message_tokens,
            'last_message_id', c.last_message_id, 'last_message_at', c.last_message_at, 'responses', c.response_count,
            'milliseconds', c.response_ms, 'requests', c.usage_requests, 'input', c.usage_input_tokens,
            'output', c.usage_output_tokens, 'cost', c.usage_cost_usd) AS kept,
        jsonb_build_object(
            'last_seq', coalesce(m.last_seq, 0), 'rows', m.rows, 'message_count', m.message_count, 'tokens', m.tokens,
            'last_message_id', l.id, 'last_message_at', l.created_at, 'responses', m.responses,
            'milliseconds', m.milliseconds, 'requests', u.requests, 'input', u.input, 'output', u.output,
            'cost', u.cost) AS counted
) AS both_ways
WHERE kept <> counted
"""

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

FEEDS = """
SELECT f.user_id AS id, to_jsonb(f.version) AS kept, jsonb_build_array(count(c.version), max(c.version)) AS counted
FROM feeds AS f
LEFT JOIN changes AS c ON c.user_id = f.user_id
GROUP BY f.user_id, f.version, f.pruned
HAVING f.version <> coalesce(max(c.version), 0) OR f.version - f.pruned <> count(c.version)
"""


async def differences(owner: asyncpg.Connection) -> list[dict[str, Any]]:
    """Every conversation, day and feed whose sums are not what a recount gives. Ask as the superuser."""
    return [dict(row) for text in (CONVERSATIONS, DAYS, FEEDS) for row in await owner.fetch(text)]
