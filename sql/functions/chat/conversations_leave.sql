-- Trigger: refuses to delete a conversation that has messages, or to change its key, as the foreign key of messages
-- would. Writers of a user come one after the other by the lock of their feed, so the second sees what the first has
-- done, or is refused because its snapshot is older. Runs as the caller: row-level security shows the rows of each
-- user whose rows may be written.
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
