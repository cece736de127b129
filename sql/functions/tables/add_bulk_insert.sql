-- Lets many rows of a table be inserted by one statement that takes their versions together:
--
--     SELECT * FROM notes_insert_all('[{"title": "Milk"}, {"title": "Bread"}]')
--
-- A row that leaves a column out, or sets it to null, gets its default, as does a column that the runtime role may not insert.
-- The rows are returned in the same order, and created at successive microseconds. `carry` is that of tenant_table(). `sums`
-- names a trigger that adds a single new row to sums. For a list of rows, the function `<table>_<sums>_all` does so instead,
-- with the new rows as an array. With `fills`, the function `<table>_<fills>_all` fills in columns of the rows before they are
-- inserted: it gets them as they were sent, but for the columns that the role may not insert, as an array, and the time, and
-- returns the array.
--
-- Call it after tenant_table(), and again after adding a column. The runtime role may no longer insert a version itself.
DROP FUNCTION IF EXISTS add_bulk_insert(text, text[], text);
CREATE OR REPLACE FUNCTION add_bulk_insert(
    table_name text, carry text[] DEFAULT '{}', sums text DEFAULT NULL, fills text DEFAULT NULL
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    names text;
    proposed text;
    sent text;
    kept text[] := columns_without('INSERT', table_name);
    has_updated_at boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = 'updated_at');
BEGIN
    PERFORM grant_columns(table_name, 'INSERT', '{version}' || columns_without('INSERT', table_name));
    PERFORM leave_inserts(table_name, 'zz_feed');
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER zz_feed_one BEFORE INSERT ON %I '
        'FOR EACH ROW WHEN (NEW.version IS NULL) EXECUTE FUNCTION %I()', table_name, 'feed_' || table_name);
    IF sums IS NOT NULL THEN
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER %I BEFORE INSERT ON %I '
            'FOR EACH ROW WHEN (NEW.version IS NULL) EXECUTE FUNCTION %I()',
            sums, table_name, format('%s_%s', table_name, sums));
    END IF;
    SELECT
        string_agg(quote_ident(attname), ', ' ORDER BY attnum),
        string_agg(
            format(CASE WHEN standard IS NULL THEN 'r.%I' ELSE 'coalesce(r.%I, %s)' END, attname, standard),
            ', ' ORDER BY attnum)
    INTO names, proposed
    FROM pg_attribute
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    CROSS JOIN LATERAL (SELECT pg_get_expr(adbin, adrelid)) AS d (standard)
    WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        AND attname <> ALL ('{user_id,created_at,updated_at,deleted_at,version}')
        AND (fills IS NOT NULL OR attname <> ALL (kept));
    SELECT string_agg(
        CASE WHEN attname = ANY (kept) THEN 'NULL' ELSE 'p.' || quote_ident(attname) END, ', ' ORDER BY attnum)
    INTO sent
    FROM pg_attribute
    WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I(proposed jsonb) RETURNS SETOF %2$I LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        DECLARE
            at timestamptz := clock_timestamp();
            first_version bigint;
            made %2$I[];
        BEGIN
            UPDATE feeds SET version = version + jsonb_array_length(proposed)
            WHERE user_id = tenant()
            RETURNING version - jsonb_array_length(proposed) INTO first_version;
            IF first_version IS NULL THEN
                PERFORM feed_missing(tenant());
            END IF;
            WITH new AS (
                INSERT INTO %2$I AS t (user_id, %3$s, created_at, %7$sversion)
                SELECT
                    tenant(), %4$s, at + (ordinality - 1) * interval '1 microsecond', %8$sfirst_version + ordinality
                FROM %10$s WITH ORDINALITY AS r
                ORDER BY ordinality
                RETURNING t
            )
            SELECT array_agg(t) INTO made FROM new;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            SELECT m.user_id, m.version, %5$L, m.id, 'insert', jsonb_build_object(%6$s), at
            FROM unnest(made) AS m;%9$s
            RETURN QUERY SELECT * FROM unnest(made);
        END
        $body$
        $function$,
        table_name || '_insert_all', table_name, names, proposed, table_name, carried('m', carry),
        CASE WHEN has_updated_at THEN 'updated_at, ' END, CASE WHEN has_updated_at THEN 'at, ' END,
        CASE WHEN sums IS NOT NULL THEN
            E'\n            ' || format('PERFORM %I(made);', format('%s_%s_all', table_name, sums)) END,
        CASE WHEN fills IS NULL THEN format('jsonb_populate_recordset(NULL::%I, proposed)', table_name)
            ELSE format(
                'unnest(%1$I(ARRAY(SELECT ROW(%2$s)::%3$I FROM jsonb_populate_recordset(NULL::%3$I, proposed) AS p), at))',
                format('%s_%s_all', table_name, fills), sent, table_name) END);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', table_name || '_insert_all',
        format('Made by SELECT add_bulk_insert(%L, %L, sums => %L, fills => %L);', table_name, carry, sums, fills));
    EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO parley_runtime', table_name || '_insert_all');
END
$$;
