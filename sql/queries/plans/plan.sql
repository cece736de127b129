-- name: user_named
-- The user with an e-mail address or user name. For commands, which run as the owner.
SELECT user_id FROM login_find(:name);

-- name: act_for
-- Stamps the transaction for a user, as whom the system acts.
SELECT act_for(:account::uuid);

-- name: set
-- Sets the plan of the user, or makes it follow the subscriptions if it is null.
SELECT plan_set(:account::uuid, :plan, :status);

-- name: show
-- The plan of the user, and the subscriptions, newest first.
SELECT u.plan_type, u.plan_status, u.is_plan_set, s.provider, s.external_id, s.plan_type AS subscribed, s.status,
    s.current_period_end, s.cancel_at
FROM users AS u
LEFT JOIN plan_subscriptions AS s ON s.user_id = u.user_id
WHERE u.user_id = :account::uuid
ORDER BY s.created_at DESC, s.id DESC;

-- name: quotas
-- The quotas of the user that the plan has set, oldest first.
SELECT q.unit, q.period, q.provider, q.model, q.automation, q.counts_own_key, q."limit", q.mode, s.used, s.reserved
FROM usage_quotas AS q
CROSS JOIN LATERAL usage_quota_state(q, clock_timestamp()) AS s
WHERE q.user_id = :account::uuid AND q.set_by = 'system'
ORDER BY q.created_at, q.id;

-- name: remove_quotas
-- Removes the quotas of plans.
DELETE FROM plan_quotas WHERE plan_type = ANY (:plans::text[]);

-- name: add_quota
-- Adds a quota of a plan.
INSERT INTO plan_quotas (plan_type, unit, period, provider, model, automation, counts_own_key, "limit", mode)
VALUES (:plan, :unit, :period, :provider, :model, :automation, :counts_own_key, :limit::numeric, :mode);

-- name: apply_quotas
-- Gives the next users of the plans the quotas of their plan.
SELECT plan_quotas_apply_to_users(:plans::text[], :after_id::uuid, :most) AS last_id;

-- name: number_of_users
-- How many users there are, as the server estimates it.
SELECT greatest(reltuples, 0)::bigint AS number FROM pg_class WHERE oid = 'users'::regclass;
