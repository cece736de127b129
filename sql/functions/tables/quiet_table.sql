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
    EXECUTE format(
        'CREATE TRIGGER feed_lock BEFORE INSERT OR UPDATE OR DELETE ON %I '
        'FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock()', table_name);
    EXECUTE format(
        'CREATE TRIGGER zz_quiet BEFORE INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION quiet_version(%L)',
        table_name, (told_by IS NOT NULL)::integer);
    PERFORM keep_links(table_name);
    PERFORM add_trash(name) FROM trash_tables() WHERE name = table_name;
    IF told_by IS NOT NULL THEN
        PERFORM touch_function(table_name, ARRAY[told_by]);
        EXECUTE format(
            'CREATE TRIGGER touch_inserted AFTER INSERT ON %1$I REFERENCING NEW TABLE AS changed '
            'FOR EACH STATEMENT EXECUTE FUNCTION %2$I()', table_name, table_name || '_touch');
        EXECUTE format(
            'CREATE TRIGGER touch_updated AFTER UPDATE ON %1$I REFERENCING OLD TABLE AS replaced NEW TABLE AS changed '
            'FOR EACH STATEMENT EXECUTE FUNCTION %2$I()', table_name, table_name || '_touch');
        EXECUTE format(
            'CREATE TRIGGER touch_deleted AFTER DELETE ON %1$I REFERENCING OLD TABLE AS changed '
            'FOR EACH STATEMENT EXECUTE FUNCTION %2$I()', table_name, table_name || '_touch');
    END IF;
END
$$;

-- Generates the trigger function `<table>_touch`, which tells of the parents of the rows that a statement has changed. `keys`
-- are the columns that hold the ids of the parents.
CREATE OR REPLACE FUNCTION touch_function(table_name text, keys text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    name text := table_name || '_touch';
    -- Setting a column fires the feed's trigger even if the value stays the same.
    touching text := $touch$
                UPDATE %2$I AS p SET id = p.id
                WHERE p.user_id = tenant() AND p.id IN (SELECT %1$I FROM changed%3$s);$touch$;
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        BEGIN
            IF TG_OP = 'UPDATE' THEN%2$s
            ELSE%3$s
            END IF;
            RETURN NULL;
        END
        $body$
        $function$,
        name,
        (SELECT string_agg(
            format(touching, l.key, l.parent, format(' UNION SELECT %I FROM replaced', l.key)), '' ORDER BY position)
        FROM unnest(keys) WITH ORDINALITY AS k (key, position) JOIN links_of(table_name) AS l USING (key)),
        (SELECT string_agg(format(touching, l.key, l.parent, ''), '' ORDER BY position)
        FROM unnest(keys) WITH ORDINALITY AS k (key, position) JOIN links_of(table_name) AS l USING (key)));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name, format('Made by SELECT touch_function(%L, %L);', table_name, keys));
END
$$;
