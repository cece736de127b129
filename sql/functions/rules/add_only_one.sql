-- Lets at most one of a user's rows that are not deleted have a flag set, or one of those with the same `within`. Setting it
-- takes it from the row that has it, in the same statement. Restoring a row that would be the second is refused with
-- `reason`.
CREATE OR REPLACE FUNCTION add_only_one(table_name text, flag text, reason text, within text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    index_name text := format('%s_%s_unique', table_name, flag);
    function_name text := format('%s_%s_taken', table_name, flag);
BEGIN
    EXECUTE format(
        'CREATE UNIQUE INDEX IF NOT EXISTS %I ON %I (%s) WHERE %I AND deleted_at IS NULL',
        index_name, table_name, concat_ws(', ', 'user_id', quote_ident(within)), flag);
    EXECUTE format('COMMENT ON INDEX %I IS %L', index_name, reason);
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        BEGIN
            UPDATE %2$I AS t SET %3$I = false
            WHERE t.user_id = NEW.user_id AND t.id <> NEW.id AND t.%3$I AND t.deleted_at IS NULL%4$s;
            RETURN NEW;
        END
        $body$
        $function$,
        function_name, table_name, flag, CASE WHEN within IS NOT NULL THEN format(' AND t.%1$I = NEW.%1$I', within) END);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', function_name,
        format('Made by SELECT add_only_one(%L, %L, %L, %L);', table_name, flag, reason, within));
    -- Triggers fire in the order of their names: after `links` and before the feed's.
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I BEFORE INSERT OR UPDATE OF %I ON %I FOR EACH ROW '
        'WHEN (NEW.%I AND NEW.deleted_at IS NULL) EXECUTE FUNCTION %I()',
        'take_' || flag, flag, table_name, flag, function_name);
END
$$;
