-- What is deleted takes nothing new in, and what belongs to it goes and comes back with it.
--
-- All of this changes the catalog alone: no table is read or rewritten.

-- Keeps the links of a table, which its foreign keys declare, beyond what these promise:
--
-- * A row cannot begin to name one that is deleted.
-- * A row cannot lie below itself, where the foreign key is one to its own table.
-- * A row that lies `within` others does not change while one of these is deleted. With `marked`, it is deleted and
--   restored with them, and has the same `deleted_at`: that, with `user_id`, needs an index.
--
-- Writers of a user come one after the other, by the lock of their feed, so what is read here is so until the commit.
-- tenant_table() calls it. Call it again after adding a foreign key, or to say what the rows lie within.
-- Without `on_insert`, another trigger of the table proves the links of new rows.
CREATE FUNCTION keep_links(
    table_name text, within text[] DEFAULT '{}', marked boolean DEFAULT true, on_insert boolean DEFAULT true
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    link record;
    of_new text := '';
    of_changed text := '';
    of_any text := '';
    new_keys text[] := '{}';
    old_keys text[] := '{}';
BEGIN
    -- What only triggers write, they write as it should be.
    IF NOT has_any_column_privilege('parley_runtime', table_name, 'INSERT') THEN
        RETURN;
    END IF;
    FOR link IN SELECT * FROM links_of(table_name) LOOP
        IF link.can_be_deleted OR link.is_circular THEN
            new_keys := new_keys || link.new_key;
            old_keys := old_keys || link.old_key;
            of_new := of_new || format(
                $test$
                    WHEN %s AND NOT EXISTS (SELECT FROM %s AS p WHERE %s) THEN %L$test$,
                link.given, link.parent_table, link.is_there, link.constraint_name);
            of_changed := of_changed || format(
                $test$
                IF %1$s AND (%2$s) IS DISTINCT FROM (%3$s) THEN
                    PERFORM FROM %4$s AS p WHERE %5$s;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = %6$L, TABLE = %7$L,
                            MESSAGE = 'what is named does not exist or is deleted';
                    END IF;
                END IF;$test$,
                link.given, link.new_key, link.old_key, link.parent_table, link.is_there, link.constraint_name,
                table_name);
        END IF;
        -- What a new row names is there before it, so a new row closes no circle.
        IF link.is_circular THEN
            of_changed := of_changed || format(
                $test$
                IF EXISTS (
                    WITH RECURSIVE above (id) AS (
                        SELECT NEW.%1$I
                        UNION
                        SELECT t.%1$I FROM above JOIN %2$s AS t ON t.user_id = NEW.user_id AND t.id = above.id)
                    SELECT FROM above WHERE id = NEW.id
                ) THEN
                    RAISE check_violation USING CONSTRAINT = %3$L, TABLE = %4$L,
                        MESSAGE = 'nothing can lie below itself';
                END IF;$test$,
                link.key, link.parent_table, format('%s_%s_circle', table_name, link.key), table_name);
        END IF;
        IF link.key = ANY (within) THEN
            of_any := of_any || format(
                $test$
            IF %1$s AND %2$s current_user <> 'parley_owner' THEN
                PERFORM FROM %3$s AS p WHERE %4$s;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = %5$L, TABLE = %6$L, MESSAGE = %7$L;
                END IF;
            END IF;$test$,
                link.given, CASE WHEN marked THEN 'OLD.deleted_at IS NOT NULL AND' ELSE '' END,
                link.parent_table, link.is_there, table_name || '_id_within', table_name,
                format('what belongs to a deleted %s does not change', replace(rtrim(link.parent, 's'), '_', ' ')));
            IF marked THEN
                PERFORM mark_with(link.parent, format('%s.%s', table_name, link.key));
            END IF;
        END IF;
    END LOOP;
    IF of_new = '' THEN
        RETURN;
    END IF;
    -- As whoever writes: row-level security shows them the rows of each user whose rows they may write.
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql
        AS $body$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE%2$s
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = %3$L,
                    MESSAGE = 'what is named does not exist or is deleted';
            END IF;
            IF (%4$s) IS DISTINCT FROM (%5$s) THEN%6$s
            END IF;%7$s
            RETURN NEW;
        END
        $body$
        $function$,
        table_name || '_links', of_new, table_name, array_to_string(new_keys, ', '), array_to_string(old_keys, ', '),
        of_changed, of_any);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER links BEFORE %s ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        CASE WHEN on_insert THEN 'INSERT OR UPDATE' ELSE 'UPDATE' END, table_name, table_name || '_links');
