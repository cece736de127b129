-- Automatic approval of tool executions: the user's settings and rules, what is known of each tool, and what was decided.

CREATE TABLE auto_approval_settings (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    read_only_operations boolean NOT NULL DEFAULT false,
    low_risk_operations boolean NOT NULL DEFAULT false,
    max_cost_per_tool_usd numeric NOT NULL DEFAULT 1.00,
    max_cost_per_hour_usd numeric NOT NULL DEFAULT 10.00,
    require_approval_for_new_tools boolean NOT NULL DEFAULT true
);
SELECT one_per_user('auto_approval_settings');
SELECT add_rule('auto_approval_settings', name, condition, reason)
FROM (VALUES
    ('max_cost_per_tool_usd_range', 'max_cost_per_tool_usd BETWEEN 0 AND 1000000',
        'The cost must be between 0 and 1000000.'),
    ('max_cost_per_hour_usd_range', 'max_cost_per_hour_usd BETWEEN 0 AND 1000000',
        'The cost must be between 0 and 1000000.')
) AS r (name, condition, reason);
CREATE TRIGGER persons_only BEFORE UPDATE ON auto_approval_settings
    FOR EACH ROW WHEN (current_setting('app.actor', true) = 'agent') EXECUTE FUNCTION refuse_agents();


CREATE TABLE auto_approval_rules (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    tool_name text NOT NULL,
    arguments jsonb NOT NULL DEFAULT '{}',
    ignore_case boolean NOT NULL DEFAULT false,
    host text,
    effect text NOT NULL CONSTRAINT auto_approval_rules_effect_known CHECK (effect IN ('allow', 'ask', 'deny')),
    max_cost_usd numeric,
    conversation_id uuid,
    expires_at timestamptz,
    note text,
    times_used integer NOT NULL DEFAULT 0,
    last_used_at timestamptz,
    tool_key text NOT NULL,
    tool_like text NOT NULL,
    pointers text[] NOT NULL,
    likes text[] NOT NULL,
    regexes text[] NOT NULL
);
COMMENT ON COLUMN auto_approval_rules.tool_key IS
    'The name of the tool as DENY rules compare it, or * if it has a wildcard: by it a proposal finds its rules.';
COMMENT ON COLUMN auto_approval_rules.pointers IS
    'For each argument, how it is read, and the path to it, an array of texts as a text. ALLOW reads a path (p), a text without '
    'spaces (w) or any text (a); DENY and ASK read a path (e) or another text (d). The next columns have its pattern, in the same '
    'order.';
COMMENT ON COLUMN auto_approval_rules.likes IS 'The pattern as LIKE reads it. It matches whatever the pattern does.';
COMMENT ON COLUMN auto_approval_rules.regexes IS 'The regular expression of the pattern; null if LIKE is exact.';
SELECT tenant_table('auto_approval_rules', carry => '{conversation_id}');
SELECT add_rule('auto_approval_rules', name, condition, reason)
FROM (VALUES
    ('tool_name_length', 'char_length(tool_name) BETWEEN 1 AND 100', 'A tool name has 1 to 100 characters.'),
    ('arguments_size', 'pg_column_size(arguments) <= 65536', 'Arguments have at most 64 KiB.'),
    ('host_shape',
        $$host ~ '^(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$'
            AND char_length(host) <= 253$$,
        'A host is a name such as example.org, or *.example.org for those below it, without scheme, port and path.'),
    ('max_cost_usd_range', 'max_cost_usd BETWEEN 0 AND 1000000', 'The cost must be between 0 and 1000000.'),
    ('note_length', 'char_length(note) <= 4000', 'A note has at most 4000 characters.')
) AS r (name, condition, reason);
SELECT add_future('auto_approval_rules', 'expires_at');
SELECT add_unique(
    'auto_approval_rules', 'tool_name',
    $$tool_name, effect, natural_id(arguments::text), ignore_case, coalesce(lower(host), ''),
        coalesce(max_cost_usd, -1), coalesce(conversation_id, '00000000-0000-0000-0000-000000000000'),
        coalesce(expires_at, 'infinity')$$,
    'There is already a rule with this tool, effect, arguments, host, cost, conversation and expiry.');
