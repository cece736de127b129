-- Tool executions: a state machine that is enforced for every writer, and its history.

CREATE TABLE tool_executions (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    conversation_id uuid NOT NULL,
    message_id uuid,
    tool_name text NOT NULL,
    parameters jsonb NOT NULL DEFAULT '{}',
    result jsonb,
    status text NOT NULL DEFAULT 'pending'
        CONSTRAINT tool_executions_status_known CHECK (
            status IN ('pending', 'approved', 'executing', 'completed', 'failed', 'cancelled')),
    status_reason text,
    approval_requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    approved_at timestamptz,
    executed_at timestamptz,
    completed_at timestamptz,
    execution_time_ms bigint,
    cost_usd numeric,
    error_message text
);
COMMENT ON COLUMN tool_executions.status_reason IS
    'The reason for a change of status, written with it. A trigger moves it to the history, so it always reads null.';
SELECT tenant_table('tool_executions', carry => '{conversation_id,status}');
SELECT add_rule('tool_executions', name, condition, reason)
FROM (VALUES
    ('tool_name_length', 'char_length(tool_name) BETWEEN 1 AND 100', 'A tool name has 1 to 100 characters.'),
    ('parameters_size', 'pg_column_size(parameters) <= 262144', 'Parameters have at most 256 KiB.'),
    ('result_size', 'pg_column_size(result) <= 1048576', 'A result has at most 1 MiB.'),
    ('cost_usd_range', 'cost_usd BETWEEN 0 AND 1000000', 'The cost must be between 0 and 1000000.'),
    ('error_message_length', 'char_length(error_message) <= 20000', 'An error message has at most 20000 characters.')
) AS r (name, condition, reason);
CREATE INDEX tool_executions_by_status ON tool_executions (user_id, status, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tool_executions_by_creation ON tool_executions (user_id, created_at, id) WHERE deleted_at IS NULL;
SELECT add_link('tool_executions', 'conversation_id', 'conversations');
SELECT add_link('tool_executions', 'message_id', 'messages', 'There is no such %s in this conversation.',
    sharing => 'conversation_id');
-- They are deleted and restored together with their conversation or message. A restore finds them by their deleted_at.
SELECT keep_links('tool_executions', within => '{conversation_id,message_id}');
CREATE INDEX tool_executions_deleted ON tool_executions (user_id, deleted_at) WHERE deleted_at IS NOT NULL;

-- The history. Only tool_executions_move() writes it.
CREATE TABLE tool_transitions (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    tool_execution_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    from_status text,
    to_status text NOT NULL,
    actor text NOT NULL DEFAULT actor()
        CONSTRAINT tool_transitions_actor_known CHECK (actor IN ('user', 'agent', 'system')),
    session_id uuid DEFAULT actor_session(),
    reason text,
    -- Deferred, because a trigger writes the first row of a history before its execution is inserted.
    CONSTRAINT tool_transitions_tool_execution_id_exists FOREIGN KEY (user_id, tool_execution_id)
        REFERENCES tool_executions DEFERRABLE INITIALLY DEFERRED
);
SELECT tenant_table('tool_transitions', without => '{deleted_at,request_hash}', privileges => 'SELECT',
    carry => '{tool_execution_id,conversation_id,from_status,to_status}');
SELECT add_rule('tool_transitions', 'reason_length', 'char_length(reason) <= 2000', 'A reason has at most 2000 characters.');
CREATE INDEX tool_transitions_by_execution ON tool_transitions (user_id, tool_execution_id, created_at, id);

CREATE TRIGGER move BEFORE INSERT OR UPDATE ON tool_executions
    FOR EACH ROW EXECUTE FUNCTION tool_executions_move();
-- Triggers fire in the order of their names, so `move` sees what this one has set.
CREATE TRIGGER delete BEFORE UPDATE OF deleted_at ON tool_executions
    FOR EACH ROW EXECUTE FUNCTION tool_executions_delete();
CREATE TRIGGER lease AFTER UPDATE ON tool_executions
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION tool_executions_lease();
