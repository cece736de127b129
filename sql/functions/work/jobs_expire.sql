-- Removes jobs of one user that ended longer than `after` ago, at most `most` of them, and returns how many. Returns nothing
-- if there is no such job, or if each such user is writing at the moment. Any number of processes may call it at once: each
-- takes a different user.
CREATE OR REPLACE FUNCTION jobs_expire(after interval, most integer)
RETURNS TABLE (expired_user_id uuid, expired_jobs integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    caller CONSTANT jsonb := jsonb_object_agg(name, coalesce(current_setting(name, true), ''))
        FROM unnest(ARRAY['app.user_id', 'app.session_id', 'app.actor']) AS s (name);
    too_old timestamptz := clock_timestamp() - after;
BEGIN
    IF NOT is_background_work() THEN
        RETURN;
    END IF;
    SELECT f.user_id INTO expired_user_id
    FROM jobs AS j
    JOIN feeds AS f ON f.user_id = j.user_id
    WHERE j.finished_at < too_old
    ORDER BY j.finished_at
    LIMIT 1
    FOR UPDATE OF f SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- The system does this, not a session or an agent.
    PERFORM set_config(name, CASE name WHEN 'app.user_id' THEN expired_user_id::text ELSE '' END, true)
    FROM jsonb_object_keys(caller) AS name;
    DELETE FROM jobs AS j
    WHERE j.user_id = expired_user_id AND j.id IN (
        SELECT o.id FROM jobs AS o
        WHERE o.user_id = expired_user_id AND o.finished_at < too_old
        LIMIT most);
    GET DIAGNOSTICS expired_jobs = ROW_COUNT;
    PERFORM set_config(name, value, true) FROM jsonb_each_text(caller) AS s (name, value);
    RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION jobs_expire TO parley_runtime;
