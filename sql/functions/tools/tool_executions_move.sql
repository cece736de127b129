-- Trigger: lets an execution in as pending, allows legal moves only, and writes each move into the history. What was
-- proposed is what is approved and run, so it never changes. The times are those of the moves, whatever a client
-- writes there.
CREATE OR REPLACE FUNCTION tool_executions_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
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
        -- The history is read in the order of its times.
        at := greatest(
            at, interval '1 microsecond' + greatest(OLD.approval_requested_at, OLD.approved_at, OLD.executed_at));
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