CREATE INDEX auto_approval_rules_by_creation ON auto_approval_rules (user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX auto_approval_rules_by_tool ON auto_approval_rules (user_id, tool_key) WHERE deleted_at IS NULL;
SELECT add_link('auto_approval_rules', 'conversation_id', 'conversations');
SELECT keep_links('auto_approval_rules', within => '{conversation_id}');
CREATE TRIGGER compile BEFORE INSERT OR UPDATE OF tool_name, arguments, ignore_case, effect ON auto_approval_rules
    FOR EACH ROW EXECUTE FUNCTION auto_approval_rules_compile();
CREATE TRIGGER persons_only BEFORE INSERT OR UPDATE ON auto_approval_rules
    FOR EACH ROW WHEN (current_setting('app.actor', true) = 'agent') EXECUTE FUNCTION refuse_agents();
-- Each use of a rule would otherwise be a change of it, and conflict with a person who edits it.
SELECT feed_spares('auto_approval_rules', '{times_used,last_used_at}');
SELECT grant_columns(
    'auto_approval_rules', privilege, '{times_used,last_used_at,tool_key,tool_like,pointers,likes,regexes}')
FROM unnest('{INSERT,UPDATE}'::text[]) AS privilege;


CREATE TABLE known_tools (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    tool_name text NOT NULL,
    risk text NOT NULL DEFAULT 'high'
        CONSTRAINT known_tools_risk_known CHECK (risk IN ('read_only', 'low', 'high')),
    suggested_risk text
        CONSTRAINT known_tools_suggested_risk_known CHECK (suggested_risk IN ('read_only', 'low', 'high')),
    description text,
    parameters_schema jsonb,
    first_approved_at timestamptz,
    proposed integer NOT NULL DEFAULT 0,
    completed integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    cancelled integer NOT NULL DEFAULT 0,
    total_cost_usd numeric NOT NULL DEFAULT 0,
    total_ms bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, id),
    CONSTRAINT known_tools_tool_name_key UNIQUE (user_id, tool_name)
);
SELECT tenant_table('known_tools', without => '{deleted_at,request_hash}');
SELECT add_rule('known_tools', name, condition, reason)
FROM (VALUES
    ('tool_name_length', 'char_length(tool_name) BETWEEN 1 AND 100', 'A tool name has 1 to 100 characters.'),
    ('description_length', 'char_length(description) <= 4000', 'A description has at most 4000 characters.'),
    ('parameters_schema_size',
        $$jsonb_typeof(parameters_schema) = 'object' AND pg_column_size(parameters_schema) <= 65536$$,
        'A schema of parameters is an object of at most 64 KiB.')
) AS r (name, condition, reason);
-- Agents suggest and describe tools, and a person sets the risk.
CREATE TRIGGER persons_only_new BEFORE INSERT ON known_tools
    FOR EACH ROW WHEN (current_setting('app.actor', true) = 'agent' AND NEW.risk <> 'high') EXECUTE FUNCTION refuse_agents();
CREATE TRIGGER persons_only BEFORE UPDATE OF risk ON known_tools
    FOR EACH ROW WHEN (current_setting('app.actor', true) = 'agent') EXECUTE FUNCTION refuse_agents();
CREATE INDEX known_tools_by_creation ON known_tools (user_id, created_at, id);
CREATE INDEX known_tools_most_used ON known_tools (user_id, proposed DESC, tool_name);
SELECT grant_columns('known_tools', 'INSERT', '{first_approved_at}');
SELECT grant_columns('known_tools', 'UPDATE', '{tool_name,first_approved_at}');


ALTER TABLE tool_executions
    ADD COLUMN estimated_cost_usd numeric,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN known_tool_id uuid,
    ADD COLUMN approval_reason text
        CONSTRAINT tool_executions_approval_reason_known CHECK (
            approval_reason IN ('person', 'read_only', 'low_risk', 'rule', 'denied_by_rule')),
    ADD COLUMN approval_rule_id uuid,
    ADD COLUMN reserved_usd numeric;
COMMENT ON COLUMN tool_executions.approval_rule_id IS
    'Has no foreign key, because what a rule decided stays when the rule is removed for good.';
COMMENT ON COLUMN tool_executions.reserved_usd IS
    'What an execution that was approved automatically counts in the hour''s sum until its cost is known; null for others.';
SELECT add_rule('tool_executions', 'estimated_cost_usd_range', 'estimated_cost_usd BETWEEN 0 AND 1000000',
    'The cost must be between 0 and 1000000.');
