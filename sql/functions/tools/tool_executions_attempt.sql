-- Trigger: counts the starts of an execution, and sets the end of its first lease. The worker and the length of its lease are
-- set by a start alone. An execution that is given back has no worker.
CREATE OR REPLACE FUNCTION tool_executions_attempt() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.attempt := 0;
        NEW.worker := NULL;
        NEW.lease_seconds := NULL;
        NEW.lease_until := NULL;
    ELSIF NEW.status = 'executing' AND OLD.status <> 'executing' THEN
        NEW.attempt := OLD.attempt + 1;
        NEW.lease_until := NEW.executed_at + coalesce(make_interval(secs => NEW.lease_seconds), lease_length());
    ELSE
        NEW.attempt := OLD.attempt;
        NEW.worker := CASE WHEN NEW.status <> 'approved' THEN OLD.worker END;
        NEW.lease_seconds := OLD.lease_seconds;
        NEW.lease_until := CASE WHEN NEW.status = 'executing' THEN OLD.lease_until END;
    END IF;
    RETURN NEW;
END
$$;
