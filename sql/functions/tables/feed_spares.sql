-- Keeps the feed's triggers from firing for updates that set only `sums`: columns that only triggers write, which append
-- to the feed themselves. A trigger's column list is cheaper than any condition, because it is not evaluated. The runtime
-- role loses the privilege to update these columns. Call it again after adding a column.
--
-- To correct a sum by hand, also set another column in the same statement; otherwise the feed misses the change.
CREATE OR REPLACE FUNCTION feed_spares(table_name text, sums text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    others text := (
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (sums));
    -- add_bulk_insert() has made another trigger for inserts.
    is_bulk boolean := EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name::regclass AND tgname = 'zz_feed_one');
BEGIN
    PERFORM grant_columns(
        table_name, 'INSERT', rolled_up(table_name) || CASE WHEN is_bulk THEN '{version}'::text[] ELSE '{}' END);
    PERFORM grant_columns(table_name, 'UPDATE', rolled_up(table_name) || sums);
    PERFORM add_feed_lock(table_name, format('INSERT OR UPDATE OF %s OR DELETE', others));
    PERFORM add_feed(
        table_name, format('%sUPDATE OF %s OR DELETE', CASE WHEN NOT is_bulk THEN 'INSERT OR ' END, others));
END
$$;
