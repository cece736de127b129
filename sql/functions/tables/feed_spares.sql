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
BEGIN
    PERFORM grant_columns(table_name, 'INSERT', rolled_up(table_name));
    PERFORM grant_columns(table_name, 'UPDATE', rolled_up(table_name) || sums);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER feed_lock BEFORE INSERT OR UPDATE OF %s OR DELETE ON %I '
        'FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock()', others, table_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER zz_feed BEFORE INSERT OR UPDATE OF %s OR DELETE ON %I '
        'FOR EACH ROW EXECUTE FUNCTION %I()', others, table_name, 'feed_' || table_name);
END
$$;
