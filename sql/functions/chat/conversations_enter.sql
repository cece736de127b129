-- Trigger: makes a new conversation the most recently active one, and gives it the user's defaults for what it does not
-- name.
CREATE OR REPLACE FUNCTION conversations_enter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    preferred record;
BEGIN
    IF NEW.provider IS NULL OR NEW.model IS NULL OR NEW.max_messages IS NULL THEN
        SELECT u.default_provider, u.default_model, s.max_messages_per_conversation INTO preferred
        FROM users AS u
        JOIN user_settings AS s ON s.user_id = u.user_id
        WHERE u.user_id = NEW.user_id;
        NEW.provider := coalesce(NEW.provider, preferred.default_provider, 'openai');
        NEW.model := coalesce(NEW.model, preferred.default_model, 'gpt-4o-mini');
        NEW.max_messages := coalesce(NEW.max_messages, preferred.max_messages_per_conversation);
    END IF;
    UPDATE feeds
    SET latest_since = greatest(NEW.active_at, latest_since + interval '1 microsecond'),
        latest_conversation_id = NEW.id
    WHERE user_id = NEW.user_id
    RETURNING latest_since INTO NEW.active_since;
    RETURN NEW;
END
$$;
