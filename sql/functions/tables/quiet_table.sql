-- Gives a new table what tenant_table() gives, but the feed does not tell of its rows. It is for tables of which one act
-- writes thousands of rows, such as the chunks of a document: each subscriber would receive as many events.
--
-- With `told_by`, the column that holds the id of a parent, the feed tells of an update of the parent instead, once per
-- statement. The rows have the version that this gives the parent. Without it, the table should only grow, like a log.
--
-- Call add_link() for `told_by` first.
CREATE OR REPLACE FUNCTION quiet_table(
    table_name text, told_by text DEFAULT NULL, without text[] DEFAULT '{}',
    privileges text DEFAULT 'SELECT, INSERT, UPDATE'
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    parent text := (SELECT l.parent FROM links_of(table_name) AS l WHERE l.key = told_by);
BEGIN
    IF told_by IS NOT NULL AND parent IS NULL THEN
        RAISE EXCEPTION '%.% is not a link: call add_link() for it first', table_name, told_by;
    END IF;
    PERFORM add_usual_columns(table_name, without);
    PERFORM secure_rows(table_name);
    EXECUTE format('GRANT %s ON %I TO parley_runtime', privileges, table_name);
    PERFORM add_feed_lock(table_name);
    EXECUTE format(
        'CREATE TRIGGER zz_quiet BEFORE INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION quiet_version(%L)',
        table_name, (told_by IS NOT NULL)::integer);
    PERFORM keep_links(table_name);
    PERFORM add_trash(name) FROM trash_tables() WHERE name = table_name;
    IF told_by IS NOT NULL THEN
        PERFORM add_touch(table_name, ARRAY[told_by], '{insert,update,delete}');
    END IF;
END
$$;

-- Makes statements of these kinds (insert, update, delete) tell of the parents of the rows that they change, once for each
-- parent. `keys` are the columns that hold the ids of the parents. Generates the trigger function `<table>_touch`.
CREATE OR REPLACE FUNCTION add_touch(table_name text, keys text[], kinds text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    name text := table_name || '_touch';
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        BEGIN
            IF TG_OP = 'INSERT' THEN%2$s
            ELSIF TG_OP = 'DELETE' THEN%3$s
            ELSE%4$s
            END IF;
            RETURN NULL;
        END
        $body$
        $function$,
        name, touching(table_name, keys, '{new_rows}'), touching(table_name, keys, '{old_rows}'),
        touching(table_name, keys, '{new_rows,old_rows}'));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name,
        format('Made by SELECT add_touch(%L, %L, %L);', table_name, keys, kinds));
    PERFORM statement_triggers(table_name, 'touch', name, kinds);
END
$$;

-- The statements that change the parents of the rows of these transition tables.
CREATE OR REPLACE FUNCTION touching(table_name text, keys text[], transitions text[]) RETURNS text LANGUAGE sql STABLE
AS $$
    -- Setting a column fires the feed's trigger even if the value stays the same.
    SELECT string_agg(
        format(
            $touch$
                UPDATE %1$I AS p SET id = p.id
                WHERE p.user_id = tenant() AND p.id IN (%2$s);$touch$,
            l.parent, (SELECT string_agg(format('SELECT %I FROM %s', l.key, t), ' UNION ') FROM unnest(transitions) AS t)),
        '' ORDER BY position)
    FROM unnest(keys) WITH ORDINALITY AS k (key, position)
    JOIN links_of(table_name) AS l USING (key)
$$;