END
$$;

-- Has a table's rows take along, when they are deleted or restored, what lies within them: `child` is a table and its key.
CREATE FUNCTION mark_with(parent text, child text) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    children text[] := (
        SELECT string_to_array(encode(tgargs, 'escape'), '\000')
        FROM pg_trigger
        WHERE tgrelid = parent::regclass AND tgname = 'mark');
BEGIN
    children := array_remove(array_remove(children, ''), child) || child;
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER mark AFTER UPDATE OF deleted_at ON %I FOR EACH ROW EXECUTE FUNCTION mark_deleted(%s)',
        parent, (SELECT string_agg(quote_literal(one), ', ') FROM unnest(children) AS one));
END
$$;

-- The foreign keys of a table, each with the texts that a trigger needs to prove it. `key` is the column that holds the
-- id of the other row.
CREATE FUNCTION links_of(table_name text) RETURNS TABLE (
    constraint_name text, parent text, parent_table text, key text, can_be_deleted boolean, is_circular boolean,
    given text, new_key text, old_key text, is_there text
) LANGUAGE sql STABLE
AS $$
    SELECT
        con.conname, parent.relname, format('%s.%I', con.connamespace::regnamespace, parent.relname), pairs.key,
        can_be_deleted, con.conrelid = con.confrelid, pairs.given, pairs.new_key, pairs.old_key,
        pairs.matches || CASE WHEN can_be_deleted THEN ' AND p.deleted_at IS NULL' ELSE '' END
    FROM pg_constraint AS con
    JOIN pg_class AS parent ON parent.oid = con.confrelid
    -- That a user's rows are those of a user who is there is proven when they sign in.
    CROSS JOIN LATERAL (
        SELECT parent.relname <> 'users' AND EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = parent.oid AND attname = 'deleted_at')
    ) AS d (can_be_deleted)
    CROSS JOIN LATERAL (
        SELECT
            max(held.attname) FILTER (WHERE named.attname = 'id'),
            coalesce(
                string_agg(format('NEW.%I IS NOT NULL', held.attname), ' AND ') FILTER (WHERE NOT held.attnotnull), 'true'),
            string_agg(format('NEW.%I', held.attname), ', ' ORDER BY held.attnum),
            string_agg(format('OLD.%I', held.attname), ', ' ORDER BY held.attnum),
            string_agg(format('p.%I = NEW.%I', named.attname, held.attname), ' AND ' ORDER BY held.attnum)
        FROM unnest(con.conkey, con.confkey) AS pair (held, named)
        JOIN pg_attribute AS held ON held.attrelid = con.conrelid AND held.attnum = pair.held
        JOIN pg_attribute AS named ON named.attrelid = con.confrelid AND named.attnum = pair.named
    ) AS pairs (key, given, new_key, old_key, matches)
    WHERE con.conrelid = table_name::regclass AND con.contype = 'f'
    ORDER BY cardinality(con.conkey), con.conname
$$;

-- Deletes and restores what lies within a row together with it. The arguments name tables and their keys.
CREATE FUNCTION mark_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    within text;
BEGIN
    IF OLD.deleted_at IS NOT DISTINCT FROM NEW.deleted_at THEN
        RETURN NULL;
    END IF;
    FOREACH within IN ARRAY TG_ARGV LOOP
        EXECUTE format(
            'UPDATE %I SET deleted_at = $1 WHERE user_id = $2 AND %I = $3 AND deleted_at %s',
            split_part(within, '.', 1), split_part(within, '.', 2),
            CASE WHEN OLD.deleted_at IS NULL THEN 'IS NULL' ELSE '= $4' END)
        USING NEW.deleted_at, NEW.user_id, NEW.id, OLD.deleted_at;
    END LOOP;
    RETURN NULL;
END
$$;

