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
-- Requests that the deleted rows of these tables are removed for good, up to a number, and returns how many there were.
SELECT count(*) AS begun
FROM trash_page(:tables, NULL, NULL, :most) AS t
WHERE tenant() = :user_id AND purge_begin(t.entity, t.id);

-- name: go_on
-- Goes on with the oldest requested removal; no row if there is none.
SELECT purged_id, is_done
FROM purge_next(:most)
WHERE tenant() = :user_id;
