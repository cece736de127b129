-- name: states
-- How much of quotas is used, reserved and left, and when they reset.
SELECT q.id AS of_id, s.used, s.reserved, greatest(q."limit" - s.used - s.reserved, 0) AS remaining,
    nullif(s.ends_at, 'infinity') AS resets_at
FROM usage_quotas AS q
CROSS JOIN LATERAL usage_quota_state(q, clock_timestamp()) AS s
WHERE q.user_id = :user_id AND q.id = ANY (:keys::uuid[]);

-- name: check
-- What a model call would cost, and the quotas that count it, those that refuse it first, each with the reason. One row without
-- a quota if none does.
SELECT cost_usd, quota_id, is_refused, upper(left(reason, 1)) || substr(reason, 2) || '.' AS reason
FROM usage_check(
    :user_id, clock_timestamp(), :provider, :model, :automation, :used_own_api_key, :input_tokens::bigint,
    :output_tokens::bigint, :cost_usd::numeric);
