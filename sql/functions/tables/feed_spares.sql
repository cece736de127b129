-- Keeps the feed's triggers from firing for updates that set only `sums`: columns that only triggers write, which append
-- to the feed themselves. A trigger's column list is cheaper than any condition, because it is not evaluated. The runtime
-- role loses the privilege to update these columns. Call it again after adding a column. It leaves alone whether these
-- triggers fire for inserts.
--
-- To correct a sum by hand, also set another column in the same statement; otherwise the feed misses the change.
CREATE OR REPLACE FUNCTION feed_spares(table_name text, sums text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    feed text;
    events text;
    others text := (
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (sums));
BEGIN
    PERFORM grant_columns(table_name, 'INSERT', rolled_up(table_name));
    PERFORM grant_columns(table_name, 'UPDATE', rolled_up(table_name) || sums);
    FOR feed, events IN
        SELECT tgname, CASE WHEN pg_get_triggerdef(oid) ~ ' BEFORE INSERT ' THEN 'INSERT OR ' ELSE '' END
        FROM pg_trigger
        WHERE tgrelid = table_name::regclass AND tgname IN ('feed_lock', 'zz_feed')
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER %I BEFORE %sUPDATE OF %s OR DELETE ON %I %s', feed, events, others, table_name,
            CASE feed
                WHEN 'feed_lock' THEN 'FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock()'
                ELSE format('FOR EACH ROW EXECUTE FUNCTION %I()', 'feed_' || table_name) END);
    END LOOP;
END
$$;
