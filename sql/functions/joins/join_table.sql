-- Makes a join table between two tables of users' rows, whole: columns, keys, feed, and what changes its rows.
--
--     SELECT join_table('note_tags', 'note_id', 'notes', 'tag_id', 'tags', counted_in => 'uses');
--
-- * Two rows are joined at most once. Lists of either side are in the order of joining: `created_at`, then the id of the
--   other row.
-- * A row of the join table lies within that of the first side: if rows of that table can be deleted, both are deleted and
--   restored together. A deleted row of the second side stays joined, but lists leave it out.
-- * The rows of both sides change with each statement that joins or separates them, once, and the feed tells of it.
--   `counted_in` is a column of the second side that counts its joins (see add_rollup); several join tables may share it.
-- * change_<table>() adds, removes or sets what a row of the first side is joined to (see join_function).
CREATE OR REPLACE FUNCTION join_table(
    table_name text, first_key text, first_table text, second_key text, second_table text, counted_in text DEFAULT NULL
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    is_marked boolean := is_deletable(first_table);
    told text[] := ARRAY[first_key] || CASE WHEN counted_in IS NULL THEN ARRAY[second_key] ELSE '{}' END;
BEGIN
    EXECUTE format(
        'CREATE TABLE %1$I (user_id uuid, id uuid DEFAULT uuid7(), %2$I uuid NOT NULL, %3$I uuid NOT NULL, '
        'PRIMARY KEY (user_id, id), CONSTRAINT %4$I UNIQUE (user_id, %2$I, %3$I))',
        table_name, first_key, second_key, table_name || '_key');
    PERFORM tenant_table(
        table_name, carry => ARRAY[first_key, second_key], privileges => 'SELECT, INSERT',
        without => '{updated_at,request_hash}' || CASE WHEN is_marked THEN '{}' ELSE '{deleted_at}'::text[] END);
    PERFORM add_link(table_name, first_key, first_table, order_by => format('created_at, %I', second_key));
    PERFORM add_link(table_name, second_key, second_table, order_by => format('created_at, %I', first_key));
    IF is_marked THEN
        PERFORM keep_links(table_name, within => ARRAY[first_key]);
    END IF;
    PERFORM add_removal(table_name);
    PERFORM touch_function(table_name, told);
    EXECUTE format(
        'CREATE TRIGGER touch_inserted AFTER INSERT ON %1$I REFERENCING NEW TABLE AS changed '
        'FOR EACH STATEMENT EXECUTE FUNCTION %2$I()', table_name, table_name || '_touch');
    EXECUTE format(
        'CREATE TRIGGER touch_deleted AFTER DELETE ON %1$I REFERENCING OLD TABLE AS changed '
        'FOR EACH STATEMENT EXECUTE FUNCTION %2$I()', table_name, table_name || '_touch');
    IF counted_in IS NOT NULL THEN
        PERFORM add_rollup(second_table, counted_in, of => table_name, by => second_key);
    END IF;
    PERFORM join_function(table_name, first_key, first_table, second_key, second_table);
END
$$;
