-- name: last
-- Where an export stopped: its last part, without the content. Returns no row if it has none.
SELECT position, file, begins_at, last_id, done, size, deflated_size, crc
FROM export_parts
WHERE user_id = :user_id AND job_id = :job_id
ORDER BY position DESC
LIMIT 1;

-- name: add
-- Adds a part to a running export. Returns no row if it was cancelled.
INSERT INTO export_parts (user_id, job_id, position, file, begins_at, deflated, last_id, done, size, deflated_size, crc)
SELECT j.user_id, j.id, :position, :file, :begins_at, :deflated, :last_id, :done, :size, :deflated_size, :crc
FROM jobs AS j
WHERE j.user_id = :user_id AND j.id = :job_id AND j.status = 'running'
RETURNING position;

-- name: files
-- The files of an export that is done, in any order: where their parts are, and their sizes. Returns no row if it is not
-- stored. It reads the last part of each file, from the last one back.
WITH RECURSIVE files AS (
    (
        SELECT p.user_id, p.job_id, p.position, p.file, p.begins_at, p.size, p.deflated_size, p.crc, j.finished_at
        FROM jobs AS j
        JOIN export_parts AS p ON p.user_id = j.user_id AND p.job_id = j.id
        WHERE j.user_id = :user_id AND j.id = :job_id AND j.status = 'done'
        ORDER BY p.position DESC
        LIMIT 1
    )
    UNION ALL
    SELECT p.user_id, p.job_id, p.position, p.file, p.begins_at, p.size, p.deflated_size, p.crc, f.finished_at
    FROM files AS f
    JOIN export_parts AS p ON p.user_id = f.user_id AND p.job_id = f.job_id AND p.position = f.begins_at - 1
)
SELECT file, begins_at, position AS ends_at, size, deflated_size, crc, finished_at
FROM files
WHERE finished_at > clock_timestamp() - :keep::interval;

-- name: deflated
-- The compressed text of one part.
SELECT deflated FROM export_parts WHERE user_id = :user_id AND job_id = :job_id AND position = :position;

-- name: expire
-- Removes parts of one export that is no longer kept, whichever is due. Returns no row if none is.
SELECT expired_parts AS number FROM exports_expire(:keep::interval, :most);
