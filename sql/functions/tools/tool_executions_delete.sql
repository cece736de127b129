-- Trigger: deleting an execution that has not ended cancels it, because nothing could end it afterwards.
CREATE OR REPLACE FUNCTION tool_executions_delete() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    IF OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL
        AND NEW.status IN ('pending', 'approved', 'executing') THEN
        NEW.status := 'cancelled';
        NEW.status_reason := 'It was deleted.';
    END IF;
    RETURN NEW;
END
$$;
