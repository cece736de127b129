-- Trigger: a message that has ended keeps its status, so a late write of a stream cannot revive it.
CREATE OR REPLACE FUNCTION messages_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE check_violation USING CONSTRAINT = 'messages_status_final', TABLE = 'messages',
        MESSAGE = format('a message cannot go from %s to %s', OLD.status, NEW.status);
END
$$;
