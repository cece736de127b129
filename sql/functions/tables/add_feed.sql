-- Makes the feed tell of the rows that statements of these kinds change: see feed_function().
CREATE OR REPLACE FUNCTION add_feed(table_name text, statements text DEFAULT 'INSERT OR UPDATE OR DELETE') RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    -- Triggers of one kind fire in the order of their names: this one sees the row as the others left it.
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER zz_feed BEFORE %s ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        statements, table_name, 'feed_' || table_name);
END
$$;

-- Makes the statements of these kinds lock the user's feed before they touch a row of the table: see feed_lock().
CREATE OR REPLACE FUNCTION add_feed_lock(table_name text, statements text DEFAULT 'INSERT OR UPDATE OR DELETE') RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER feed_lock BEFORE %s ON %I '
        'FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock()', statements, table_name);
END
$$;

-- Makes a trigger of the feed leave out inserts, which append to the feed in another way. It stays as it is otherwise:
-- feed_spares() may have named the columns of an update.
CREATE OR REPLACE FUNCTION leave_inserts(table_name text, trigger_name text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE (
        SELECT regexp_replace(
            regexp_replace(pg_get_triggerdef(oid), '^CREATE', 'CREATE OR REPLACE'), ' BEFORE INSERT OR ', ' BEFORE ')
        FROM pg_trigger
        WHERE tgrelid = table_name::regclass AND tgname = trigger_name);
END
$$;
