-- Usage in more detail: where a cost comes from, cached and reasoning tokens, and sums per day and kind of call and per
-- quarter of an hour.

-- A cost that is not stated is null until usage_logs_enter() fills it in.
ALTER TABLE usage_logs
    ALTER COLUMN cost_usd DROP DEFAULT,
    ADD COLUMN cached_input_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN cache_write_input_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN reasoning_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN cost_source text NOT NULL DEFAULT 'unknown'
        CONSTRAINT usage_logs_cost_source_known CHECK (cost_source IN ('stated', 'catalogue', 'unknown')),
    ADD COLUMN input_usd_per_million numeric,
    ADD COLUMN output_usd_per_million numeric,
    ADD COLUMN cache_read_usd_per_million numeric,
    ADD COLUMN cache_write_usd_per_million numeric;
COMMENT ON COLUMN usage_logs.input_usd_per_million IS
    'This price and the next three are those by which the cost was worked out; null if it was not.';
-- Entries are never updated, and an update would append each of them to the feed. A change of type rewrites them silently.
ALTER TABLE usage_logs
    ALTER COLUMN cost_source TYPE text USING CASE WHEN cost_usd > 0 THEN 'stated' ELSE 'unknown' END,
    ALTER COLUMN provider TYPE text USING coalesce(nullif(canonical_name(provider), ''), provider);
ALTER TABLE usage_logs ALTER COLUMN cost_source SET DEFAULT 'stated';
SELECT keep_canonical('usage_logs', '{provider}');
SELECT add_rule('usage_logs', name, condition, reason)
FROM (VALUES
    ('cached_input_tokens_range', 'cached_input_tokens >= 0', 'The number of tokens cannot be negative.'),
    -- A number that breaks its own rule breaks no other.
    ('cached_input_tokens_part',
        'cached_input_tokens <= greatest(greatest(input_tokens, 0) - greatest(cache_write_input_tokens, 0), 0)',
        'Input tokens include those read from the cache and those written to it, so there cannot be more of these.'),
    ('cache_write_input_tokens_range', 'cache_write_input_tokens >= 0', 'The number of tokens cannot be negative.'),
    ('cache_write_input_tokens_part', 'cache_write_input_tokens <= greatest(input_tokens, 0)',
        'Input tokens include those written to the cache, so there cannot be more of these.'),
    ('reasoning_tokens_range', 'reasoning_tokens >= 0', 'The number of tokens cannot be negative.'),
    ('reasoning_tokens_part', 'reasoning_tokens <= greatest(output_tokens, 0)',
        'Output tokens include reasoning tokens, so there cannot be more of these.')
) AS r (name, condition, reason);
-- The prices are not among them: only usage_logs_enter() writes them.
GRANT INSERT (cached_input_tokens, cache_write_input_tokens, reasoning_tokens) ON usage_logs TO parley_runtime;
-- There are so many rules that one trigger for all of them makes a new entry a tenth cheaper.
SELECT rules_at_once('usage_logs');
-- For filters and links. Each costs only the entries that have such a value.
CREATE INDEX usage_logs_by_automation ON usage_logs (user_id, automation, created_at, id) WHERE automation IS NOT NULL;
CREATE INDEX usage_logs_by_api_key ON usage_logs (user_id, api_key_id, created_at, id) WHERE api_key_id IS NOT NULL;

DROP TRIGGER sum ON usage_logs;
SELECT add_bulk_insert('usage_logs', carry => '{conversation_id}', sums => 'enter', fills => 'price');
DROP FUNCTION IF EXISTS usage_logs_sum_all(usage_logs[]);

ALTER TABLE usage_days
    ADD COLUMN cached_input_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN cache_write_input_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN reasoning_tokens bigint NOT NULL DEFAULT 0;
ALTER TABLE conversations
    ADD COLUMN usage_cached_input_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN usage_cache_write_input_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN usage_reasoning_tokens bigint NOT NULL DEFAULT 0;

