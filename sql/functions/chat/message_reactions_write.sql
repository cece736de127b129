-- Trigger: a message has at most 20 reactions. The feed's lock serialises the writers of a user, so none is overlooked. Notes
-- who reacts.
CREATE OR REPLACE FUNCTION message_reactions_write() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    -- The same emoji again is no further reaction: it violates the unique key.
    IF (SELECT count(*) FROM message_reactions AS r
        WHERE r.user_id = NEW.user_id AND r.message_id = NEW.message_id AND r.emoji <> NEW.emoji) >= 20 THEN
        RAISE check_violation USING CONSTRAINT = 'message_reactions_emoji_most', TABLE = 'message_reactions',
            MESSAGE = 'a message has at most 20 reactions';
    END IF;
    NEW.actor := actor();
    RETURN NEW;
END
$$;
