-- What a write costs the server. Adding a message takes the same two versions, writes the same rows and refuses the
-- same values as before; it takes a third less CPU.
--
-- All of this changes the catalog alone: no table is read or rewritten. `messages`, `conversations` and `changes` are
-- locked for that moment.

-- Has one trigger evaluate all rules of a table, which stay where they are: constraints, with their names and their
-- wording. Call it again after adding one; until then the server evaluates that one itself.
--
-- The server reads every CHECK of a table from its stored text, and prepares it, for each statement that writes a row:
-- a dozen of them cost several times what writing the row does. A trigger is prepared once by each connection.
-- Constraints that are not evaluated came with PostgreSQL 18. On older servers this does nothing; call it after an
-- upgrade.
--
-- `spare_others` spares an UPDATE that sets no column of a rule, and with it the reading of long texts that stay as
-- they are. It is for tables whose other triggers set no such column either.
CREATE FUNCTION rules_at_once(table_name text, spare_others boolean DEFAULT false) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    rule record;
    columns text;
    all_hold text;
    broken text;
BEGIN
    IF current_setting('server_version_num')::integer < 180000 THEN
        RETURN;
    END IF;
    FOR rule IN
        SELECT conname, pg_get_expr(conbin, conrelid) AS condition, obj_description(oid, 'pg_constraint') AS reason
        FROM pg_constraint
        WHERE conrelid = table_name::regclass AND contype = 'c' AND conenforced
    LOOP
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', table_name, rule.conname);
        EXECUTE format(
            'ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s) NOT ENFORCED', table_name, rule.conname, rule.condition);
        EXECUTE format('COMMENT ON CONSTRAINT %I ON %I IS %L', rule.conname, table_name, rule.reason);
    END LOOP;
    -- Sorted by name, as the server evaluates them. A rule that comes to null holds.
    WITH rules AS (
        SELECT
            conname AS name, used,
            regexp_replace(
                pg_get_expr(conbin, conrelid), format('\m(%s)\M', array_to_string(used, '|')), 'NEW.\1', 'g'
            ) AS condition
        FROM pg_constraint
        CROSS JOIN LATERAL (
            SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)
        ) AS a (used)
        WHERE conrelid = table_name::regclass AND contype = 'c'
    )
    SELECT
        string_agg(condition, E'\n            AND ' ORDER BY name),
        string_agg(format('WHEN NOT %s THEN %L', condition, name), E'\n            ' ORDER BY name),
        (SELECT string_agg(DISTINCT quote_ident(one), ', ') FROM rules AS r, unnest(r.used) AS one)
    INTO all_hold, broken, columns
    FROM rules;
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql
        AS $body$
        BEGIN
            IF NOT (%2$s) THEN
            RAISE check_violation USING TABLE = %3$L, MESSAGE = 'a value is refused', CONSTRAINT = CASE
            %4$s
            END;
            END IF;
            RETURN NEW;
        END
        $body$
        $function$,
        table_name || '_rules', all_hold, table_name, broken);
    -- Its name has it see the row as the other triggers left it.
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER zz_rules BEFORE INSERT OR UPDATE %s ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        CASE WHEN spare_others THEN 'OF ' || columns END, table_name, table_name || '_rules');
END
$$;
REVOKE EXECUTE ON FUNCTION rules_at_once FROM PUBLIC;
SELECT rules_at_once('messages');
-- Each new message changes sums of its conversation, and none of what a client may set there.
SELECT rules_at_once('conversations', spare_others => true);

-- Only the feed's triggers write it, and only words of their own.
ALTER TABLE changes DROP CONSTRAINT changes_op_check;
COMMENT ON COLUMN changes.op IS 'insert, update, delete, restore or purge.';


-- The row trigger of a table takes the next version for each row. `messages_enter` takes those of a message and of its
-- conversation at once, tells the feed of both, and writes the conversation's version itself. Only what runs as the
-- owner may do so: whatever version the role that serves requests writes, the trigger fires and writes its own.
DROP TRIGGER zz_feed ON conversations;
CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE ON conversations FOR EACH ROW EXECUTE FUNCTION feed_conversations();
CREATE TRIGGER zz_feed_update BEFORE UPDATE ON conversations FOR EACH ROW
    WHEN (current_user <> 'parley_owner' OR NEW.version = OLD.version) EXECUTE FUNCTION feed_conversations();

-- Numbers a new message under the lock of its conversation, counts it there, and tells the feed of both.
-- It takes the feed's lock before any other, so that an INSERT needs no feed_lock.
CREATE OR REPLACE FUNCTION messages_enter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    UPDATE feeds SET version = version + 2 WHERE user_id = NEW.user_id RETURNING version INTO NEW.version;
    IF NOT FOUND THEN
        PERFORM feed_missing(NEW.user_id);
    END IF;
    UPDATE conversations
    SET last_seq = last_seq + 1,
        message_count = message_count + 1,
        last_message_id = NEW.id,
        last_message_at = NEW.created_at,
        active_at = NEW.created_at,
        message_tokens = message_tokens + coalesce(NEW.token_count, 0),
        response_count = response_count + (NEW.processing_ms IS NOT NULL)::integer,
        response_ms = response_ms + coalesce(NEW.processing_ms, 0),
        is_archived = is_archived OR coalesce(message_count >= max_messages, false),
        is_auto_archived = is_auto_archived OR (NOT is_archived AND coalesce(message_count >= max_messages, false)),
        updated_at = at,
        version = NEW.version - 1
    WHERE user_id = NEW.user_id AND id = NEW.conversation_id AND deleted_at IS NULL
    RETURNING last_seq INTO NEW.seq;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_conversation_id_exists', TABLE = 'messages',
            MESSAGE = 'the conversation does not exist or is deleted';
    END IF;
    INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
    VALUES
        (NEW.user_id, NEW.version - 1, 'conversations', NEW.conversation_id, 'update', '{}', at),
        (NEW.user_id, NEW.version, 'messages', NEW.id, 'insert',
            jsonb_build_object('conversation_id', NEW.conversation_id), at);
    NEW.updated_at := at;
    RETURN NEW;
END
$$;
DROP TRIGGER feed_lock ON messages;
CREATE TRIGGER feed_lock BEFORE UPDATE OR DELETE ON messages
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock();
DROP TRIGGER zz_feed ON messages;
CREATE TRIGGER zz_feed BEFORE UPDATE OR DELETE ON messages FOR EACH ROW EXECUTE FUNCTION feed_messages();


-- Whoever may execute a trigger's function may put it on a table of their own, a temporary one, and have it write what
-- they like into anybody's feed. Firing asks for no such right. A function that the runtime role is to call is granted.
DO $$
DECLARE
    trigger_function regprocedure;
BEGIN
    FOR trigger_function IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'parley'::regnamespace AND prorettype = 'trigger'::regtype
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', trigger_function);
    END LOOP;
END
$$;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
