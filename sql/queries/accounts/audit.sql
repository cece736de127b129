-- name: sign_in_failed
-- Records that a password for this e-mail address or user name was wrong. Runs without a tenant.
SELECT sign_in_failed(:name, :address);
