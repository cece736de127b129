-- Plans: the subscriptions that a payment provider tells of, and the quotas that come with a plan.

ALTER TABLE users DROP CONSTRAINT users_plan_status_known;
ALTER TABLE users ADD CONSTRAINT users_plan_status_known
    CHECK (plan_status IN ('active', 'trialing', 'past_due', 'cancelled'));
ALTER TABLE users ADD COLUMN is_plan_set boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN users.is_plan_set IS 'Whether an operator has set the plan, which then does not follow the subscriptions.';
-- Only triggers and commands write a user's plan.
SELECT grant_columns(
    'users', privilege, '{plan_type,plan_status,is_plan_set}' || columns_without(privilege, 'users'))
FROM unnest('{INSERT,UPDATE}'::text[]) AS p (privilege);

-- Only plan_subscription_state() writes them.
CREATE TABLE plan_subscriptions (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    provider text NOT NULL
        CONSTRAINT plan_subscriptions_provider_length CHECK (char_length(provider) BETWEEN 1 AND 50),
    external_id text NOT NULL
        CONSTRAINT plan_subscriptions_external_id_length CHECK (char_length(external_id) BETWEEN 1 AND 255),
    plan_type text NOT NULL
        CONSTRAINT plan_subscriptions_plan_type_known CHECK (plan_type IN ('free', 'pro', 'enterprise')),
    status text NOT NULL CONSTRAINT plan_subscriptions_status_known
        CHECK (status IN ('active', 'trialing', 'past_due', 'cancelled')),
    current_period_start timestamptz NOT NULL,
    current_period_end timestamptz NOT NULL,
    cancel_at timestamptz,
    stated_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT plan_subscriptions_external_id_key UNIQUE (user_id, provider, external_id),
    CONSTRAINT plan_subscriptions_current_period_end_order CHECK (current_period_end > current_period_start)
);
COMMENT ON COLUMN plan_subscriptions.external_id IS 'The provider''s id of the subscription.';
COMMENT ON COLUMN plan_subscriptions.stated_at IS
    'The time of the event that said so. Earlier events that arrive later are ignored.';
SELECT tenant_table('plan_subscriptions', without => '{deleted_at,request_hash}', privileges => 'SELECT');
CREATE INDEX plan_subscriptions_by_creation ON plan_subscriptions (user_id, created_at, id);
CREATE TRIGGER apply AFTER INSERT OR UPDATE ON plan_subscriptions
    FOR EACH ROW EXECUTE FUNCTION plan_subscriptions_apply();

-- The events that webhooks have accepted, so that each has an effect once. They name no user.
CREATE TABLE webhook_events (
    provider text,
    event_id text CONSTRAINT webhook_events_event_id_length CHECK (char_length(event_id) BETWEEN 1 AND 255),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (provider, event_id)
);
CREATE INDEX webhook_events_by_time ON webhook_events (seen_at);
ALTER TABLE webhook_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_events FORCE ROW LEVEL SECURITY;
CREATE POLICY keeping ON webhook_events TO parley_owner USING (true);

-- The quotas that the users of a plan have. `parley plan quotas` writes them; the serving role cannot read them.
CREATE TABLE plan_quotas (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    plan_type text NOT NULL CONSTRAINT plan_quotas_plan_type_known CHECK (plan_type IN ('free', 'pro', 'enterprise')),
    unit text NOT NULL,
    period text NOT NULL,
    provider text,
    model text,
    automation text,
    counts_own_key boolean NOT NULL DEFAULT false,
    "limit" numeric NOT NULL,
    mode text NOT NULL DEFAULT 'hard'
);
-- The rules of usage_quotas, so that each can be given to a user. The command finds their wording there.
SELECT add_rule('plan_quotas', substring(conname FROM 'usage_quotas_(.*)'), pg_get_expr(conbin, conrelid))
FROM pg_constraint
WHERE conrelid = 'usage_quotas'::regclass AND contype = 'c' AND conname <> 'usage_quotas_set_by_known'
ORDER BY conname;
SELECT keep_canonical('plan_quotas', '{provider}');
CREATE UNIQUE INDEX plan_quotas_unit_unique ON plan_quotas (
    plan_type, unit, period, coalesce(provider, ''), coalesce(canonical_name(model), ''), coalesce(automation, ''),
    counts_own_key);
COMMENT ON INDEX plan_quotas_unit_unique IS 'The plan has a quota of the same unit, period and calls already.';
ALTER TABLE plan_quotas ENABLE ROW LEVEL SECURITY;
ALTER TABLE plan_quotas FORCE ROW LEVEL SECURITY;
CREATE POLICY keeping ON plan_quotas TO parley_owner USING (true);
CREATE TRIGGER give_quotas AFTER INSERT OR UPDATE OF plan_type ON users
    FOR EACH ROW EXECUTE FUNCTION users_give_quotas();
