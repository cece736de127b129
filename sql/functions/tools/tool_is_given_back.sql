-- Whether a move gives a running execution back, so that another worker starts it: only the system does so, and only once the
-- lease of a named worker is gone.
CREATE OR REPLACE FUNCTION tool_is_given_back(execution tool_executions, to_status text) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT (execution.status, to_status) = ('executing', 'approved') AND execution.worker IS NOT NULL AND actor() = 'system'
        AND NOT EXISTS (
            SELECT FROM leases AS l
            WHERE l.user_id = execution.user_id AND l.work_id = execution.id AND l.kind = 'tool_executions')
$$;

-- When an execution was given back the last time: its last move.
CREATE OR REPLACE FUNCTION tool_given_back_at(execution tool_executions) RETURNS timestamptz LANGUAGE sql STABLE
AS $$
    SELECT max(t.created_at) FROM tool_transitions AS t
    WHERE t.user_id = execution.user_id AND t.tool_execution_id = execution.id
$$;
