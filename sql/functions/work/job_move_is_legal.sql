-- Whether a job may move from one status to another. The only list of its legal moves. A running job is queued again for
-- its next attempt; a failed one, by an operator.
CREATE OR REPLACE FUNCTION job_move_is_legal(from_status text, to_status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT (from_status, to_status) IN (
        ('queued', 'running'), ('queued', 'failed'), ('queued', 'cancelled'),
        ('running', 'queued'), ('running', 'done'), ('running', 'failed'), ('running', 'cancelled'),
        ('failed', 'queued'))
$$;
GRANT EXECUTE ON FUNCTION job_move_is_legal TO parley_runtime;
