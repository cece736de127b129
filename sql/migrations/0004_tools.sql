-- Tool executions: a state machine that holds against any writer, and its history.

-- The legal moves, written here alone.
CREATE FUNCTION tool_move_is_legal(from_status text, to_status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT (from_status, to_status) IN (
        ('pending', 'approved'), ('pending', 'cancelled'),
        ('approved', 'executing'), ('approved', 'cancelled'),
        ('executing', 'completed'), ('executing', 'failed'), ('executing', 'cancelled'))
$$;

CREATE TABLE tool_executions (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    conversation_id uuid NOT NULL,
    message_id uuid,
    tool_name text NOT NULL,
    parameters jsonb NOT NULL DEFAULT '{}',
    result jsonb,
    status text NOT NULL DEFAULT 'pending',
    status_reason text,
    approval_requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    approved_at timestamptz,
    executed_at timestamptz,
    completed_at timestamptz,
    execution_time_ms integer,
    cost_usd numeric,
    error_message text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT tool_executions_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES conversations,
    CONSTRAINT tool_executions_message_id_exists FOREIGN KEY (user_id, conversation_id, message_id)
        REFERENCES messages (user_id, conversation_id, id),
    CONSTRAINT tool_executions_tool_name_length CHECK (char_length(tool_name) BETWEEN 1 AND 100),
    CONSTRAINT tool_executions_status_known CHECK (
        status IN ('pending', 'approved', 'executing', 'completed', 'failed', 'cancelled')),
    CONSTRAINT tool_executions_parameters_size CHECK (pg_column_size(parameters) <= 262144),
    CONSTRAINT tool_executions_result_size CHECK (pg_column_size(result) <= 1048576),
    CONSTRAINT tool_executions_cost_usd_range CHECK (cost_usd BETWEEN 0 AND 1000000),
    CONSTRAINT tool_executions_error_message_length CHECK (char_length(error_message) <= 20000)
);
COMMENT ON COLUMN tool_executions.status_reason IS
    'Written with a change of status to give its reason; moved to the history at once, so it always reads null.';
COMMENT ON CONSTRAINT tool_executions_conversation_id_exists ON tool_executions IS 'There is no such conversation.';
COMMENT ON CONSTRAINT tool_executions_message_id_exists ON tool_executions IS 'There is no such message in this conversation.';
COMMENT ON CONSTRAINT tool_executions_tool_name_length ON tool_executions IS 'A tool name has 1 to 100 characters.';
COMMENT ON CONSTRAINT tool_executions_parameters_size ON tool_executions IS 'Parameters have at most 256 KiB.';
COMMENT ON CONSTRAINT tool_executions_result_size ON tool_executions IS 'A result has at most 1 MiB.';
COMMENT ON CONSTRAINT tool_executions_cost_usd_range ON tool_executions IS 'A cost lies between 0 and 1000000.';
COMMENT ON CONSTRAINT tool_executions_error_message_length ON tool_executions IS 'An error message has at most 20000 characters.';
CREATE INDEX tool_executions_by_message ON tool_executions (user_id, message_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tool_executions_by_conversation ON tool_executions (user_id, conversation_id, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX tool_executions_by_status ON tool_executions (user_id, status, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tool_executions_by_creation ON tool_executions (user_id, created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE tool_transitions (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    tool_execution_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    from_status text,
    to_status text NOT NULL,
    actor text NOT NULL DEFAULT actor(),
    session_id uuid DEFAULT actor_session(),
    reason text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    -- Deferred: the first row of a history is written by the trigger that lets its execution in.
    CONSTRAINT tool_transitions_tool_execution_id_exists FOREIGN KEY (user_id, tool_execution_id)
        REFERENCES tool_executions DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT tool_transitions_actor_known CHECK (actor IN ('user', 'agent', 'system')),
    CONSTRAINT tool_transitions_reason_length CHECK (char_length(reason) <= 2000)
);
COMMENT ON CONSTRAINT tool_transitions_reason_length ON tool_transitions IS 'A reason has at most 2000 characters.';
CREATE INDEX tool_transitions_by_execution ON tool_transitions (user_id, tool_execution_id, created_at, id);

-- Lets an execution in as pending, lets it make legal moves only, and writes each move into the history. What was proposed
-- is what is approved and run: it never changes, and the times are those of the moves, whatever is written there.
CREATE FUNCTION tool_executions_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_status_first', TABLE = 'tool_executions',
                MESSAGE = 'an execution begins as pending';
        END IF;
        NEW.approval_requested_at := at;
        NEW.approved_at := NULL;
        NEW.executed_at := NULL;
        NEW.completed_at := NULL;
        NEW.execution_time_ms := NULL;
        INSERT INTO tool_transitions (user_id, tool_execution_id, conversation_id, to_status, reason, created_at)
        VALUES (NEW.user_id, NEW.id, NEW.conversation_id, NEW.status, NEW.status_reason, at);
        NEW.status_reason := NULL;
        RETURN NEW;
    END IF;
    IF (NEW.conversation_id, NEW.message_id, NEW.tool_name, NEW.parameters)
        IS DISTINCT FROM (OLD.conversation_id, OLD.message_id, OLD.tool_name, OLD.parameters) THEN
        RAISE check_violation USING CONSTRAINT = 'tool_executions_proposal_fixed', TABLE = 'tool_executions',
            MESSAGE = 'what was proposed does not change';
    END IF;
    NEW.approval_requested_at := OLD.approval_requested_at;
    NEW.approved_at := OLD.approved_at;
    NEW.executed_at := OLD.executed_at;
    NEW.completed_at := OLD.completed_at;
    NEW.execution_time_ms := OLD.execution_time_ms;
    IF NEW.status <> OLD.status THEN
        IF NOT tool_move_is_legal(OLD.status, NEW.status) THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_status_move', TABLE = 'tool_executions',
                MESSAGE = format('an execution cannot go from %s to %s', OLD.status, NEW.status);
        END IF;
        CASE NEW.status
            WHEN 'approved' THEN NEW.approved_at := at;
            WHEN 'executing' THEN NEW.executed_at := at;
            ELSE
                NEW.completed_at := at;
                NEW.execution_time_ms := round(extract(epoch FROM at - NEW.executed_at) * 1000);
        END CASE;
        INSERT INTO tool_transitions (
            user_id, tool_execution_id, conversation_id, from_status, to_status, reason, created_at)
        VALUES (NEW.user_id, NEW.id, NEW.conversation_id, OLD.status, NEW.status, NEW.status_reason, at);
    ELSIF OLD.status IN ('completed', 'failed', 'cancelled')
        AND (NEW.result, NEW.cost_usd, NEW.error_message)
            IS DISTINCT FROM (OLD.result, OLD.cost_usd, OLD.error_message) THEN
        RAISE check_violation USING CONSTRAINT = 'tool_executions_status_final', TABLE = 'tool_executions',
            MESSAGE = format('an execution that is %s does not change', OLD.status);
    END IF;
    NEW.status_reason := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER move BEFORE INSERT OR UPDATE ON tool_executions
    FOR EACH ROW EXECUTE FUNCTION tool_executions_move();

SELECT tenant_table('tool_executions', carry => '{conversation_id,status}');
-- The history is written by the trigger above alone.
SELECT tenant_table(
    'tool_transitions', carry => '{tool_execution_id,conversation_id,from_status,to_status}', privileges => 'SELECT');
