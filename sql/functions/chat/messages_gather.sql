-- Trigger: however a message ends, moves the appended text into its row and removes its lease. Deleting a growing
-- message cancels it. Replacing the text of a growing message renews its lease, because it shows that a worker is
-- alive.
CREATE OR REPLACE FUNCTION messages_gather() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NEW.deleted_at IS NOT NULL AND NEW.status = 'streaming' THEN
        NEW.status := 'cancelled';
    END IF;
    -- Waits for an append in progress, so that the statements below see all of it.
    PERFORM FROM message_growths AS g
    WHERE g.user_id = OLD.user_id AND g.message_id = OLD.id
    FOR UPDATE;
    IF FOUND THEN
        IF NEW.content <> OLD.content THEN
            RAISE check_violation USING CONSTRAINT = 'messages_content_growing', TABLE = 'messages',
                MESSAGE = 'the content of this message cannot be changed while text is being appended to it';
        END IF;
        IF NEW.status <> 'streaming' THEN
            NEW.content := content_so_far(OLD);
            DELETE FROM message_growths AS g WHERE g.user_id = OLD.user_id AND g.message_id = OLD.id;
        END IF;
    END IF;
    IF NEW.status = 'streaming' THEN
        UPDATE leases AS l SET until = clock_timestamp() + l.length
        WHERE l.user_id = OLD.user_id AND l.work_id = OLD.id AND l.kind = 'messages';
    ELSE
        DELETE FROM leases AS l WHERE l.user_id = OLD.user_id AND l.work_id = OLD.id AND l.kind = 'messages';
    END IF;
    RETURN NEW;
END
$$;
