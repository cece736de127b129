-- name: totals
-- The totals of a user's days; a null bound is open.
SELECT
    coalesce(sum(requests), 0) AS requests,
    coalesce(sum(input_tokens), 0)::bigint AS input_tokens,
    coalesce(sum(output_tokens), 0)::bigint AS output_tokens,
    coalesce(sum(cached_input_tokens), 0)::bigint AS cached_input_tokens,
    coalesce(sum(cache_write_input_tokens), 0)::bigint AS cache_write_input_tokens,
    coalesce(sum(reasoning_tokens), 0)::bigint AS reasoning_tokens,
    coalesce(sum(total_tokens), 0)::bigint AS total_tokens,
    coalesce(sum(cost_usd), 0) AS cost_usd
FROM usage_days
WHERE user_id = :user_id
    AND day >= coalesce(:day_from::date, '-infinity')
    AND day < coalesce(:before::date, 'infinity');

-- name: local
-- The totals per day in the user's time zone, latest day first; a null bound is open.
SELECT
    d.day,
    sum(requests) AS requests,
    sum(input_tokens)::bigint AS input_tokens,
    sum(output_tokens)::bigint AS output_tokens,
    sum(cached_input_tokens)::bigint AS cached_input_tokens,
    sum(cache_write_input_tokens)::bigint AS cache_write_input_tokens,
    sum(reasoning_tokens)::bigint AS reasoning_tokens,
    sum(input_tokens + output_tokens)::bigint AS total_tokens,
    sum(cost_usd) AS cost_usd
FROM users AS u
JOIN usage_quarter_hours AS q ON q.user_id = u.user_id
CROSS JOIN LATERAL (SELECT (q.begins_at AT TIME ZONE u.time_zone)::date) AS d (day)
WHERE u.user_id = :user_id
    -- For the index. No time zone is more than a day away from UTC.
    AND q.begins_at >= coalesce(:day_from::date - 1, '-infinity')::timestamp AT TIME ZONE 'UTC'
    AND q.begins_at < coalesce(:before::date + 1, 'infinity')::timestamp AT TIME ZONE 'UTC'
    AND d.day >= coalesce(:day_from::date, '-infinity')
    AND d.day < coalesce(:before::date, 'infinity')
GROUP BY d.day
ORDER BY d.day DESC
LIMIT 400;
