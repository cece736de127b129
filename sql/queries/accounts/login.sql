-- name: find
-- The user with this e-mail address or user name. Runs before sign-in, without a tenant.
SELECT user_id, password_hash FROM login_find(:name);

-- name: create
-- Registers the caller's e-mail address and user name for signing in.
SELECT login_create(:email, :username, :password_hash);

-- name: rehash
-- Replaces the caller's password hash with one that has the current parameters.
SELECT login_rehash(:password_hash);
