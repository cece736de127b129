-- Generates the trigger `links`, which enforces more than the foreign keys of a table do:
--
-- * A row cannot be linked to a deleted one.
-- * A row cannot become its own ancestor, through a foreign key to its own table.
-- * A row that lies `within` others cannot change while one of these is deleted. With `marked`, it is deleted and
--   restored together with them, under the same `deleted_at`; this needs an index on (user_id, deleted_at).
--
-- The feed's lock serialises the writers of a user, so what the trigger reads stays true until the commit.
-- tenant_table() and add_link() call this function. Call it yourself after adding a foreign key in another way, and to
-- declare what rows lie within. With `on_insert => false`, another trigger must check the links of new rows.
CREATE OR REPLACE FUNCTION keep_links(
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
    -- Rows that only triggers write need no check.
    IF NOT has_any_column_privilege('parley_runtime', table_name, 'INSERT, UPDATE') THEN
        RETURN;
    END IF;
    FOR link IN SELECT * FROM links_of(table_name) LOOP
        IF link.can_be_deleted OR link.is_circular THEN
            new_keys := new_keys || link.new_key;
            old_keys := old_keys || link.old_key;
            of_new := of_new || format(
                $test$
                    WHEN %s AND NOT EXISTS (SELECT FROM %s AS p WHERE %s) THEN %L$test$,
                link.is_set, link.parent_table, link.is_there, link.constraint_name);
            -- A required link that is null is refused as such, after this trigger.
            of_changed := of_changed || format(
                $test$
                IF %1$s AND NEW.%8$I IS NOT NULL AND (%2$s) IS DISTINCT FROM (%3$s) THEN
                    PERFORM FROM %4$s AS p WHERE %5$s;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = %6$L, TABLE = %7$L,
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;$test$,
                link.is_set, link.new_key, link.old_key, link.parent_table, link.is_there, link.constraint_name,
                table_name, link.key);
        END IF;
        -- A new row can only be linked to rows that exist before it, so it closes no cycle.
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
                    RAISE check_violation USING CONSTRAINT = %3$L, TABLE = %4$L, MESSAGE = %5$L;
                END IF;$test$,
                link.key, link.parent_table, format('%s_%s_circle', table_name, link.key), table_name,
                format('this %s would be its own ancestor', singular(table_name)));
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
                link.is_set, CASE WHEN marked THEN 'OLD.deleted_at IS NOT NULL AND' ELSE '' END,
                link.parent_table, link.is_there, table_name || '_id_within', table_name,
                format('this %s cannot be changed while its %s is deleted', singular(table_name), singular(link.parent)));
            IF marked THEN
                PERFORM mark_with(link.parent, format('%s.%s', table_name, link.key));
            END IF;
        END IF;
    END LOOP;
    IF of_new = '' THEN
        RETURN;
    END IF;
    -- Runs as the role that writes: row-level security shows that role the rows of every user whose rows it may write.
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
                    MESSAGE = 'the linked row does not exist or is deleted';
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
        'COMMENT ON FUNCTION %I IS %L', table_name || '_links',
        format(
            'Made by SELECT keep_links(%L, within => %L, marked => %L, on_insert => %L);',
            table_name, within, marked, on_insert));
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER links BEFORE %s ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        CASE WHEN on_insert THEN 'INSERT OR UPDATE' ELSE 'UPDATE' END, table_name, table_name || '_links');
END
$$;

-- Makes the rows of `parent` delete and restore the rows within them. `child` is `<table>.<key>`.
CREATE OR REPLACE FUNCTION mark_with(parent text, child text) RETURNS void LANGUAGE plpgsql
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

-- The foreign keys of a table, each with the SQL fragments for its trigger. `key` is the column that holds the id of the
-- other row.
CREATE OR REPLACE FUNCTION links_of(table_name text) RETURNS TABLE (
    constraint_name text, parent text, parent_table text, key text, can_be_deleted boolean, is_circular boolean,
    is_set text, new_key text, old_key text, is_there text
) LANGUAGE sql STABLE
AS $$
    SELECT
        con.conname, parent.relname, format('%s.%I', con.connamespace::regnamespace, parent.relname), pairs.key,
        can_be_deleted, con.conrelid = con.confrelid, pairs.is_set, pairs.new_key, pairs.old_key,
        pairs.matches || CASE WHEN can_be_deleted THEN ' AND p.deleted_at IS NULL' ELSE '' END
    FROM pg_constraint AS con
    JOIN pg_class AS parent ON parent.oid = con.confrelid
    -- Links to users are not checked: signing in proves that the user exists.
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
    ) AS pairs (key, is_set, new_key, old_key, matches)
    WHERE con.conrelid = table_name::regclass AND con.contype = 'f'
    ORDER BY cardinality(con.conkey), con.conname
$$;
