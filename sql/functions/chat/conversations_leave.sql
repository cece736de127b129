-- Trigger: refuses to delete a conversation that has messages, or to change its key, as the foreign key of messages
-- would. The feed's lock serialises the writers of a user, so the second one sees what the first has done, or fails
-- because its snapshot is older. Runs as the role that writes: row-level security shows that role the rows of every
-- user whose rows it may write.
CREATE OR REPLACE FUNCTION conversations_leave() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM messages AS m WHERE m.user_id = OLD.user_id AND m.conversation_id = OLD.id)
        -- The same statement may have given the key to another row.
        AND NOT EXISTS (SELECT FROM conversations AS c WHERE c.user_id = OLD.user_id AND c.id = OLD.id) THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_conversation_id_exists', TABLE = 'messages',
            MESSAGE = 'the conversation still has messages';
    END IF;
    RETURN NULL;
END
$$;
