-- name: last
-- Where an export stopped: its last part, without the content. Returns no row if it has none.
SELECT position, file, last_id, done, size, crc
FROM export_parts
WHERE user_id = :user_id AND job_id = :job_id
ORDER BY position DESC
LIMIT 1;

-- name: add
-- Adds a part to a running export. Returns no row if it was cancelled.
INSERT INTO export_parts (user_id, job_id, position, file, content, last_id, done, size, crc)
SELECT j.user_id, j.id, :position, :file, :content, :last_id, :done, :size, :crc
FROM jobs AS j
WHERE j.user_id = :user_id AND j.id = :job_id AND j.status = 'running'
RETURNING position;

-- name: files
-- The files of an export that is done, in order: where their parts are, and their sizes. Returns no row if it is not stored.
SELECT p.file, min(p.position) AS first, max(p.position) AS last, sum(octet_length(p.content))::bigint AS compressed,
    max(p.size) AS size, (array_agg(p.crc ORDER BY p.position DESC))[1] AS crc, j.finished_at
FROM jobs AS j
JOIN export_parts AS p ON p.user_id = j.user_id AND p.job_id = j.id
WHERE j.user_id = :user_id AND j.id = :job_id AND j.status = 'done' AND j.finished_at > clock_timestamp() - :keep::interval
GROUP BY p.file, j.finished_at
ORDER BY first;

-- name: content
-- The content of one part.
SELECT content FROM export_parts WHERE user_id = :user_id AND job_id = :job_id AND position = :position;

-- name: expire
-- Removes parts of one export that is no longer kept, whichever is due. Returns no row if none is.
SELECT expired_parts AS number FROM exports_expire(:keep::interval, :most);
