-- Trigger: numbers a new message under the lock of its conversation, adds it to the conversation's sums, and appends
-- both changes to the feed.
--
-- Its first statement takes the feed's lock, so an INSERT needs no feed_lock. It also checks the message's links: the
-- conversation and the parent must exist and not be deleted. Since the parent exists before the message, no message can
-- be its own ancestor.
CREATE OR REPLACE FUNCTION messages_enter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    since timestamptz;
    is_full boolean;
BEGIN
    -- messages_insert_all() has done all this. The runtime role cannot set `seq`.
    IF NEW.seq IS NOT NULL THEN
        RETURN NEW;
    END IF;
    UPDATE feeds
    SET version = version + 2,
        latest_since = CASE
            WHEN latest_conversation_id = NEW.conversation_id THEN latest_since
            ELSE greatest(at, latest_since + interval '1 microsecond') END,
        latest_conversation_id = NEW.conversation_id
    WHERE user_id = NEW.user_id
    RETURNING version, latest_since INTO NEW.version, since;
    -- None of these columns fires the feed's triggers, and only `active_since` is indexed.
    UPDATE conversations
    SET last_seq = last_seq + 1,
        message_count = message_count + 1,
        last_message_id = NEW.id,
        last_message_at = NEW.created_at,
        active_at = NEW.created_at,
        active_since = since,
        message_tokens = message_tokens + coalesce(NEW.token_count, 0),
        response_count = response_count + (NEW.processing_ms IS NOT NULL)::integer,
        response_ms = response_ms + coalesce(NEW.processing_ms, 0),
        updated_at = at,
        version = NEW.version - 1
    WHERE user_id = NEW.user_id AND id = NEW.conversation_id AND deleted_at IS NULL
    RETURNING last_seq, updated_at, message_count > max_messages AND NOT is_archived
    INTO NEW.seq, NEW.updated_at, is_full;
    IF NOT FOUND THEN
        IF NEW.version IS NULL THEN
            PERFORM feed_missing(NEW.user_id);
        END IF;
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_conversation_id_exists', TABLE = 'messages',
            MESSAGE = 'the conversation does not exist or is deleted';
    END IF;
    INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
    VALUES
        (NEW.user_id, NEW.version - 1, 'conversations', NEW.conversation_id, 'update', '{}', at),
        (NEW.user_id, NEW.version, 'messages', NEW.id, 'insert',
            jsonb_build_object('conversation_id', NEW.conversation_id), at);
    -- One condition for everything rare: a connection prepares each expression again in every transaction.
    IF is_full OR NEW.parent_id IS NOT NULL OR NEW.status = 'streaming' THEN
        IF NEW.parent_id IS NOT NULL THEN
            PERFORM FROM messages AS m
            WHERE m.user_id = NEW.user_id AND m.conversation_id = NEW.conversation_id AND m.id = NEW.parent_id
                AND m.deleted_at IS NULL;
            IF NOT FOUND THEN
                RAISE foreign_key_violation USING CONSTRAINT = 'messages_parent_id_exists', TABLE = 'messages',
                    MESSAGE = 'the parent does not exist or is deleted';
            END IF;
        END IF;
        IF NEW.status = 'streaming' THEN
            -- The id may be taken. The INSERT of the message reports that itself.
            INSERT INTO leases (user_id, work_id, kind, length, until)
            VALUES (NEW.user_id, NEW.id, 'messages', lease_length(), at + lease_length())
            ON CONFLICT DO NOTHING;
        END IF;
        IF is_full THEN
            -- Happens once, and is a change of its own in the feed.
            UPDATE conversations
            SET is_archived = true, is_auto_archived = true
            WHERE user_id = NEW.user_id AND id = NEW.conversation_id;
        END IF;
    END IF;
    RETURN NEW;
END
$$;
