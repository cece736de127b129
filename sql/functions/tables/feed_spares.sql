-- Has the feed's triggers of a table leave alone what sets nothing but `sums`: columns that triggers alone write, and
-- tell the feed of by themselves. No condition is as cheap as a trigger's list of columns, which is not evaluated.
-- Nobody else may write them: the runtime role loses the privilege. Call it again after adding a column.
--
-- Whoever mends a sum by hand names another column too, or the feed is not told.
CREATE OR REPLACE FUNCTION feed_spares(table_name text, sums text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    others text := (
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (sums));
BEGIN
    EXECUTE format('REVOKE UPDATE ON %I FROM parley_runtime', table_name);
    EXECUTE format('GRANT UPDATE (%s) ON %I TO parley_runtime', others, table_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER feed_lock BEFORE INSERT OR UPDATE OF %s OR DELETE ON %I '
        'FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock()', others, table_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER zz_feed BEFORE INSERT OR UPDATE OF %s OR DELETE ON %I '
        'FOR EACH ROW EXECUTE FUNCTION %I()', others, table_name, 'feed_' || table_name);
END
$$;
