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
