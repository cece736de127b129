-- Generates change_<table>(joined_id, ids, how), which changes what a row of the first side of a join table is joined to:
-- with `how` 'add', also to these rows of the second side; with 'remove', to these no longer; with 'set', to these alone.
-- What is so already stays as it is. New joins are later than all others, in the order of `ids`.
--
-- It changes nothing unless the row and all that `ids` names exist and are not deleted. It returns whether the row is
-- deleted, null if there is none, and the positions in `ids`, from 0, of those that are missing.
--
-- The feed's lock comes before anything is read, so that of two calls at once the second sees what the first has done.
CREATE OR REPLACE FUNCTION join_function(
    table_name text, first_key text, first_table text, second_key text, second_table text
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    name text := 'change_' || table_name;
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I(joined_id uuid, ids uuid[], how text)
        RETURNS TABLE (user_id uuid, is_deleted boolean, missing bigint[]) LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        #variable_conflict use_column
        DECLARE
            at timestamptz;
        BEGIN
            PERFORM FROM feeds AS f WHERE f.user_id = tenant() FOR UPDATE;
            at := clock_timestamp();
            user_id := tenant();
            is_deleted := (SELECT %5$s FROM %3$I AS p WHERE p.user_id = tenant() AND p.id = joined_id);
            missing := ARRAY(
                SELECT given.position - 1
                FROM unnest(ids) WITH ORDINALITY AS given (id, position)
                WHERE NOT EXISTS (SELECT FROM %4$I AS p WHERE p.user_id = tenant() AND p.id = given.id%6$s)
                ORDER BY given.position);
            RETURN NEXT;
            IF is_deleted IS DISTINCT FROM false OR missing <> '{}' THEN
                RETURN;
            END IF;
            IF how <> 'add' THEN
                PERFORM %8$I(ARRAY(
                    SELECT j.id
                    FROM %2$I AS j
                    WHERE j.user_id = tenant() AND j.%7$I = joined_id
                        AND (j.%9$I = ANY (ids)) = (how = 'remove')));
            END IF;
            IF how <> 'remove' THEN
                INSERT INTO %2$I (user_id, %7$I, %9$I, created_at)
                SELECT tenant(), joined_id, given.id, at + (given.position - 1) * interval '1 microsecond'
                FROM unnest(ids) WITH ORDINALITY AS given (id, position)
                WHERE given.position = array_position(ids, given.id) AND NOT EXISTS (
                    SELECT FROM %2$I AS j
                    WHERE j.user_id = tenant() AND j.%7$I = joined_id AND j.%9$I = given.id)
                ORDER BY given.position;
            END IF;
        END
        $body$
        $function$,
        name, table_name, first_table, second_table,
        CASE WHEN is_deletable(first_table) THEN 'p.deleted_at IS NOT NULL' ELSE 'false' END,
        CASE WHEN is_deletable(second_table) THEN ' AND p.deleted_at IS NULL' ELSE '' END,
        first_key, 'remove_' || table_name, second_key);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %I(uuid, uuid[], text) TO parley_runtime', name);
    EXECUTE format(
        'COMMENT ON FUNCTION %I(uuid, uuid[], text) IS %L', name,
        format(
            'Made by SELECT join_function(%L, %L, %L, %L, %L);',
            table_name, first_key, first_table, second_key, second_table));
END
$$;
