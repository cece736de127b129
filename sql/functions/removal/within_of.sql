-- The columns that hold the ids of the rows within which a row of the table lies, as keep_links() was told.
CREATE OR REPLACE FUNCTION within_of(table_name text) RETURNS text[] LANGUAGE sql STABLE
AS $$
    SELECT coalesce(
        substring(
            obj_description(to_regprocedure(quote_ident(table_name || '_links') || '()'), 'pg_proc')
            FROM 'within => ''({.*?})''')::text[],
        '{}')
$$;
