-- Trigger: makes a new conversation the most recently active one.
CREATE OR REPLACE FUNCTION conversations_enter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    UPDATE feeds
    SET latest_since = greatest(NEW.active_at, latest_since + interval '1 microsecond'),
        latest_conversation_id = NEW.id
    WHERE user_id = NEW.user_id
    RETURNING latest_since INTO NEW.active_since;
    RETURN NEW;
END
$$;
