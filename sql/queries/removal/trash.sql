-- name: page
-- The caller's deleted rows of these tables, last deleted first, after a position.
SELECT entity, id, deleted_at
FROM trash_page(:tables, :after_at, :after_id, :most)
WHERE tenant() = :user_id;

-- name: begin_purge
-- Requests that a deleted row is removed for good; false if there is no such row in the trash.
SELECT purge_begin(:entity, :id) AS begun
WHERE tenant() = :user_id;

-- name: begin_all
-- Requests that the rows of these tables, or of all, that were deleted before a time are removed for good, and returns how
-- many there were, at most :most.
SELECT count(*) AS begun
FROM trash_page(:tables, :before, NULL, :most) AS t
WHERE tenant() = :user_id AND purge_begin(t.entity, t.id);

-- name: go_on
-- Goes on with the oldest requested removal; no row if there is none.
SELECT purged_id, removed, is_done
FROM purge_next(:most)
WHERE tenant() = :user_id;

-- name: users
-- Users after one who have a row that was deleted before a time, or one whose removal is not complete.
SELECT user_id FROM users_to_purge(:after_id, :before) AS user_id;