-- Gives a table its fences: forced row-level security, the feed's triggers, the runtime role's privileges, and links that
-- name nothing deleted. `carry` names the columns whose values go into `changes.data`. The table also gets the column
-- `request_hash`.
--
-- The row trigger runs BEFORE, and stamps a version even for an insert that ON CONFLICT then drops: do not use
-- ON CONFLICT on these tables; let the unique violation roll the version back.
CREATE OR REPLACE FUNCTION tenant_table(
    table_name text, carry text[] DEFAULT '{}', privileges text DEFAULT 'SELECT, INSERT, UPDATE'
) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM add_request_hash(table_name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (user_id = (SELECT tenant()))', table_name);
    EXECUTE format('GRANT %s ON %I TO parley_runtime', privileges, table_name);
    PERFORM feed_function(table_name, carry);
    EXECUTE format(
        'CREATE TRIGGER feed_lock BEFORE INSERT OR UPDATE OR DELETE ON %I '
        'FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock()', table_name);
    -- Triggers of one kind fire in the order of their names: this one sees the row as the others left it.
    EXECUTE format(
        'CREATE TRIGGER zz_feed BEFORE INSERT OR UPDATE OR DELETE ON %I '
        'FOR EACH ROW EXECUTE FUNCTION %I()', table_name, 'feed_' || table_name);
    PERFORM keep_links(table_name);
END
$$;

-- Numbers a new message under the lock of its conversation, counts it there, and tells the feed of both. What it answers
-- is there before it, so it never answers itself.
-- It takes the feed's lock before any other, so that an INSERT needs no feed_lock.
CREATE OR REPLACE FUNCTION messages_enter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    since timestamptz;
    is_full boolean;
BEGIN
    UPDATE feeds
    SET version = version + 2,
        latest_since = CASE
            WHEN latest_conversation_id = NEW.conversation_id THEN latest_since
            ELSE greatest(at, latest_since + interval '1 microsecond') END,
        latest_conversation_id = NEW.conversation_id
    WHERE user_id = NEW.user_id
    RETURNING version, latest_since INTO NEW.version, since;
    -- None of these columns has the feed told of the conversation, and none but `active_since` is in an index.
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
    -- One test for all that most messages have nothing of: a connection prepares each anew for each transaction.
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
            -- The id may be taken, which the insert says with its own words.
            INSERT INTO leases (user_id, work_id, kind, length, until)
            VALUES (NEW.user_id, NEW.id, 'messages', lease_length(), at + lease_length())
            ON CONFLICT DO NOTHING;
        END IF;
        IF is_full THEN
            -- Happens once, and is told as a change of its own.
            UPDATE conversations
            SET is_archived = true, is_auto_archived = true
            WHERE user_id = NEW.user_id AND id = NEW.conversation_id;
        END IF;
    END IF;
    RETURN NEW;
END
$$;

-- A tool that is deleted before it has ended is cancelled by that, since nothing may come into it any more.
CREATE FUNCTION tool_executions_delete() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    IF OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL
        AND NEW.status IN ('pending', 'approved', 'executing') THEN
        NEW.status := 'cancelled';
        NEW.status_reason := 'It was deleted.';
    END IF;
    RETURN NEW;
END
$$;
-- Its name has `move` see what it does.
CREATE TRIGGER delete BEFORE UPDATE OF deleted_at ON tool_executions
    FOR EACH ROW EXECUTE FUNCTION tool_executions_delete();

-- A conversation that is deleted cancels the messages that grow in it. One that is taken back out of the archive is no
-- longer archived by itself, and loses the limit that its next message would break, unless it is given another.
CREATE FUNCTION conversations_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF OLD.is_archived AND NOT NEW.is_archived THEN
        IF NEW.max_messages = OLD.max_messages
            AND (OLD.is_auto_archived OR NEW.message_count >= NEW.max_messages) THEN
            NEW.max_messages := NULL;
        END IF;
        NEW.is_auto_archived := false;
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
CREATE TRIGGER change BEFORE UPDATE OF is_archived, deleted_at ON conversations
    FOR EACH ROW EXECUTE FUNCTION conversations_change();

-- `links` proves the conversation that a message moves to.
DROP TRIGGER follow ON messages;
DROP FUNCTION messages_follow();
SELECT keep_links('messages', within => '{conversation_id}', marked => false, on_insert => false);
SELECT keep_links('tool_executions', within => '{conversation_id,message_id}');
SELECT keep_links('context_optimizations');
SELECT keep_links('context_optimization_messages');
SELECT keep_links('usage_logs');

-- An image or a file says something too.
ALTER TABLE messages DROP CONSTRAINT messages_content_blank;
ALTER TABLE messages ADD CONSTRAINT messages_content_blank CHECK (
    role NOT IN ('user', 'system')
    OR content ~ '[^[:space:]]'
    OR images || files <> '[]'
) NOT VALID;
COMMENT ON CONSTRAINT messages_content_blank ON messages IS 'A user''s or system message has content, images or files.';
SELECT rules_at_once('messages');
