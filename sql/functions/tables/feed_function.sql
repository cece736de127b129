-- Generates the trigger function `feed_<table>`, which appends each change of a row to the feed. A single function for
-- all tables would need to_jsonb(NEW), which copies the row, and rows can be large.
CREATE OR REPLACE FUNCTION feed_function(table_name text, carry text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    has_deleted_at boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = 'deleted_at');
    has_updated_at boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = 'updated_at');
    ids text[] := ARRAY(
        SELECT name
        FROM unnest(carry) WITH ORDINALITY AS c (name, position)
        JOIN pg_attribute ON attrelid = table_name::regclass AND attname = name AND atttypid = 'uuid'::regtype
        ORDER BY position);
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, %2$L, OLD.id, 'purge', jsonb_build_object(%3$s), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at%7$s)
            VALUES (NEW.user_id, next_version, %2$L, NEW.id, %5$s, jsonb_build_object(%4$s), at%8$s);
            NEW.version := next_version;
            %6$s
            RETURN NEW;
        END
        $body$
        $function$,
        'feed_' || table_name,
        table_name,
        carried('OLD', carry),
        carried('NEW', carry),
        CASE WHEN has_deleted_at THEN $op$CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END$op$
            ELSE 'lower(TG_OP)' END,
        CASE WHEN has_updated_at THEN 'NEW.updated_at := at;' END,
        CASE WHEN ids <> '{}' THEN ', old_data' END,
        CASE WHEN ids <> '{}' THEN format(
            $old$,
                CASE WHEN TG_OP = 'UPDATE' AND (%s)
                    THEN jsonb_build_object(%s) END$old$,
            (SELECT string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', id), ' OR ') FROM unnest(ids) AS id),
            carried('OLD', ids)) END);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', 'feed_' || table_name,
        format('Made by SELECT feed_function(%L, %L);', table_name, carry));
END
$$;

-- The arguments of jsonb_build_object for columns of OLD or NEW.
CREATE OR REPLACE FUNCTION carried(subject text, names text[]) RETURNS text LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(string_agg(format('%L, %s.%I', name, subject, name), ', ' ORDER BY position), '')
    FROM unnest(names) WITH ORDINALITY AS c (name, position)
$$;
