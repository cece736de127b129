-- name: of_user
-- The totals of a user's model calls by a dimension, most expensive first; a null bound is open.
SELECT *
FROM (
    SELECT
        CASE :dimension::text
            WHEN 'provider' THEN provider
            WHEN 'model' THEN model
            WHEN 'automation' THEN nullif(automation, '')
            WHEN 'purpose' THEN nullif(purpose, '')
            WHEN 'api_key' THEN nullif(api_key_id, '00000000-0000-0000-0000-000000000000')::text
            WHEN 'own_key' THEN used_own_api_key::text
            WHEN 'day' THEN to_char(day, 'YYYY-MM-DD')
        END AS key,
        CASE :dimension::text
            WHEN 'api_key' THEN nullif(api_key_id, '00000000-0000-0000-0000-000000000000')
        END AS api_key_id,
        sum(requests) AS requests,
        sum(input_tokens)::bigint AS input_tokens,
        sum(output_tokens)::bigint AS output_tokens,
        sum(cached_input_tokens)::bigint AS cached_input_tokens,
        sum(cache_write_input_tokens)::bigint AS cache_write_input_tokens,
        sum(reasoning_tokens)::bigint AS reasoning_tokens,
        sum(input_tokens + output_tokens)::bigint AS total_tokens,
        sum(cost_usd) AS cost_usd
    FROM usage_day_parts
    WHERE user_id = :user_id
        AND day >= coalesce(:day_from::date, '-infinity')
        AND day < coalesce(:before::date, 'infinity')
    GROUP BY 1, 2
) AS g
ORDER BY cost_usd DESC, key COLLATE "C"
LIMIT 200;

-- name: of_conversations
-- The same for each of these conversations, from the usage log.
SELECT c.id AS of_id, g.*
FROM unnest(:keys::uuid[]) AS c (id)
CROSS JOIN LATERAL (
    SELECT *
    FROM (
        SELECT
            CASE :dimension::text
                WHEN 'provider' THEN provider
                WHEN 'model' THEN model
                WHEN 'automation' THEN automation
                WHEN 'purpose' THEN purpose
                WHEN 'api_key' THEN api_key_id::text
                WHEN 'own_key' THEN used_own_api_key::text
                WHEN 'day' THEN to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            END AS key,
            CASE :dimension::text WHEN 'api_key' THEN api_key_id END AS api_key_id,
            count(*) AS requests,
            sum(input_tokens) AS input_tokens,
            sum(output_tokens) AS output_tokens,
            sum(cached_input_tokens) AS cached_input_tokens,
            sum(cache_write_input_tokens) AS cache_write_input_tokens,
            sum(reasoning_tokens) AS reasoning_tokens,
            sum(total_tokens) AS total_tokens,
            sum(cost_usd) AS cost_usd
        FROM usage_logs
        WHERE user_id = :user_id AND conversation_id = c.id
        GROUP BY 1, 2
    ) AS s
    ORDER BY cost_usd DESC, key COLLATE "C"
    LIMIT 200
) AS g;
