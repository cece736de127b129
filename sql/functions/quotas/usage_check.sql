-- What a model call would mean for each of a user's quotas that count it. `is_refused` says whether a hard quota leaves too
-- little for it: its usage, what is reserved and the call would be more than its limit. If the cost is null, because the
-- price of the model is not known, a hard quota in dollars refuses it too. The quota that leaves the smallest part of what the
-- call needs comes first among those that refuse it.
CREATE OR REPLACE FUNCTION usage_check(
    account uuid, at timestamptz, provider text, model text, automation text, used_own_api_key boolean, tokens bigint,
    cost_usd numeric
) RETURNS TABLE (
    quota_id uuid, unit text, period text, "limit" numeric, needed numeric, remaining numeric, resets_at timestamptz,
    is_refused boolean
) LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT q.id, q.unit, q.period, q."limit", n.needed, n.remaining, nullif(s.ends_at, 'infinity'),
        q.mode = 'hard' AND coalesce(n.needed > n.remaining, true) AS refuses
    FROM usage_quotas AS q
    CROSS JOIN LATERAL usage_quota_state(q, at) AS s
    CROSS JOIN LATERAL (
        SELECT usage_in_unit(q.unit, 1, tokens, usage_check.cost_usd) AS needed,
            greatest(q."limit" - s.used - s.reserved, 0) AS remaining
    ) AS n
    WHERE q.user_id = account AND q.deleted_at IS NULL
        AND usage_quota_counts(q, usage_check.provider, usage_check.model, usage_check.automation,
            usage_check.used_own_api_key)
    ORDER BY refuses DESC, n.remaining / nullif(n.needed, 0), q.created_at, q.id;
END
$$;
GRANT EXECUTE ON FUNCTION usage_check TO parley_runtime;

-- The cost of a call by the price of its model at a time, rounded up to a millionth of a dollar; null if that is not known.
CREATE OR REPLACE FUNCTION usage_estimate(
    provider text, model text, at timestamptz, input_tokens bigint, output_tokens bigint
) RETURNS numeric LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (
        SELECT ceil(input_tokens * p.input_usd_per_million + output_tokens * p.output_usd_per_million) * 0.000001
        FROM model_price(provider, model, at, input_tokens) AS p);
END
$$;
GRANT EXECUTE ON FUNCTION usage_estimate TO parley_runtime;
