-- name: touch_login
-- Notes the sign-in; gives no row for a deleted account.
UPDATE users
SET last_login_at = clock_timestamp()
WHERE user_id = :user_id AND deleted_at IS NULL
RETURNING :columns;
