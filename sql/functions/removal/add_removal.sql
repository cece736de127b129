-- Lets the runtime role remove rows of a table for good: generates remove_<table>(ids), which removes those of the caller's
-- rows that have one of these ids, and returns the ids of the removed ones. The feed has a `purge` for each.
--
-- Only for rows that nothing refers to, and that come in small numbers: the statement removes all at once.
CREATE OR REPLACE FUNCTION add_removal(table_name text) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    other text := (
        SELECT string_agg(conrelid::regclass::text, ', ')
        FROM pg_constraint
        WHERE contype = 'f' AND confrelid = table_name::regclass AND confdeltype IN ('a', 'r'));
BEGIN
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'rows of % cannot be removed by id, because rows of % may refer to them', table_name, other;
    END IF;
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I(ids uuid[]) RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$ DELETE FROM %2$I AS t WHERE t.user_id = tenant() AND t.id = ANY (ids) RETURNING t.id $body$
        $function$,
        'remove_' || table_name, table_name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %I(uuid[]) TO parley_runtime', 'remove_' || table_name);
    EXECUTE format(
        'COMMENT ON FUNCTION %I(uuid[]) IS %L', 'remove_' || table_name,
        format('Made by SELECT add_removal(%L);', table_name));
END
$$;
