-- Renews the lease of the caller's tool execution, and returns the execution with the new end. Returns nothing if it does not
-- run, or if another attempt than the one named does. If its worker has a name, an attempt must be named.
CREATE OR REPLACE FUNCTION tool_execution_renew(working_id uuid, named_attempt integer) RETURNS SETOF tool_executions
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    execution tool_executions;
BEGIN
    SELECT t.* INTO execution FROM tool_executions AS t WHERE t.user_id = tenant() AND t.id = working_id;
    IF execution.attempt = coalesce(named_attempt, CASE WHEN execution.worker IS NULL THEN execution.attempt END) THEN
        -- If the attempt ends at this moment, its lease is gone; a new one has another beginning.
        UPDATE leases AS l SET until = clock_timestamp() + l.length
        WHERE l.user_id = tenant() AND l.work_id = working_id AND l.kind = 'tool_executions'
            AND l.attempt = execution.attempt
        RETURNING l.until INTO execution.lease_until;
        IF FOUND THEN
            RETURN NEXT execution;
        END IF;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION tool_execution_renew TO parley_runtime;