-- The sums of a day in UTC, apart by all that usage can be grouped by. Part of each page is left free for HOT updates.
CREATE TABLE usage_day_parts (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    day date NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    automation text NOT NULL,
    purpose text NOT NULL,
    api_key_id uuid NOT NULL,
    used_own_api_key boolean NOT NULL,
    requests integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    cache_write_input_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_usd numeric NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT usage_day_parts_key
        UNIQUE (user_id, day, provider, model, automation, purpose, api_key_id, used_own_api_key)
) WITH (fillfactor = 70);
COMMENT ON TABLE usage_day_parts IS
    'The sums of usage_logs per day and kind of call. An empty text and the nil UUID stand for null.';

-- The sums of a quarter of an hour, of which the days of every time zone consist.
CREATE TABLE usage_quarter_hours (
    user_id uuid NOT NULL,
    begins_at timestamptz NOT NULL,
    requests integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    cache_write_input_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_usd numeric NOT NULL,
    PRIMARY KEY (user_id, begins_at)
) WITH (fillfactor = 70);
COMMENT ON TABLE usage_quarter_hours IS 'The sums of usage_logs per quarter of an hour in UTC.';

-- Without tenant_table(): the feed tells of usage_days, which changes with them. Only usage_logs_enter() writes here.
SELECT secure_rows(name) FROM unnest('{usage_day_parts,usage_quarter_hours}'::text[]) AS name;
ALTER POLICY tenant ON usage_day_parts TO parley_runtime;
ALTER POLICY tenant ON usage_quarter_hours TO parley_runtime;
-- For the owner's functions, which name the user in each write.
CREATE POLICY keeping ON usage_day_parts TO parley_owner USING (true);
CREATE POLICY keeping ON usage_quarter_hours TO parley_owner USING (true);
GRANT SELECT ON usage_day_parts, usage_quarter_hours TO parley_runtime;

-- Forced row-level security would hide the entries that exist from the owner.
ALTER TABLE usage_logs NO FORCE ROW LEVEL SECURITY;
INSERT INTO usage_day_parts (
    user_id, day, provider, model, automation, purpose, api_key_id, used_own_api_key, requests, input_tokens,
    output_tokens, cached_input_tokens, cache_write_input_tokens, reasoning_tokens, cost_usd)
SELECT
    user_id, (created_at AT TIME ZONE 'UTC')::date, provider, model, coalesce(automation, ''), coalesce(purpose, ''),
    coalesce(api_key_id, '00000000-0000-0000-0000-000000000000'), used_own_api_key, count(*), sum(input_tokens),
    sum(output_tokens), 0, 0, 0, sum(cost_usd)
FROM usage_logs
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
INSERT INTO usage_quarter_hours (
    user_id, begins_at, requests, input_tokens, output_tokens, cached_input_tokens, cache_write_input_tokens,
    reasoning_tokens, cost_usd)
SELECT
    user_id, date_bin('15 minutes', created_at, 'epoch'), count(*), sum(input_tokens), sum(output_tokens), 0, 0, 0,
    sum(cost_usd)
FROM usage_logs
GROUP BY 1, 2;
ALTER TABLE usage_logs FORCE ROW LEVEL SECURITY;

-- For `parley report`, which reads the days of all users.
CREATE POLICY reporting ON usage_days FOR SELECT TO parley_owner USING (is_background_work());

-- A conversation that names no context window gets that of its model. The older conversations_enter(), which stays until all
-- migrations are applied, does not know of this yet.
ALTER TABLE conversations ALTER COLUMN context_window DROP DEFAULT;
DO $$
BEGIN
    EXECUTE replace(
        pg_get_functiondef('conversations_enter()'::regprocedure), 'RETURN NEW;',
        'NEW.context_window := coalesce(NEW.context_window, 8192); RETURN NEW;');
END
$$;
CREATE TRIGGER fit_window BEFORE UPDATE OF context_window ON conversations
    FOR EACH ROW EXECUTE FUNCTION conversations_fit_window();
SELECT rules_at_once('conversations', spare_others => true);
