-- Requests that a deleted row of the stamped user is removed for good. From then on it can no longer be restored. Returns
-- false if there is no such row in the trash.
CREATE OR REPLACE FUNCTION purge_begin(table_name text, row_id uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    is_deleted boolean;
BEGIN
    IF NOT has_trash(table_name) THEN
        RETURN false;
    END IF;
    -- The feed's lock comes first, as for every writer, so that the row is not restored at the same time.
    PERFORM FROM feeds WHERE user_id = tenant() FOR UPDATE;
    EXECUTE format('SELECT deleted_at IS NOT NULL FROM %I WHERE user_id = tenant() AND id = $1', table_name)
    INTO is_deleted USING row_id;
    IF is_deleted THEN
        INSERT INTO purges (user_id, entity, entity_id) VALUES (tenant(), table_name, row_id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN coalesce(is_deleted, false);
END
$$;
GRANT EXECUTE ON FUNCTION purge_begin(text, uuid) TO parley_runtime;

-- Whether deleted rows of a table are in the trash, from where they can be restored or removed for good.
CREATE OR REPLACE FUNCTION has_trash(table_name text) RETURNS boolean LANGUAGE sql STABLE
AS $$ SELECT EXISTS (SELECT FROM trash_tables() AS t WHERE t.name = table_name) $$;

CREATE OR REPLACE FUNCTION trash_tables() RETURNS TABLE (name text) LANGUAGE sql STABLE
AS $$
    SELECT relname::text
    FROM pg_attribute
    JOIN pg_class AS c ON c.oid = attrelid
    WHERE relnamespace = 'parley'::regnamespace AND relkind = 'r' AND attname = 'deleted_at' AND relname <> 'users'
        AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'feed_lock')
        AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'deleted_for_good')
    ORDER BY relname
$$;
