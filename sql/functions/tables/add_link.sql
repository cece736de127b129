-- Declares that a column holds the id of another row of the same user. Call it on a new table, after tenant_table().
-- It makes
--
-- * the foreign key `<table>_<key>_exists`, with the error message for users if there is no such row;
-- * the index `<table>_by_<key without _id>`, for the list at the other end of the link;
-- * the trigger that refuses links to deleted rows (see keep_links).
--
-- `reason` is that message; %s stands for one row of `parent`, such as 'tool execution'. `order_by` is the order of the
-- list; null makes no index, for a link that has no list or another index. `sharing` is another link, which both rows
-- must have in common, such as the conversation of a message.
CREATE OR REPLACE FUNCTION add_link(
    table_name text, key text, parent text, reason text DEFAULT 'There is no such %s.',
    order_by text DEFAULT 'created_at, id', sharing text DEFAULT NULL
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    constraint_name text := format('%s_%s_exists', table_name, key);
BEGIN
    EXECUTE format(
        'ALTER TABLE %I ADD CONSTRAINT %I FOREIGN KEY (%s) REFERENCES %I (%s)', table_name, constraint_name,
        concat_ws(', ', 'user_id', quote_ident(sharing), quote_ident(key)), parent,
        concat_ws(', ', 'user_id', quote_ident(sharing), 'id'));
    EXECUTE format(
        'COMMENT ON CONSTRAINT %I ON %I IS %L', constraint_name, table_name,
        format(reason, singular(parent)));
    IF order_by IS NOT NULL THEN
        -- It contains deleted rows too, because the foreign key looks for them when a parent is removed.
        EXECUTE format(
            'CREATE INDEX %I ON %I (user_id, %I, %s)', table_name || '_by_' || regexp_replace(key, '_id$', ''),
            table_name, key, order_by);
    END IF;
    -- With the arguments of the last call for this table, if there was one.
    EXECUTE coalesce(
        substring(
            obj_description(to_regprocedure(quote_ident(table_name || '_links') || '()'), 'pg_proc') FROM 'Made by (.*)'),
        format('SELECT keep_links(%L)', table_name));
END
$$;

-- What error messages call a row of a table, such as 'tool execution'.
CREATE OR REPLACE FUNCTION singular(table_name text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT replace(rtrim(table_name, 's'), '_', ' ') $$;
