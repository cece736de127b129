-- name: touch_login
-- Records the time of a sign-in; returns no row if the account is deleted.
UPDATE users
SET last_login_at = clock_timestamp()
WHERE user_id = :user_id AND deleted_at IS NULL
RETURNING :columns;
