-- Trigger: only answers of the model get feedback. Notes the session in which it was given.
CREATE OR REPLACE FUNCTION message_feedback_write() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    PERFORM FROM messages AS m WHERE m.user_id = NEW.user_id AND m.id = NEW.message_id AND m.role = 'assistant';
    IF NOT FOUND THEN
        RAISE check_violation USING CONSTRAINT = 'message_feedback_message_id_role', TABLE = 'message_feedback',
            MESSAGE = 'only messages of the assistant can have feedback';
    END IF;
    NEW.session_id := actor_session();
    RETURN NEW;
END
$$;
