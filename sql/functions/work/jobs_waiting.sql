-- Finds the unfinished jobs of all users that have no entry in the queue, because the process that was to add it died, or
-- the queue was not part of a restored backup.
CREATE OR REPLACE FUNCTION jobs_waiting(longer_than interval)
RETURNS TABLE (job_user_id uuid, job_id uuid, job_kind text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT j.user_id, j.id, j.kind
    FROM jobs AS j
    WHERE is_background_work()
        AND j.status IN ('queued', 'running')
        AND j.updated_at < clock_timestamp() - longer_than
        AND NOT EXISTS (
            SELECT FROM parley_work.pgqueuer AS q
            WHERE q.dedupe_key = concat_ws(' ', j.user_id, j.id) AND q.status IN ('queued', 'picked'))
    ORDER BY j.updated_at
    LIMIT 1000;
END
$$;
GRANT EXECUTE ON FUNCTION jobs_waiting TO parley_runtime;
