-- Whether a quota counts a model call, whose provider is in its canonical form. The model keeps the spelling of whoever called
-- it, and is the same in another.
CREATE OR REPLACE FUNCTION usage_quota_counts(
    quota usage_quotas, provider text, model text, automation text, used_own_api_key boolean
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT quota.unit <> 'bytes' AND (quota.provider IS NULL OR quota.provider = usage_quota_counts.provider)
        AND (quota.model IS NULL OR canonical_name(quota.model) = canonical_name(usage_quota_counts.model))
        AND (quota.automation IS NULL OR quota.automation = coalesce(usage_quota_counts.automation, ''))
        AND (quota.counts_own_key OR NOT used_own_api_key)
$$;
GRANT EXECUTE ON FUNCTION usage_quota_counts TO parley_runtime;

-- How much of a unit some requests, tokens and dollars are.
CREATE OR REPLACE FUNCTION usage_in_unit(unit text, requests bigint, tokens bigint, cost_usd numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE unit WHEN 'requests' THEN requests WHEN 'tokens' THEN tokens WHEN 'usd' THEN cost_usd ELSE 0 END $$;
GRANT EXECUTE ON FUNCTION usage_in_unit TO parley_runtime;
