-- Keeps the feed's triggers from firing for updates that set only `sums`: columns that only triggers write, which append
-- to the feed themselves. A trigger's column list is cheaper than any condition, because it is not evaluated. The runtime
-- role loses the privilege to update these columns. Call it again after adding a column. It leaves alone whether these
-- triggers fire for inserts.
--
-- To correct a sum by hand, also set another column in the same statement; otherwise the feed misses the change.
CREATE OR REPLACE FUNCTION feed_spares(table_name text, sums text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    others text := (
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (sums));
    -- Inserts into some tables append to the feed in another way, with this trigger for what comes without a version.
    fills_versions boolean := EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = table_name::regclass AND tgname = 'zz_feed_one');
BEGIN
    PERFORM grant_columns(
        table_name, 'INSERT', rolled_up(table_name) || CASE WHEN fills_versions THEN '{version}'::text[] ELSE '{}' END);
    PERFORM grant_columns(table_name, 'UPDATE', rolled_up(table_name) || sums);
    PERFORM add_feed_lock(table_name, sparing_statements(table_name, 'feed_lock', others));
    PERFORM add_feed(table_name, sparing_statements(table_name, 'zz_feed', others));
END
$$;

-- The statements for which a trigger of the feed fires: of updates, only those that set one of the columns.
CREATE OR REPLACE FUNCTION sparing_statements(table_name text, trigger_name text, columns text) RETURNS text LANGUAGE sql
STABLE
AS $$
    SELECT format('%sUPDATE OF %s OR DELETE', CASE WHEN tgtype & 4 <> 0 THEN 'INSERT OR ' END, columns)
    FROM pg_trigger
    WHERE tgrelid = table_name::regclass AND tgname = trigger_name
$$;
