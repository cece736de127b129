-- name: start
-- Starts a job of the user, or goes on with one whose worker died. Returns no row if it has ended.
UPDATE jobs
SET status = 'running', attempts = :attempts
WHERE user_id = :user_id AND id = :id AND status IN ('queued', 'running')
RETURNING id, parameters, done;

-- name: progress
-- Records the progress of a running job. Returns no row if it was cancelled.
UPDATE jobs
SET done = :done, total = coalesce(:total, total)
WHERE user_id = :user_id AND id = :id AND status = 'running'
RETURNING id;

-- name: put_off
-- Queues a running job for its next attempt.
UPDATE jobs
SET status = 'queued', run_after = clock_timestamp() + :delay::interval
WHERE user_id = :user_id AND id = :id AND status = 'running'
RETURNING id;

-- name: finish
-- Ends a job. Returns no row if it has ended already.
UPDATE jobs
SET status = :status, error = :error
WHERE user_id = :user_id AND id = :id AND status IN ('queued', 'running')
RETURNING id;

-- name: requeue
-- Queues a failed job again.
UPDATE jobs
SET status = 'queued', attempts = 0, run_after = clock_timestamp()
WHERE user_id = :user_id AND id = :id AND status = 'failed'
RETURNING id;

-- name: cancel
-- Cancels a job; returns no row if it has ended.
UPDATE jobs
SET status = 'cancelled'
WHERE user_id = :user_id AND id = :id AND job_move_is_legal(status, 'cancelled')
RETURNING :columns;

-- name: waiting
-- The unfinished jobs of all users that have no entry in the queue.
SELECT job_user_id, job_id, job_kind FROM jobs_waiting(:longer_than::interval);

-- name: unfinished
-- The user's unfinished job of a kind of which a user has one at a time. Returns no row if there is none.
SELECT :columns
FROM jobs
WHERE user_id = :user_id AND kind = :kind AND status IN ('queued', 'running');
