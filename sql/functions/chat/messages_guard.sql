-- A message that has ended stays as it ended: a late write of a stream cannot bring it back.
CREATE OR REPLACE FUNCTION messages_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE check_violation USING CONSTRAINT = 'messages_status_final', TABLE = 'messages',
        MESSAGE = format('a message cannot go from %s to %s', OLD.status, NEW.status);
END
$$;
