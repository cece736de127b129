-- Finds up to 100 users, by id, who have a row in the trash that was deleted before a time, or one whose removal was
-- requested and is not complete.
CREATE OR REPLACE FUNCTION users_to_purge(after_id uuid, before timestamptz) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    parts text := (
        SELECT string_agg(
            format('SELECT user_id FROM %I WHERE deleted_at < $2 AND user_id > $1', name), ' UNION ')
        FROM trash_tables());
BEGIN
    IF is_background_work() THEN
        RETURN QUERY EXECUTE format('%s UNION SELECT user_id FROM purges WHERE user_id > $1 ORDER BY user_id LIMIT 100', parts)
        USING after_id, before;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION users_to_purge TO parley_runtime;
