-- name: of_user
-- What a user has and has used, from the sums of conversations and days.
SELECT c.conversations, c.messages, c.last_message_at, d.total_tokens, d.cost_usd
FROM (
    SELECT
        count(*) AS conversations,
        coalesce(sum(message_count), 0)::bigint AS messages,
        max(last_message_at) AS last_message_at
    FROM conversations
    WHERE user_id = :user_id AND deleted_at IS NULL
) AS c
CROSS JOIN (
    SELECT coalesce(sum(total_tokens), 0)::bigint AS total_tokens, coalesce(sum(cost_usd), 0) AS cost_usd
    FROM usage_days
    WHERE user_id = :user_id
) AS d;
