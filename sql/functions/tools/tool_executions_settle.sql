-- Trigger: decides about a new execution by the user's rules and settings (approval_decide), and records the decision as the
-- system's, with the rule and its wording in the history. Later it keeps what was decided, and notes that a person decided.
-- It fires after `move`, which has recorded the proposal or the move. Values that a client writes here are ignored.
CREATE OR REPLACE FUNCTION tool_executions_settle() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    decided record;
    caller jsonb;
    at timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.estimated_cost_usd, NEW.expires_at, NEW.known_tool_id)
            IS DISTINCT FROM (OLD.estimated_cost_usd, OLD.expires_at, OLD.known_tool_id) THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_proposal_fixed', TABLE = 'tool_executions',
                MESSAGE = 'a proposed execution cannot be changed';
        END IF;
        NEW.approval_rule_id := OLD.approval_rule_id;
        NEW.approval_reason := OLD.approval_reason;
        NEW.reserved_usd := OLD.reserved_usd;
        IF OLD.status = 'pending' AND NEW.status = 'approved' AND NEW.expires_at <= NEW.approved_at THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_status_expired', TABLE = 'tool_executions',
                MESSAGE = 'this execution has expired';
        END IF;
        IF OLD.status = 'pending' AND NEW.status <> 'pending' AND actor() = 'user'
            AND OLD.deleted_at IS NOT DISTINCT FROM NEW.deleted_at THEN
            NEW.approval_reason := 'person';
            IF NEW.status = 'approved' THEN
                UPDATE known_tools AS k SET first_approved_at = NEW.approved_at
                WHERE k.user_id = NEW.user_id AND k.id = NEW.known_tool_id AND k.first_approved_at IS NULL;
            END IF;
        END IF;
        RETURN NEW;
    END IF;
    NEW.approval_rule_id := NULL;
    NEW.approval_reason := NULL;
    NEW.reserved_usd := NULL;
    NEW.known_tool_id := NULL;
    -- Row-level security refuses this row. Nothing may be written for its user before.
    IF NEW.user_id IS DISTINCT FROM tenant() THEN
        RETURN NEW;
    END IF;
    SELECT * INTO decided
    FROM approval_decide(NEW.user_id, NEW.conversation_id, NEW.tool_name, NEW.parameters, NEW.estimated_cost_usd);
    NEW.known_tool_id := decided.tool_id;
    IF NEW.known_tool_id IS NULL THEN
        INSERT INTO known_tools (user_id, tool_name) VALUES (NEW.user_id, NEW.tool_name) RETURNING id INTO NEW.known_tool_id;
    END IF;
    at := greatest(clock_timestamp(), NEW.approval_requested_at + interval '1 microsecond');
    IF decided.rule_id IS NOT NULL AND (decided.outcome <> 'pending' OR decided.failed_check = 'ask_rule') THEN
        UPDATE auto_approval_rules AS r SET times_used = r.times_used + 1, last_used_at = at
        WHERE r.user_id = NEW.user_id AND r.id = decided.rule_id;
    END IF;
    IF decided.outcome IN ('approved', 'cancelled') THEN
        NEW.status := decided.outcome;
        NEW.approval_reason := decided.reason;
        NEW.approval_rule_id := decided.rule_id;
        IF NEW.status = 'approved' THEN
            NEW.approved_at := at;
            NEW.reserved_usd := decided.cost_usd;
        ELSE
            NEW.completed_at := at;
        END IF;
        caller := act_for(NEW.user_id);
        INSERT INTO tool_transitions (
            user_id, tool_execution_id, conversation_id, from_status, to_status, reason, approval_rule_id, created_at)
        VALUES (
            NEW.user_id, NEW.id, NEW.conversation_id, 'pending', NEW.status, decided.explanation, NEW.approval_rule_id, at);
        PERFORM stamp_again(caller);
    END IF;
    RETURN NEW;
END
$$;
