CREATE OR REPLACE FUNCTION conversations_leave() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM messages AS m WHERE m.user_id = OLD.user_id AND m.conversation_id = OLD.id)
        -- Another may have taken its place in the same statement.
        AND NOT EXISTS (SELECT FROM conversations AS c WHERE c.user_id = OLD.user_id AND c.id = OLD.id) THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_conversation_id_exists', TABLE = 'messages',
            MESSAGE = 'the conversation still has messages';
    END IF;
    RETURN NULL;
END
$$;
