-- Lets rows of a table be removed for good some time after a moment, given by an expression of one row that is null for rows
-- that stay. Generates <table>_expire(after, most), for background work: it removes rows of one user whose moment was longer
-- than `after` ago, and at least `kept`, at most `most` of them, and returns how many. The feed has a `purge` for each. It returns nothing if there
-- is no such row, or if each such user is writing at the moment. Any number of processes may call it at once: each takes a
-- different user.
--
-- Rows that name such a row without a foreign key keep its id, and find nothing under it.
--
-- State `kept`, which is for how long after the moment rows stay: no call removes younger ones. The job `expire` removes older
-- ones of all such tables every ten minutes, by rows_expire().
DROP FUNCTION IF EXISTS add_expiry(text, text);
CREATE OR REPLACE FUNCTION add_expiry(table_name text, moment text, kept interval DEFAULT '0') RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    name text := table_name || '_expire';
BEGIN
    -- Does not begin with the user, because it serves a search across users.
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I ((%s))', table_name || '_by_expiry', table_name, moment);
    EXECUTE format('DROP POLICY IF EXISTS expiring ON %I', table_name);
    EXECUTE format(
        'CREATE POLICY expiring ON %I FOR SELECT TO parley_owner USING (is_background_work())', table_name);
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I(after interval, most integer)
        RETURNS TABLE (expired_user_id uuid, expired integer)
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
        AS $body$
        DECLARE
            too_old timestamptz := clock_timestamp() - greatest(after, %4$L);
            caller jsonb;
        BEGIN
            IF NOT is_background_work() THEN
                RETURN;
            END IF;
            SELECT f.user_id INTO expired_user_id
            FROM %2$I AS t
            JOIN feeds AS f ON f.user_id = t.user_id
            WHERE (%3$s) < too_old
            ORDER BY (%3$s)
            LIMIT 1
            FOR UPDATE OF f SKIP LOCKED;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            caller := act_for(expired_user_id);
            DELETE FROM %2$I AS r
            WHERE r.user_id = expired_user_id AND r.id = ANY (ARRAY(
                SELECT t.id FROM %2$I AS t
                WHERE t.user_id = expired_user_id AND (%3$s) < too_old
                LIMIT most));
            GET DIAGNOSTICS expired = ROW_COUNT;
            PERFORM stamp_again(caller);
            RETURN NEXT;
        END
        $body$
        $function$,
        name, table_name, moment, kept);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO parley_runtime', name);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name,
        format('Made by SELECT add_expiry(%L, %L, %L);', table_name, moment, kept));
END
$$;

-- The tables for which add_expiry() was called.
CREATE OR REPLACE FUNCTION tables_that_expire() RETURNS SETOF text LANGUAGE sql STABLE SET search_path = parley, pg_temp
AS $$
    SELECT regexp_replace(proname, '_expire$', '')
    FROM pg_proc
    WHERE pronamespace = 'parley'::regnamespace AND obj_description(oid, 'pg_proc') LIKE 'Made by SELECT add_expiry(%'
$$;
GRANT EXECUTE ON FUNCTION tables_that_expire TO parley_runtime;

-- Calls the function that add_expiry() has made for a table, without keeping rows longer than that says.
CREATE OR REPLACE FUNCTION rows_expire(table_name text, most integer) RETURNS TABLE (expired_user_id uuid, expired integer)
LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT * FROM %I($1, $2)', table_name || '_expire') USING interval '0', most;
END
$$;
GRANT EXECUTE ON FUNCTION rows_expire TO parley_runtime;
