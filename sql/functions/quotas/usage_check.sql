-- What a model call would mean for each of a user's quotas that count it, and what becomes of its values: the cost, estimated by
-- the price of the model if none is stated, and whether it counts as a call with the user's own key. Both reservations and
-- questions ask this.
--
-- `is_refused` says whether a hard quota leaves too little for the call: its usage, what is reserved and the call would be more
-- than its limit. If the cost is null, because the price of the model is not known, a hard quota in dollars refuses it too.
-- Then `reason` says why, for the user, and `field` is the column of a reservation by which the user could change that; null if
-- there is none. The quota that leaves the smallest part of what the call needs comes first among those that refuse it. If no
-- quota counts the call, there is one row, without a quota.
CREATE OR REPLACE FUNCTION usage_check(
    account uuid, at timestamptz, provider text, model text, automation text, says_own_key boolean, input_tokens bigint,
    output_tokens bigint, stated_usd numeric
) RETURNS TABLE (
    quota_id uuid, is_refused boolean, is_unpriced boolean, reason text, field text, cost_usd numeric,
    used_own_api_key boolean
) LANGUAGE plpgsql STABLE SET search_path = parley, pg_temp
AS $$
DECLARE
    called CONSTANT text := canonical_name(provider);
    cost CONSTANT numeric := coalesce(stated_usd, usage_estimate(called, model, at, input_tokens, output_tokens));
    is_own CONSTANT boolean := says_own_key AND usage_has_own_key(account, called);
BEGIN
    RETURN QUERY
    SELECT c.id, coalesce(c.is_refused, false), coalesce(c.is_refused AND c.needed IS NULL, false),
        CASE WHEN c.is_refused THEN usage_refusal(c.quota, c.used, c.reserved, c.needed, c.ends_at) END,
        CASE WHEN c.is_refused THEN usage_lever(
            c.quota, c.remaining, c.needed, stated_usd IS NOT NULL, input_tokens,
            usage_estimate(called, model, at, input_tokens, 0)) END,
        cost, is_own
    FROM (SELECT) AS always
    LEFT JOIN (
        SELECT q.id, q.created_at, q AS quota, s.used, s.reserved, s.ends_at, n.needed, n.remaining,
            q.mode = 'hard' AND coalesce(n.needed > n.remaining, true) AS is_refused
        FROM usage_quotas AS q
        CROSS JOIN LATERAL usage_quota_state(q, at) AS s
        CROSS JOIN LATERAL (
            SELECT usage_in_unit(q.unit, 1, input_tokens + output_tokens, cost) AS needed,
                greatest(q."limit" - s.used - s.reserved, 0) AS remaining
        ) AS n
        WHERE q.user_id = account AND q.deleted_at IS NULL
            AND usage_quota_counts(q, called, usage_check.model, usage_check.automation, is_own)
    ) AS c ON true
    ORDER BY c.is_refused DESC, c.remaining / nullif(c.needed, 0), c.created_at, c.id;
END
$$;
GRANT EXECUTE ON FUNCTION usage_check TO parley_runtime;

-- Why a quota refuses a call, as a sentence without a capital and a full stop.
CREATE OR REPLACE FUNCTION usage_refusal(quota usage_quotas, used numeric, reserved numeric, needed numeric, ends_at timestamptz)
RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN needed IS NULL THEN
        format('the price of this model is not known, and %s limits the cost: state an estimate', named)
    ELSE
        format(
            '%s has %s left (%s used, %s reserved), and the call needs %s: it %s', named,
            trim_scale(greatest(quota."limit" - used - reserved, 0)), trim_scale(used), trim_scale(reserved),
            trim_scale(needed),
            CASE WHEN ends_at = 'infinity' THEN 'never resets'
                ELSE to_char(ends_at AT TIME ZONE 'UTC', '"resets at" YYYY-MM-DD"T"HH24:MI:SS"Z"') END)
    END
    FROM (
        SELECT concat(
            CASE quota.set_by WHEN 'system' THEN 'the quota of your plan' ELSE 'your quota' END,
            ' of ', trim_scale(quota."limit"), ' ', CASE quota.unit WHEN 'usd' THEN 'US dollars' ELSE quota.unit END,
            CASE quota.period WHEN 'total' THEN ' in total' ELSE ' per ' || quota.period END,
            ' for ' || nullif(
                concat_ws(', ', quota.provider, 'the model ' || quota.model, 'the automation ' || quota.automation), ''))
    ) AS q (named)
$$;
GRANT EXECUTE ON FUNCTION usage_refusal TO parley_runtime;

-- The column of a reservation by which the user could make a call fit that a quota refuses: an estimate, as long as something
-- is left, else one that decides whether the quota counts the call. Null if only waiting helps. `input_usd` is the cost of the
-- input alone.
CREATE OR REPLACE FUNCTION usage_lever(
    quota usage_quotas, remaining numeric, needed numeric, is_cost_stated boolean, input_tokens bigint, input_usd numeric
) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    RETURN CASE
        WHEN needed IS NULL THEN 'estimated_cost_usd'
        WHEN remaining > 0 AND quota.unit = 'usd' AND is_cost_stated THEN 'estimated_cost_usd'
        WHEN remaining > 0 AND quota.unit <> 'requests' THEN
            CASE WHEN usage_in_unit(quota.unit, 1, input_tokens, input_usd) > remaining THEN 'estimated_input_tokens'
                ELSE 'estimated_output_tokens' END
        WHEN quota.model IS NOT NULL THEN 'model'
        WHEN quota.provider IS NOT NULL THEN 'provider'
        WHEN quota.automation IS NOT NULL THEN 'automation'
        WHEN NOT quota.counts_own_key THEN 'used_own_api_key'
    END;
END
$$;
GRANT EXECUTE ON FUNCTION usage_lever TO parley_runtime;

-- The cost of a call by the price of its model at a time, rounded up to a millionth of a dollar; null if that is not known. It
-- is never negative, so that numbers which are refused are not refused for the cost that follows from them.
CREATE OR REPLACE FUNCTION usage_estimate(
    provider text, model text, at timestamptz, input_tokens bigint, output_tokens bigint
) RETURNS numeric LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (
        SELECT greatest(0, ceil(
            input_tokens * p.input_usd_per_million + output_tokens * p.output_usd_per_million)) * 0.000001
        FROM model_price(provider, model, at, input_tokens) AS p);
END
$$;
GRANT EXECUTE ON FUNCTION usage_estimate TO parley_runtime;
