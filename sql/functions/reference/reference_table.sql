-- Makes a table reference data: the same rows for all users, read by every caller and written by operators' commands
-- alone. The table itself declares `id uuid PRIMARY KEY` and its other columns, and no `user_id`. This adds
--
-- * the privilege to read for the runtime role, and no other;
-- * the comment by which the gateway knows that the table is meant to have no policy.
--
-- It has no feed and no version. If its rows have a natural key, let natural_id() make the id of it: then other tables
-- can refer to rows by that key. Where tables are sharded by user (Citus), also call create_reference_table().
CREATE OR REPLACE FUNCTION reference_table(table_name text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute
        WHERE attrelid = table_name::regclass AND attname = 'user_id' AND NOT attisdropped)
    THEN
        RAISE EXCEPTION '% has a user_id: use tenant_table(), or remove the column', table_name;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = table_name::regclass AND i.indisprimary AND i.indnatts = 1 AND a.attname = 'id')
    THEN
        RAISE EXCEPTION '% needs id uuid PRIMARY KEY in its CREATE TABLE', table_name;
    END IF;
    EXECUTE format('GRANT SELECT ON %I TO parley_runtime', table_name);
    EXECUTE format('COMMENT ON TABLE %I IS %L', table_name, 'Reference data: the same for all users.');
END
$$;
