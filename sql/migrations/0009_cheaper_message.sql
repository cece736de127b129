-- What a message cost the server beyond writing its rows: conditions that were parsed anew for each statement, and a look
-- at a conversation that its trigger had just locked. With the next migration it takes about a sixth less CPU. It is
-- refused and told as before; one that fills its conversation has the archiving told as a third change.
--
-- All of this changes the catalog alone: no table is read or rewritten. `feeds`, `messages` and `conversations` are
-- locked for that moment.

-- It was parsed for each write of each user. Only raise_epoch() writes the epoch, and only upwards.
ALTER TABLE feeds DROP CONSTRAINT feeds_epoch_check;


-- Has the feed's triggers of a table leave alone what sets nothing but `sums`: columns that triggers alone write, and
-- tell the feed of by themselves. No condition is as cheap as a trigger's list of columns, which is not evaluated.
-- Nobody else may write them: the runtime role loses the privilege. Call it again after adding a column.
--
-- Whoever mends a sum by hand names another column too, or the feed is not told.
CREATE FUNCTION feed_spares(table_name text, sums text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    others text := (
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (sums));
BEGIN
    EXECUTE format('REVOKE UPDATE ON %I FROM parley_runtime', table_name);
    EXECUTE format('GRANT UPDATE (%s) ON %I TO parley_runtime', others, table_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER feed_lock BEFORE INSERT OR UPDATE OF %s OR DELETE ON %I '
        'FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock()', others, table_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER zz_feed BEFORE INSERT OR UPDATE OF %s OR DELETE ON %I '
        'FOR EACH ROW EXECUTE FUNCTION %I()', others, table_name, 'feed_' || table_name);
END
$$;
REVOKE EXECUTE ON FUNCTION feed_spares FROM PUBLIC;
DROP TRIGGER zz_feed_update ON conversations;
SELECT feed_spares('conversations', ARRAY[
    'last_seq', 'message_count', 'last_message_id', 'last_message_at', 'active_at', 'message_tokens', 'response_count',
    'response_ms', 'updated_at', 'version']);

-- Numbers a new message under the lock of its conversation, counts it there, and tells the feed of both.
-- It takes the feed's lock before any other, so that an INSERT needs no feed_lock.
CREATE OR REPLACE FUNCTION messages_enter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    is_full boolean;
BEGIN
    UPDATE feeds SET version = version + 2 WHERE user_id = NEW.user_id RETURNING version INTO NEW.version;
    IF NOT FOUND THEN
        PERFORM feed_missing(NEW.user_id);
    END IF;
    -- None of these columns has the feed told of the conversation.
    UPDATE conversations
    SET last_seq = last_seq + 1,
        message_count = message_count + 1,
        last_message_id = NEW.id,
        last_message_at = NEW.created_at,
        active_at = NEW.created_at,
        message_tokens = message_tokens + coalesce(NEW.token_count, 0),
        response_count = response_count + (NEW.processing_ms IS NOT NULL)::integer,
        response_ms = response_ms + coalesce(NEW.processing_ms, 0),
        updated_at = at,
        version = NEW.version - 1
    WHERE user_id = NEW.user_id AND id = NEW.conversation_id AND deleted_at IS NULL
    RETURNING last_seq, message_count > max_messages AND NOT is_archived INTO NEW.seq, is_full;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_conversation_id_exists', TABLE = 'messages',
            MESSAGE = 'the conversation does not exist or is deleted';
    END IF;
    INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
    VALUES
        (NEW.user_id, NEW.version - 1, 'conversations', NEW.conversation_id, 'update', '{}', at),
        (NEW.user_id, NEW.version, 'messages', NEW.id, 'insert',
            jsonb_build_object('conversation_id', NEW.conversation_id), at);
    IF is_full THEN
        -- Happens once, and is told as a change of its own.
        UPDATE conversations
        SET is_archived = true, is_auto_archived = true
        WHERE user_id = NEW.user_id AND id = NEW.conversation_id;
    END IF;
    NEW.updated_at := at;
    RETURN NEW;
END
$$;

-- Keeps the conversation's sums true when a message is edited, deleted or restored.
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
        -- Stays as it is: it has the feed told.
        is_archived = c.is_archived
    WHERE c.user_id = NEW.user_id AND c.id = NEW.conversation_id;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('whoever changes messages of user %s needs it as app.user_id', NEW.user_id);
    END IF;
    RETURN NULL;
END
$$;


-- `messages_enter` has proven the conversation of a new message, and holds its lock to the commit, which keeps it from
-- being deleted and its key from changing. So the server need not look for it once more; since PostgreSQL 18 it can be
-- told so. What else the foreign key promises, the triggers below keep on any version.
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 180000 THEN
        EXECUTE 'ALTER TABLE messages ALTER CONSTRAINT messages_conversation_id_exists NOT ENFORCED';
    END IF;
END
$$;

-- Writers of a user come one after the other, by the lock of their feed: whoever comes second sees here what the first
-- has done, or was refused because its snapshot is older. They run as whoever writes: row-level security shows them the
-- rows of each user whose rows may be written.
CREATE FUNCTION messages_follow() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    PERFORM FROM conversations AS c WHERE c.user_id = NEW.user_id AND c.id = NEW.conversation_id;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_conversation_id_exists', TABLE = 'messages',
            MESSAGE = 'the conversation does not exist';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER follow AFTER UPDATE OF user_id, conversation_id ON messages
    FOR EACH ROW WHEN ((OLD.user_id, OLD.conversation_id) <> (NEW.user_id, NEW.conversation_id))
    EXECUTE FUNCTION messages_follow();

CREATE FUNCTION conversations_leave() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
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
CREATE TRIGGER leave AFTER DELETE ON conversations FOR EACH ROW EXECUTE FUNCTION conversations_leave();
CREATE TRIGGER leave_key AFTER UPDATE OF user_id, id ON conversations
    FOR EACH ROW WHEN ((OLD.user_id, OLD.id) <> (NEW.user_id, NEW.id)) EXECUTE FUNCTION conversations_leave();
REVOKE EXECUTE ON FUNCTION messages_follow, conversations_leave FROM PUBLIC;
