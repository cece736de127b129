-- How much of a quota is used and how much is reserved at a time, and when its period begins and ends. Reservations with an
-- id in `settling` are left out. It reads the sums per day, for an hour the log itself, and the living reservations.
--
-- Nothing counts bytes yet.
CREATE OR REPLACE FUNCTION usage_quota_state(quota usage_quotas, at timestamptz, settling uuid[] DEFAULT '{}')
RETURNS TABLE (used numeric, reserved numeric, begins_at timestamptz, ends_at timestamptz) LANGUAGE plpgsql STABLE
AS $$
BEGIN
    SELECT p.begins_at, p.ends_at INTO begins_at, ends_at FROM usage_quota_period(quota.period, at) AS p;
    IF quota.unit = 'bytes' THEN
        used := 0;
    ELSIF quota.period = 'hour' THEN
        SELECT coalesce(usage_in_unit(quota.unit, count(*), sum(l.total_tokens), sum(l.cost_usd)), 0) INTO used
        FROM usage_logs AS l
        WHERE l.user_id = quota.user_id AND l.created_at >= usage_quota_state.begins_at
            AND l.created_at < usage_quota_state.ends_at
            AND usage_quota_counts(quota, l.provider, l.model, l.automation, l.used_own_api_key);
    ELSE
        SELECT coalesce(usage_in_unit(
            quota.unit, sum(p.requests), sum(p.input_tokens + p.output_tokens)::bigint, sum(p.cost_usd)), 0) INTO used
        FROM usage_day_parts AS p
        WHERE p.user_id = quota.user_id AND p.day >= (usage_quota_state.begins_at AT TIME ZONE 'UTC')::date
            AND p.day < (usage_quota_state.ends_at AT TIME ZONE 'UTC')::date
            AND usage_quota_counts(quota, p.provider, p.model, p.automation, p.used_own_api_key);
    END IF;
    SELECT coalesce(usage_in_unit(
        quota.unit, count(*), sum(r.estimated_input_tokens::bigint + r.estimated_output_tokens)::bigint,
        sum(coalesce(r.estimated_cost_usd, 0))), 0) INTO reserved
    FROM usage_reservations AS r
    WHERE r.user_id = quota.user_id AND r.status = 'held' AND r.expires_at > at AND r.id <> ALL (settling)
        AND usage_quota_counts(quota, r.provider, r.model, r.automation, r.used_own_api_key)
        -- It is settled.
        AND NOT EXISTS (SELECT FROM usage_logs AS l WHERE l.user_id = r.user_id AND l.id = r.id);
    RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION usage_quota_state TO parley_runtime;
