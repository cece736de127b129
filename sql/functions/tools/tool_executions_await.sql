-- Trigger: gives a pending execution that expires a lease until then, and removes it with the decision. end_abandoned_work()
-- cancels the execution when the lease ends.
CREATE OR REPLACE FUNCTION tool_executions_await() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NEW.status = 'pending' THEN
        INSERT INTO leases (user_id, work_id, kind, length, until)
        VALUES (NEW.user_id, NEW.id, 'tool_approvals', lease_length(), NEW.expires_at);
    ELSE
        DELETE FROM leases AS l
        WHERE l.user_id = NEW.user_id AND l.work_id = NEW.id AND l.kind = 'tool_approvals';
    END IF;
    RETURN NULL;
END
$$;
