-- Makes new rows of a table take columns from the row that `key` refers to, if they are omitted: a reaction has the
-- conversation of its message, which subscriptions are narrowed by. Call it after add_link(), which has the error for a row
-- that does not exist.
CREATE OR REPLACE FUNCTION fill_from(table_name text, key text, columns text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    link record;
BEGIN
    SELECT * INTO link FROM links_of(table_name) AS l WHERE l.key = fill_from.key;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% needs a foreign key on %: SELECT add_link(…) first', table_name, key;
    END IF;
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql
        AS $body$
        BEGIN
            IF (%2$s) THEN
                SELECT %3$s INTO %4$s FROM %5$s AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.%6$I;
                IF NOT FOUND THEN
                    RAISE foreign_key_violation USING CONSTRAINT = %7$L, TABLE = %8$L,
                        MESSAGE = 'the linked row does not exist';
                END IF;
            END IF;
            RETURN NEW;
        END
        $body$
        $function$,
        table_name || '_fill',
        (SELECT string_agg(format('NEW.%I IS NULL', c), ' OR ') FROM unnest(columns) AS c),
        (SELECT string_agg(format('coalesce(NEW.%1$I, p.%1$I)', c), ', ') FROM unnest(columns) AS c),
        (SELECT string_agg(format('NEW.%I', c), ', ') FROM unnest(columns) AS c),
        link.parent_table, key, link.constraint_name, table_name);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', table_name || '_fill',
        format('Made by SELECT fill_from(%L, %L, %L);', table_name, key, columns));
    -- Triggers fire in the order of their names: before `links`, which checks what this one has set.
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER fill BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        table_name, table_name || '_fill');
END
$$;
