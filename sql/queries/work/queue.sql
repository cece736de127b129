-- name: start
-- Counts a start of a job. The library counts only the retries that a handler asks for, not the workers that died.
UPDATE parley_work.pgqueuer
SET headers = jsonb_build_object('starts', coalesce((headers ->> 'starts')::integer, 0) + 1)
WHERE id = :id
RETURNING (headers ->> 'starts')::integer AS starts;

-- name: give_back
-- Undoes the count of a start that was interrupted because the process stops.
UPDATE parley_work.pgqueuer
SET headers = jsonb_build_object('starts', greatest((headers ->> 'starts')::integer - 1, 0))
WHERE id = :id
RETURNING id;

-- name: entries
-- The jobs in the queue: failed ones first, then running and queued ones. A failed one has the reason of its last failure.
SELECT q.id, q.entrypoint AS name, q.status::text, q.created, q.execute_after, q.heartbeat,
    coalesce((q.headers ->> 'starts')::integer, 0) AS starts,
    (
        SELECT l.traceback ->> 'exception_message'
        FROM parley_work.pgqueuer_log AS l
        WHERE l.job_id = q.id AND l.traceback IS NOT NULL
        ORDER BY l.created DESC, l.id DESC
        LIMIT 1
    ) AS reason
FROM parley_work.pgqueuer AS q
ORDER BY array_position('{failed,picked,queued}'::text[], q.status::text), q.id
LIMIT :most;

-- name: counts
-- The jobs in the queue by name and status, with the age of the oldest one that is due.
SELECT entrypoint AS name, status::text, count(*) AS number,
    coalesce(extract(epoch FROM max(clock_timestamp() - execute_after) FILTER (WHERE status = 'queued')), 0) AS seconds
FROM parley_work.pgqueuer
GROUP BY entrypoint, status;

-- name: schedules
-- When each scheduled job last ran and runs next.
SELECT entrypoint AS name, expression, next_run, last_run FROM parley_work.pgqueuer_schedules;

-- name: failed
-- The failed jobs, to be queued again; with an id, only that one.
UPDATE parley_work.pgqueuer
SET headers = '{}'
WHERE status = 'failed' AND (:id::bigint IS NULL OR id = :id)
RETURNING id, payload;

-- name: forget
-- Removes entries of the library's log that are older than :keep, at most :most of them.
DELETE FROM parley_work.pgqueuer_log
WHERE id IN (
    SELECT id FROM parley_work.pgqueuer_log WHERE created < clock_timestamp() - :keep::interval ORDER BY created LIMIT :most)
RETURNING id;
