-- name: totals
-- The totals of a user's days; a null bound is open.
SELECT
    coalesce(sum(requests), 0) AS requests,
    coalesce(sum(input_tokens), 0)::bigint AS input_tokens,
    coalesce(sum(output_tokens), 0)::bigint AS output_tokens,
    coalesce(sum(total_tokens), 0)::bigint AS total_tokens,
    coalesce(sum(cost_usd), 0) AS cost_usd
FROM usage_days
WHERE user_id = :user_id
    AND day >= coalesce(:day_from::date, '-infinity')
    AND day < coalesce(:before::date, 'infinity');
