-- name: states
-- How much of quotas is used, reserved and left, and when they reset.
SELECT q.id AS of_id, s.used, s.reserved, greatest(q."limit" - s.used - s.reserved, 0) AS remaining,
    nullif(s.ends_at, 'infinity') AS resets_at
FROM usage_quotas AS q
CROSS JOIN LATERAL usage_quota_state(q, clock_timestamp()) AS s
WHERE q.user_id = :user_id AND q.id = ANY (:keys::uuid[]);

-- name: check
-- What a model call would cost, and the quotas that count it, those that refuse it first. One row without a quota if none
-- does.
SELECT e.cost AS cost_usd, c.quota_id, coalesce(c.is_refused, false) AS is_refused
FROM (
    SELECT coalesce(
        :cost_usd::numeric,
        usage_estimate(:provider, :model, clock_timestamp(), :input_tokens::bigint, :output_tokens::bigint)) AS cost
) AS e
LEFT JOIN LATERAL usage_check(
    :user_id, clock_timestamp(), :provider, :model, :automation,
    :used_own_api_key AND usage_has_own_key(:user_id, :provider, NULL),
    :input_tokens::bigint + :output_tokens::bigint, e.cost) AS c ON true;
