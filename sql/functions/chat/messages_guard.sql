-- Trigger: refuses to change the status of a message that has ended, so a late write of its stream cannot revive it.
CREATE OR REPLACE FUNCTION messages_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE check_violation USING CONSTRAINT = 'messages_status_final', TABLE = 'messages',
        MESSAGE = format('the status of a message cannot change from %s to %s', OLD.status, NEW.status);
END
$$;
