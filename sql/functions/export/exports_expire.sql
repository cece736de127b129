-- Removes parts of one export that failed, was cancelled, or was finished longer than `keep` ago, and at least a week, the last
-- parts first, at most `most` of them, and returns how many. Returns nothing if there is no such export, or if each such user is writing at
-- the moment. The last ones go first, so that a failed export that is queued again continues after what is left.
CREATE OR REPLACE FUNCTION exports_expire(keep interval, most integer) RETURNS TABLE (expired_parts integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    export record;
BEGIN
    IF NOT is_background_work() THEN
        RETURN;
    END IF;
    -- The feed's lock keeps the job from being queued again meanwhile.
    SELECT j.user_id, j.id INTO export
    FROM export_parts AS p
    JOIN jobs AS j ON j.user_id = p.user_id AND j.id = p.job_id
    JOIN feeds AS f ON f.user_id = j.user_id
    WHERE p.position = 0 AND j.finished_at IS NOT NULL
        AND (j.status <> 'done' OR j.finished_at < clock_timestamp() - greatest(keep, '7 days'))
    ORDER BY j.finished_at
    LIMIT 1
    FOR UPDATE OF f SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM export_parts AS p
    WHERE p.user_id = export.user_id AND p.job_id = export.id AND p.position = ANY (ARRAY(
        SELECT o.position FROM export_parts AS o
        WHERE o.user_id = export.user_id AND o.job_id = export.id
        ORDER BY o.position DESC
        LIMIT most));
    GET DIAGNOSTICS expired_parts = ROW_COUNT;
    RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION exports_expire TO parley_runtime;
