-- When the lease of an execution ends, with its renewals; null if it does not run. PostgreSQL inlines it, so for other
-- executions it costs only a comparison of the status.
CREATE OR REPLACE FUNCTION leased_until(execution tool_executions) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN execution.status = 'executing' THEN (
        SELECT l.until FROM leases AS l
        WHERE l.user_id = execution.user_id AND l.work_id = execution.id AND l.kind = 'tool_executions') END
$$;
GRANT EXECUTE ON FUNCTION leased_until TO parley_runtime;
