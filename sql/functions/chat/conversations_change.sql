-- Trigger: deleting a conversation cancels its growing messages. Unarchiving one clears `is_auto_archived`. It also
-- removes a `max_messages` that archived it or that its next message would exceed, unless the same update sets another.
-- What is unarchived or restored is not archived or deleted for its age at once.
CREATE OR REPLACE FUNCTION conversations_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF OLD.is_archived AND NOT NEW.is_archived THEN
        IF NEW.max_messages = OLD.max_messages
            AND (OLD.is_auto_archived OR NEW.message_count >= NEW.max_messages) THEN
            NEW.max_messages := NULL;
        END IF;
        NEW.is_auto_archived := false;
        NEW.kept_at := clock_timestamp();
    END IF;
    IF OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN
        NEW.kept_at := clock_timestamp();
    END IF;
    IF OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN
        UPDATE messages AS m
        SET status = 'cancelled'
        FROM leases AS l
        WHERE l.user_id = NEW.user_id AND l.kind = 'messages'
            AND m.user_id = l.user_id AND m.id = l.work_id AND m.conversation_id = NEW.id AND m.status = 'streaming';
    END IF;
    RETURN NEW;
END
$$;
