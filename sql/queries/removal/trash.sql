-- name: page
-- The caller's deleted rows of these tables, last deleted first, after a position.
SELECT entity, id, deleted_at
FROM trash_page(:tables, :after_at, :after_id, :most)
WHERE tenant() = :user_id;

-- name: request
-- Requests that a deleted row is removed for good. Returns no row if it is not in the trash.
SELECT :id::uuid AS id
WHERE tenant() = :user_id AND purge_begin(:entity, :id);

-- name: request_all
-- Requests that the rows of these tables, or of all, that were deleted before a time are removed for good, and returns how
-- many there were, at most :most.
SELECT count(*) AS number
FROM trash_page(:tables, :before, NULL, :most) AS t
WHERE tenant() = :user_id AND purge_begin(t.entity, t.id);

-- name: remove_some
-- Goes on with the oldest requested removal. Returns no row if there is none.
SELECT removed
FROM purge_next(:most)
WHERE tenant() = :user_id;

-- name: users_to_purge
-- Users after one who have a row that was deleted before a time, or one whose removal is not complete.
SELECT user_id FROM users_to_purge(:after_id, :before) AS user_id;
