-- Trigger: requires a new execution to be pending, allows only legal moves, and records each move in the history. The
-- proposal never changes, so that what was approved is what runs. The times are those of the moves; values that a
-- client writes there are ignored.
CREATE OR REPLACE FUNCTION tool_executions_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_status_first', TABLE = 'tool_executions',
                MESSAGE = 'a new execution must be pending';
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
            MESSAGE = 'a proposed execution cannot be changed';
    END IF;
    NEW.approval_requested_at := OLD.approval_requested_at;
    NEW.approved_at := OLD.approved_at;
    NEW.executed_at := OLD.executed_at;
    NEW.completed_at := OLD.completed_at;
    NEW.execution_time_ms := OLD.execution_time_ms;
    IF NEW.status <> OLD.status THEN
        IF NOT tool_move_is_legal(OLD.status, NEW.status) AND NOT tool_is_given_back(OLD, NEW.status) THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_status_move', TABLE = 'tool_executions',
                MESSAGE = format('the status of an execution cannot change from %s to %s', OLD.status, NEW.status);
        END IF;
        IF NEW.status = 'approved' AND actor() = 'agent' AND EXISTS (
            SELECT FROM tool_transitions AS t
            WHERE t.user_id = NEW.user_id AND t.tool_execution_id = NEW.id AND t.from_status IS NULL
                AND t.agent_token_id = actor_agent_token()
        ) THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_id_approver', TABLE = 'tool_executions',
                MESSAGE = 'an agent cannot approve what it has proposed itself';
        END IF;
        -- The history is ordered by time, so each move is later than the one before.
        at := greatest(
            at, interval '1 microsecond' + greatest(OLD.approval_requested_at, OLD.approved_at, OLD.executed_at));
        IF OLD.status = 'approved' AND OLD.attempt > 0 THEN
            at := greatest(at, interval '1 microsecond' + tool_given_back_at(OLD));
        END IF;
        CASE NEW.status
            WHEN 'approved' THEN NEW.approved_at := coalesce(OLD.approved_at, at);
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
            MESSAGE = format('an execution that is %s cannot be changed', OLD.status);
    END IF;
    NEW.status_reason := NULL;
    RETURN NEW;
END
$$;
