-- Quotas of usage, and reservations of estimated usage against them.

CREATE TABLE usage_quotas (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    unit text NOT NULL CONSTRAINT usage_quotas_unit_known CHECK (unit IN ('tokens', 'usd', 'requests', 'bytes')),
    period text NOT NULL CONSTRAINT usage_quotas_period_known CHECK (period IN ('hour', 'day', 'month', 'total')),
    provider text,
    model text,
    automation text,
    "limit" numeric NOT NULL,
    mode text NOT NULL DEFAULT 'hard' CONSTRAINT usage_quotas_mode_known CHECK (mode IN ('soft', 'hard')),
    counts_own_key boolean NOT NULL DEFAULT false,
    set_by text NOT NULL DEFAULT 'user' CONSTRAINT usage_quotas_set_by_known CHECK (set_by IN ('user', 'system')),
    warned_at timestamptz,
    exceeded_at timestamptz
);
COMMENT ON COLUMN usage_quotas.provider IS 'Counts usage of this provider only. Null counts all, as for model and automation.';
COMMENT ON COLUMN usage_quotas.set_by IS 'system: it belongs to the plan, and the user cannot change it.';
SELECT tenant_table('usage_quotas');
SELECT grant_columns('usage_quotas', privilege, '{set_by,warned_at,exceeded_at}')
FROM unnest('{INSERT,UPDATE}'::text[]) AS p (privilege);
SELECT add_rule('usage_quotas', name, condition, reason)
FROM (VALUES
    ('provider_length', 'char_length(provider) BETWEEN 1 AND 50', 'A provider name has 1 to 50 characters.'),
    ('model_length', 'char_length(model) BETWEEN 1 AND 100', 'A model name has 1 to 100 characters.'),
    ('automation_length', 'char_length(automation) BETWEEN 1 AND 100', 'An automation name has 1 to 100 characters.'),
    ('limit_range', '"limit" > 0', 'A limit must be greater than 0.'),
    ('limit_whole', $$unit = 'usd' OR "limit" <= 0 OR "limit" = trunc("limit")$$,
        'A limit of tokens, requests or bytes is a whole number.'),
    ('unit_bytes', $$unit <> 'bytes' OR (provider IS NULL AND model IS NULL AND automation IS NULL)$$,
        'Bytes belong to no provider, model or automation.')
) AS r (name, condition, reason);
SELECT keep_canonical('usage_quotas', '{provider}');
CREATE INDEX usage_quotas_by_creation ON usage_quotas (user_id, created_at, id) WHERE deleted_at IS NULL;
-- For functions of the owner, which name the user.
CREATE POLICY reading ON usage_quotas FOR SELECT TO parley_owner USING (true);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON usage_quotas
    FOR EACH ROW EXECUTE FUNCTION usage_quotas_guard();
SELECT add_most('usage_quotas', 100, 'You can have at most 100 quotas: delete one first.', counted => $$set_by = 'user'$$);

-- A reservation is settled by the entry of the usage log that has its id, and nothing is written for that.
CREATE TABLE usage_reservations (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    provider text NOT NULL,
    model text NOT NULL,
    automation text,
    used_own_api_key boolean NOT NULL DEFAULT false,
    estimated_input_tokens integer NOT NULL DEFAULT 0,
    estimated_output_tokens integer NOT NULL DEFAULT 0,
    estimated_cost_usd numeric,
    status text NOT NULL DEFAULT 'held' CONSTRAINT usage_reservations_status_known CHECK (status IN ('held', 'released')),
    expires_at timestamptz NOT NULL DEFAULT clock_timestamp() + interval '15 minutes'
);
COMMENT ON COLUMN usage_reservations.estimated_cost_usd IS 'Null if the price of the model is not known.';
COMMENT ON COLUMN usage_reservations.status IS
    'What was done with it. What came of it is told by usage_reservation_status().';
SELECT tenant_table('usage_reservations', without => '{deleted_at}');
SELECT grant_columns('usage_reservations', 'INSERT', '{status,expires_at}');
REVOKE UPDATE ON usage_reservations FROM parley_runtime;
GRANT UPDATE (status) ON usage_reservations TO parley_runtime;
SELECT add_rule('usage_reservations', name, condition, reason)
FROM (VALUES
    ('provider_length', 'char_length(provider) BETWEEN 1 AND 50', 'A provider name has 1 to 50 characters.'),
    ('model_length', 'char_length(model) BETWEEN 1 AND 100', 'A model name has 1 to 100 characters.'),
    ('automation_length', 'char_length(automation) BETWEEN 1 AND 100', 'An automation name has 1 to 100 characters.'),
    ('estimated_input_tokens_range', 'estimated_input_tokens BETWEEN 0 AND 1000000000',
        'The number of tokens must be between 0 and 1000000000.'),
    ('estimated_output_tokens_range', 'estimated_output_tokens BETWEEN 0 AND 1000000000',
        'The number of tokens must be between 0 and 1000000000.'),
    ('estimated_cost_usd_range', 'estimated_cost_usd BETWEEN 0 AND 1000000', 'The cost must be between 0 and 1000000.')
) AS r (name, condition, reason);
SELECT keep_canonical('usage_reservations', '{provider}');
CREATE INDEX usage_reservations_by_creation ON usage_reservations (user_id, created_at, id);
CREATE INDEX usage_reservations_held ON usage_reservations (user_id, expires_at) WHERE status = 'held';
CREATE POLICY reading ON usage_reservations FOR SELECT TO parley_owner USING (true);
CREATE TRIGGER enter BEFORE INSERT ON usage_reservations FOR EACH ROW EXECUTE FUNCTION usage_reservations_enter();
CREATE TRIGGER move BEFORE UPDATE OF status ON usage_reservations
    FOR EACH ROW EXECUTE FUNCTION usage_reservations_move();
SELECT add_expiry('usage_reservations', 'expires_at', kept => '1 day');

-- Only usage_logs_meter() writes it.
ALTER TABLE usage_logs ADD COLUMN is_over_quota boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN usage_logs.is_over_quota IS 'Whether it went beyond what a hard quota left.';
SELECT add_bulk_insert('usage_logs', carry => '{conversation_id}', sums => 'enter', fills => 'price');
