-- Trigger: makes a new conversation the most recently active one, appends it to the feed, and gives it the user's defaults for
-- what it does not name. The context window is by default that of the model.
--
-- Its first statement takes the feed's lock, so an INSERT needs no feed_lock.
CREATE OR REPLACE FUNCTION conversations_enter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    preferred record;
BEGIN
    UPDATE feeds
    SET version = version + 1,
        latest_since = greatest(NEW.active_at, latest_since + interval '1 microsecond'),
        latest_conversation_id = NEW.id
    WHERE user_id = NEW.user_id
    RETURNING version, latest_since INTO NEW.version, NEW.active_since;
    IF NEW.version IS NULL THEN
        PERFORM feed_missing(NEW.user_id);
    END IF;
    INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
    VALUES (NEW.user_id, NEW.version, 'conversations', NEW.id, 'insert', '{}', at);
    NEW.updated_at := at;
    IF NEW.provider IS NULL OR NEW.model IS NULL OR NEW.max_messages IS NULL THEN
        SELECT
            coalesce(c.provider, u.default_provider) AS provider, c.provider AS configured, c.default_model AS its_model,
            u.default_model, s.max_messages_per_conversation
        INTO preferred
        FROM users AS u
        JOIN user_settings AS s ON s.user_id = u.user_id
        LEFT JOIN provider_configs AS c ON c.user_id = u.user_id AND c.is_default AND c.deleted_at IS NULL
        WHERE u.user_id = NEW.user_id;
        NEW.provider := coalesce(NEW.provider, preferred.provider, 'openai');
        -- The model of the configuration is of its provider alone.
        NEW.model := coalesce(
            NEW.model, CASE WHEN NEW.provider = preferred.configured THEN preferred.its_model END,
            preferred.default_model, 'gpt-4o-mini');
        NEW.max_messages := coalesce(NEW.max_messages, preferred.max_messages_per_conversation);
    END IF;
    IF NEW.context_window IS NULL THEN
        NEW.context_window := context_window_of(NEW.provider, NEW.model);
    END IF;
    RETURN NEW;
END
$$;
