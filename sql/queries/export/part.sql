-- name: last
-- Where an export stopped: its last part, without the content. Returns no row if it has none.
SELECT position, file, last_id, done
FROM export_parts
WHERE user_id = :user_id AND job_id = :job_id
ORDER BY position DESC
LIMIT 1;

-- name: add
-- Adds a part to a running export. Returns no row if it was cancelled, which must wait for this statement: otherwise the part
-- could be added after all others were removed.
INSERT INTO export_parts (user_id, job_id, position, file, content, size, last_id, done)
SELECT j.user_id, j.id, :position, :file, :content, :size, :last_id, :done
FROM jobs AS j
WHERE j.user_id = :user_id AND j.id = :job_id AND j.status = 'running'
FOR SHARE
RETURNING position;

-- name: stored
-- An export that can be downloaded: the number of its parts, and the bytes of its text. Returns no row if it is not done, if
-- its parts were removed, or if the account is deleted.
SELECT max(j.finished_at) AS finished_at, count(*) AS parts, sum(p.size) AS size
FROM jobs AS j
JOIN users AS u ON u.user_id = j.user_id
JOIN export_parts AS p ON p.user_id = j.user_id AND p.job_id = j.id
WHERE j.user_id = :user_id AND j.id = :job_id AND j.status = 'done' AND u.deleted_at IS NULL
HAVING count(*) > 0;

-- name: content
-- One part.
SELECT file, content FROM export_parts WHERE user_id = :user_id AND job_id = :job_id AND position = :position;

-- name: expire
-- Removes parts of one export that is no longer kept, whichever is due. Returns no row if none is.
SELECT expired_parts AS number FROM exports_expire(:keep::interval, :most);
