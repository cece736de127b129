-- Renews the lease of the caller's tool execution, and returns whether it is still in progress.
CREATE OR REPLACE FUNCTION lease_renew(owner_id uuid, working_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    UPDATE leases SET until = clock_timestamp() + length
    WHERE user_id = owner_id AND user_id = tenant() AND work_id = working_id AND kind = 'tool_executions';
    RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION lease_renew TO parley_runtime;
