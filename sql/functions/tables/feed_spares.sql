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

-- Makes the feed's triggers of a table fire also for updates of these columns, if they fire for some columns only.
CREATE OR REPLACE FUNCTION tell_of(table_name text, columns text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT pg_get_triggerdef(t.oid) AS definition, string_agg(quote_ident(attname), ', ') AS missing
        FROM pg_trigger AS t
        JOIN pg_attribute ON attrelid = tgrelid AND attname = ANY (columns) AND attnum <> ALL (tgattr)
        WHERE tgrelid = table_name::regclass AND tgname IN ('feed_lock', 'zz_feed') AND cardinality(tgattr::smallint[]) > 0
        GROUP BY t.oid
    LOOP
        EXECUTE regexp_replace(
            regexp_replace(made.definition, '^CREATE', 'CREATE OR REPLACE'),
            ' UPDATE OF (.*?) ON ', format(' UPDATE OF \1, %s ON ', made.missing));
    END LOOP;
END
$$;

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
