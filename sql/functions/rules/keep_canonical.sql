-- Stores the names in these columns in their canonical form, so that they can be compared, grouped and found as they are.
-- Call it after the columns are there. Values that a BEFORE trigger of another name needs are canonical before it, if its name
-- comes later. What looks at rows before they are inserted, such as the `fills` of add_bulk_insert(), calls canonical_name().
CREATE OR REPLACE FUNCTION keep_canonical(table_name text, columns text[]) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
        AS $body$
        BEGIN%2$s
            RETURN NEW;
        END
        $body$
        $function$,
        table_name || '_canonical', (
            SELECT string_agg(format(E'\n            NEW.%1$I := canonical_name(NEW.%1$I);', c), '' ORDER BY position)
            FROM unnest(columns) WITH ORDINALITY AS t (c, position)));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', table_name || '_canonical',
        format('Made by SELECT keep_canonical(%L, %L);', table_name, columns));
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER canonical BEFORE INSERT OR UPDATE OF %s ON %I FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %I()',
        quoted_names(columns), table_name, (
            SELECT string_agg(format('NEW.%1$I <> canonical_name(NEW.%1$I)', c), ' OR ' ORDER BY position)
            FROM unnest(columns) WITH ORDINALITY AS t (c, position)),
        table_name || '_canonical');
END
$$;

-- The form of a name whose case and surrounding space do not count, such as that of a model provider.
CREATE OR REPLACE FUNCTION canonical_name(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT lower(btrim(name, E' \t\n\r\f\v')) $$;
GRANT EXECUTE ON FUNCTION canonical_name TO parley_runtime;
