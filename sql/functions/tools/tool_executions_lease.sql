-- Trigger: gives an execution a lease when it starts, and removes the lease when it ends.
CREATE OR REPLACE FUNCTION tool_executions_lease() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NEW.status = 'executing' THEN
        INSERT INTO leases (user_id, work_id, kind, length, until, attempt)
        VALUES (
            NEW.user_id, NEW.id, 'tool_executions', NEW.lease_until - NEW.executed_at, NEW.lease_until, NEW.attempt);
    ELSIF OLD.status = 'executing' THEN
        DELETE FROM leases AS l
        WHERE l.user_id = NEW.user_id AND l.work_id = NEW.id AND l.kind = 'tool_executions';
    END IF;
    RETURN NULL;
END
$$;
