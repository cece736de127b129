-- Takes a privilege on some columns of a table from the runtime role, and leaves it on all others. Changes nothing if the
-- role does not have the privilege at all.
CREATE OR REPLACE FUNCTION grant_columns(table_name text, privilege text, without text[]) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    IF without <> '{}' AND has_any_column_privilege('parley_runtime', table_name, privilege) THEN
        EXECUTE format('REVOKE %s ON %I FROM parley_runtime', privilege, table_name);
        EXECUTE format(
            'GRANT %s (%s) ON %I TO parley_runtime', privilege,
            (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
            FROM pg_attribute
            WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (without)),
            table_name);
    END IF;
END
$$;

-- The columns of a table on which the runtime role does not have a privilege.
CREATE OR REPLACE FUNCTION columns_without(privilege text, table_name text) RETURNS text[] LANGUAGE sql STABLE
AS $$
    SELECT coalesce(array_agg(attname::text), '{}')
    FROM pg_attribute
    WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped
        AND NOT has_column_privilege('parley_runtime', attrelid, attnum, privilege)
$$;

-- The columns of a table that are roll-ups.
CREATE OR REPLACE FUNCTION rolled_up(table_name text) RETURNS text[] LANGUAGE sql STABLE
AS $$ SELECT coalesce(array_agg(r.column_name), '{}') FROM rollups() AS r WHERE r.parent = table_name $$;
