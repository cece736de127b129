-- Adds new log entries to the sums of their days, kinds of calls, quarters of an hour and conversations, like the trigger
-- usage_logs_enter for one.
CREATE OR REPLACE FUNCTION usage_logs_enter_all(made usage_logs[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    of_day record;
BEGIN
    -- One day, unless midnight is between the microseconds of the entries.
    FOR of_day IN
        SELECT
            day, count(*) AS requests, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
            sum(cached_input_tokens) AS cached_input_tokens, sum(cache_write_input_tokens) AS cache_write_input_tokens,
            sum(reasoning_tokens) AS reasoning_tokens, sum(cost_usd) AS cost_usd,
            count(DISTINCT m.conversation_id) FILTER (WHERE NOT EXISTS (
                SELECT FROM usage_logs AS l
                WHERE l.user_id = m.user_id AND l.conversation_id = m.conversation_id
                    AND l.created_at >= day::timestamp AT TIME ZONE 'UTC' AND l.created_at < made[1].created_at)
            ) AS conversations
        FROM unnest(made) AS m
        CROSS JOIN LATERAL (SELECT (m.created_at AT TIME ZONE 'UTC')::date) AS d (day)
        GROUP BY day
        ORDER BY day
    LOOP
        UPDATE usage_days AS d
        SET requests = d.requests + of_day.requests,
            conversations = d.conversations + of_day.conversations,
            input_tokens = d.input_tokens + of_day.input_tokens,
            output_tokens = d.output_tokens + of_day.output_tokens,
            cached_input_tokens = d.cached_input_tokens + of_day.cached_input_tokens,
            cache_write_input_tokens = d.cache_write_input_tokens + of_day.cache_write_input_tokens,
            reasoning_tokens = d.reasoning_tokens + of_day.reasoning_tokens,
            cost_usd = d.cost_usd + of_day.cost_usd
        WHERE d.user_id = tenant() AND d.day = of_day.day;
        IF NOT FOUND THEN
            INSERT INTO usage_days (
                user_id, day, requests, conversations, input_tokens, output_tokens, cached_input_tokens,
                cache_write_input_tokens, reasoning_tokens, cost_usd)
            VALUES (
                tenant(), of_day.day, of_day.requests, of_day.conversations, of_day.input_tokens, of_day.output_tokens,
                of_day.cached_input_tokens, of_day.cache_write_input_tokens, of_day.reasoning_tokens, of_day.cost_usd);
        END IF;
    END LOOP;
    -- Neither of the next two tables has a feed, so a conflict takes no version.
    INSERT INTO usage_day_parts AS p (
        user_id, day, provider, model, automation, purpose, api_key_id, used_own_api_key, requests, input_tokens,
        output_tokens, cached_input_tokens, cache_write_input_tokens, reasoning_tokens, cost_usd)
    SELECT
        tenant(), (created_at AT TIME ZONE 'UTC')::date, provider, model, coalesce(automation, ''), coalesce(purpose, ''),
        coalesce(api_key_id, '00000000-0000-0000-0000-000000000000'), used_own_api_key, count(*), sum(input_tokens),
        sum(output_tokens), sum(cached_input_tokens), sum(cache_write_input_tokens), sum(reasoning_tokens), sum(cost_usd)
    FROM unnest(made)
    GROUP BY 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT ON CONSTRAINT usage_day_parts_key DO UPDATE
    SET requests = p.requests + excluded.requests,
        input_tokens = p.input_tokens + excluded.input_tokens,
        output_tokens = p.output_tokens + excluded.output_tokens,
        cached_input_tokens = p.cached_input_tokens + excluded.cached_input_tokens,
        cache_write_input_tokens = p.cache_write_input_tokens + excluded.cache_write_input_tokens,
        reasoning_tokens = p.reasoning_tokens + excluded.reasoning_tokens,
        cost_usd = p.cost_usd + excluded.cost_usd;
    INSERT INTO usage_quarter_hours AS q (
        user_id, begins_at, requests, input_tokens, output_tokens, cached_input_tokens, cache_write_input_tokens,
        reasoning_tokens, cost_usd)
    SELECT
        tenant(), date_bin('15 minutes', created_at, 'epoch'), count(*), sum(input_tokens), sum(output_tokens),
        sum(cached_input_tokens), sum(cache_write_input_tokens), sum(reasoning_tokens), sum(cost_usd)
    FROM unnest(made)
    GROUP BY 2
    ON CONFLICT (user_id, begins_at) DO UPDATE
    SET requests = q.requests + excluded.requests,
        input_tokens = q.input_tokens + excluded.input_tokens,
        output_tokens = q.output_tokens + excluded.output_tokens,
        cached_input_tokens = q.cached_input_tokens + excluded.cached_input_tokens,
        cache_write_input_tokens = q.cache_write_input_tokens + excluded.cache_write_input_tokens,
        reasoning_tokens = q.reasoning_tokens + excluded.reasoning_tokens,
        cost_usd = q.cost_usd + excluded.cost_usd;
    UPDATE conversations AS c
    SET usage_requests = c.usage_requests + s.requests,
        usage_input_tokens = c.usage_input_tokens + s.input_tokens,
        usage_output_tokens = c.usage_output_tokens + s.output_tokens,
        usage_cached_input_tokens = c.usage_cached_input_tokens + s.cached_input_tokens,
        usage_cache_write_input_tokens = c.usage_cache_write_input_tokens + s.cache_write_input_tokens,
        usage_reasoning_tokens = c.usage_reasoning_tokens + s.reasoning_tokens,
        usage_cost_usd = c.usage_cost_usd + s.cost_usd
    FROM (
        SELECT
            conversation_id, count(*) AS requests, sum(input_tokens) AS input_tokens,
            sum(output_tokens) AS output_tokens, sum(cached_input_tokens) AS cached_input_tokens,
            sum(cache_write_input_tokens) AS cache_write_input_tokens, sum(reasoning_tokens) AS reasoning_tokens,
            sum(cost_usd) AS cost_usd
        FROM unnest(made)
        GROUP BY conversation_id
    ) AS s
    WHERE c.user_id = tenant() AND c.id = s.conversation_id;
END
$$;
