-- name: expire
-- Removes entries of one user, whichever is due, that are older than they are kept. Returns no row if none is.
SELECT expired_user_id AS user_id, expired AS number FROM audit_entries_expire(audit_kept(), :most);

-- name: sign_in_failed
-- Records that a password for this e-mail address or user name was wrong. Runs without a tenant.
SELECT sign_in_failed(:name, :address);
