-- Trigger: keeps the conversation's sums correct when a message is edited, deleted or restored.
CREATE OR REPLACE FUNCTION messages_recount() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    was integer := (OLD.deleted_at IS NULL)::integer;
    is_now integer := (NEW.deleted_at IS NULL)::integer;
BEGIN
    UPDATE conversations AS c
    SET message_count = c.message_count + is_now - was,
        message_tokens = c.message_tokens
            + is_now * coalesce(NEW.token_count, 0) - was * coalesce(OLD.token_count, 0),
        response_count = c.response_count
            + is_now * (NEW.processing_ms IS NOT NULL)::integer - was * (OLD.processing_ms IS NOT NULL)::integer,
        response_ms = c.response_ms
            + is_now * coalesce(NEW.processing_ms, 0) - was * coalesce(OLD.processing_ms, 0),
        (last_message_id, last_message_at) = (
            SELECT m.id, m.created_at
            FROM messages AS m
            WHERE m.user_id = NEW.user_id AND m.conversation_id = NEW.conversation_id AND m.deleted_at IS NULL
            ORDER BY m.seq DESC
            LIMIT 1),
        -- The value stays the same, but setting it fires the feed's triggers.
        is_archived = c.is_archived
    WHERE c.user_id = NEW.user_id AND c.id = NEW.conversation_id;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('to change messages of user %s, set app.user_id to this user', NEW.user_id);
    END IF;
    RETURN NULL;
END
$$;