SELECT add_future('tool_executions', 'expires_at');
ALTER TABLE tool_transitions ADD COLUMN approval_rule_id uuid;
COMMENT ON COLUMN tool_transitions.approval_rule_id IS 'Has no foreign key: see tool_executions.';

-- The tools of older executions. Row-level security shows the owner one user at a time. No trigger fires: for clients, these
-- executions stay as they are.
ALTER TABLE tool_executions DISABLE TRIGGER USER;
DO $$
DECLARE
    caller text := current_setting('app.user_id', true);
    owner_id uuid;
BEGIN
    FOR owner_id IN SELECT user_id FROM feeds ORDER BY user_id LOOP
        PERFORM set_config('app.user_id', owner_id::text, true);
        INSERT INTO known_tools (user_id, tool_name, created_at, first_approved_at)
        SELECT
            t.user_id, t.tool_name, min(t.created_at), (
                SELECT min(h.created_at)
                FROM tool_transitions AS h
                JOIN tool_executions AS e ON e.user_id = h.user_id AND e.id = h.tool_execution_id
                WHERE h.user_id = owner_id AND h.to_status = 'approved' AND h.actor = 'user' AND e.tool_name = t.tool_name)
        FROM tool_executions AS t
        WHERE t.user_id = owner_id
        GROUP BY t.user_id, t.tool_name
        ORDER BY min(t.created_at), t.tool_name;
        UPDATE tool_executions AS t SET known_tool_id = k.id
        FROM known_tools AS k
        WHERE t.user_id = owner_id AND k.user_id = owner_id AND k.tool_name = t.tool_name;
    END LOOP;
    PERFORM set_config('app.user_id', coalesce(caller, ''), true);
END
$$;
ALTER TABLE tool_executions ENABLE TRIGGER USER;
ALTER TABLE tool_executions ALTER COLUMN known_tool_id SET NOT NULL;
SELECT add_link('tool_executions', 'known_tool_id', 'known_tools');
-- What was approved automatically in the last hour.
CREATE INDEX tool_executions_spending ON tool_executions (user_id, approved_at) WHERE reserved_usd IS NOT NULL;
SELECT add_rollup('known_tools', name, of => 'tool_executions', by => 'known_tool_id', sum => sum)
FROM (VALUES
    ('proposed', NULL),
    ('completed', $$(status = 'completed')::integer$$),
    ('failed', $$(status = 'failed')::integer$$),
    ('cancelled', $$(status = 'cancelled')::integer$$),
    ('total_cost_usd', 'cost_usd'),
    ('total_ms', 'execution_time_ms')
) AS r (name, sum);
-- Triggers fire in the order of their names: after `links` and `move`, and before `zz_feed`, which carries the status.
CREATE TRIGGER settle BEFORE INSERT OR UPDATE ON tool_executions
    FOR EACH ROW EXECUTE FUNCTION tool_executions_settle();
CREATE TRIGGER await_new AFTER INSERT ON tool_executions
    FOR EACH ROW WHEN (NEW.expires_at IS NOT NULL AND NEW.status = 'pending') EXECUTE FUNCTION tool_executions_await();
CREATE TRIGGER await AFTER UPDATE ON tool_executions
    FOR EACH ROW WHEN (NEW.expires_at IS NOT NULL AND OLD.status = 'pending' AND NEW.status <> 'pending')
    EXECUTE FUNCTION tool_executions_await();
ALTER TABLE leases DROP CONSTRAINT leases_kind_known;
ALTER TABLE leases ADD CONSTRAINT leases_kind_known CHECK (kind IN ('messages', 'tool_executions', 'tool_approvals'));
COMMENT ON COLUMN leases.kind IS 'The table that contains the work; `tool_approvals` for a tool execution that is pending.';


ALTER TABLE conversations ADD COLUMN approval_overrides jsonb;
COMMENT ON COLUMN conversations.approval_overrides IS
    'The automatic approval of the conversation as it is applied. A trigger writes it with auto_approval_settings.';
CREATE TRIGGER approvals BEFORE INSERT OR UPDATE OF auto_approval_settings ON conversations
    FOR EACH ROW WHEN (NEW.auto_approval_settings <> '{}' OR NEW.approval_overrides IS NOT NULL)
    EXECUTE FUNCTION conversations_override();
