-- Trigger: adds new log entries to the sums of their kinds of calls per day, and of their quarters of an hour. The feed's lock
-- makes the writers of a user take turns. Neither table has a feed, so ON CONFLICT takes no version.
CREATE OR REPLACE FUNCTION usage_logs_sum_parts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    INSERT INTO usage_day_parts AS p (
        user_id, day, provider, model, automation, purpose, api_key_id, used_own_api_key, requests, input_tokens,
        output_tokens, cached_input_tokens, cache_write_input_tokens, reasoning_tokens, cost_usd)
    SELECT
        user_id, (created_at AT TIME ZONE 'UTC')::date, provider, model, coalesce(automation, ''), coalesce(purpose, ''),
        coalesce(api_key_id, '00000000-0000-0000-0000-000000000000'), used_own_api_key, count(*), sum(input_tokens),
        sum(output_tokens), sum(cached_input_tokens), sum(cache_write_input_tokens), sum(reasoning_tokens), sum(cost_usd)
    FROM new_rows
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
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
        user_id, date_bin('15 minutes', created_at, 'epoch'), count(*), sum(input_tokens), sum(output_tokens),
        sum(cached_input_tokens), sum(cache_write_input_tokens), sum(reasoning_tokens), sum(cost_usd)
    FROM new_rows
    GROUP BY 1, 2
    ON CONFLICT (user_id, begins_at) DO UPDATE
    SET requests = q.requests + excluded.requests,
        input_tokens = q.input_tokens + excluded.input_tokens,
        output_tokens = q.output_tokens + excluded.output_tokens,
        cached_input_tokens = q.cached_input_tokens + excluded.cached_input_tokens,
        cache_write_input_tokens = q.cache_write_input_tokens + excluded.cache_write_input_tokens,
        reasoning_tokens = q.reasoning_tokens + excluded.reasoning_tokens,
        cost_usd = q.cost_usd + excluded.cost_usd;
    RETURN NULL;
END
$$;
