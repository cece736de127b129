-- name: touch_login
-- Records the time of a sign-in; returns no row if the account is deleted.
UPDATE users
SET last_login_at = clock_timestamp()
WHERE user_id = :user_id AND deleted_at IS NULL
RETURNING :columns;

-- name: delete
-- Deletes the caller's account, to be removed for good after a time; returns no row if it is deleted already.
UPDATE users
SET deleted_at = clock_timestamp(), purge_at = clock_timestamp() + :grace::interval
WHERE user_id = :user_id AND deleted_at IS NULL
RETURNING :columns;

-- name: restore
-- Restores the caller's deleted account; returns no row if it is not deleted, or if its time is over. The coalesce keeps the
-- planner from the index on purge_at, which is over all users.
UPDATE users
SET deleted_at = NULL, purge_at = NULL
WHERE user_id = :user_id AND deleted_at IS NOT NULL AND coalesce(purge_at > clock_timestamp(), false)
RETURNING id;

-- name: purge
-- Goes on with the removal of a deleted account, whichever is due. Returns no row if none is.
SELECT purged_user_id, removed, is_done FROM account_purge(:most);
