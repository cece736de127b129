-- name: by_tokens
-- The users who used more than a number of tokens since a day, most tokens first. For an operator, so there is no caller.
SELECT u.email, u.plan_type, u.plan_status, d.requests, d.tokens, d.cost_usd, d.last_day
FROM (
    SELECT
        user_id, sum(requests) AS requests, sum(total_tokens)::bigint AS tokens, sum(cost_usd) AS cost_usd,
        max(day) AS last_day
    FROM usage_days
    WHERE day >= coalesce(:since::date, '-infinity')
    GROUP BY user_id
    HAVING sum(total_tokens) > :tokens_over::bigint
) AS d
JOIN users AS u ON u.user_id = d.user_id
ORDER BY d.tokens DESC, u.email
LIMIT :most::integer;
