-- Adds the unique index `<table>_<name>_unique`, which holds among the rows that are not deleted. `columns` are columns or
-- expressions, after user_id; `name` is the field of the error, and `reason` the error message for users.
CREATE OR REPLACE FUNCTION add_unique(table_name text, name text, columns text, reason text) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    index_name text := format('%s_%s_unique', table_name, name);
BEGIN
    EXECUTE format(
        'CREATE UNIQUE INDEX %I ON %I (user_id, %s) %s', index_name, table_name, columns,
        CASE WHEN is_deletable(table_name) THEN 'WHERE deleted_at IS NULL' END);
    EXECUTE format('COMMENT ON INDEX %I IS %L', index_name, reason);
END
$$;
