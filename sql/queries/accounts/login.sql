-- name: find
-- The account with this address or user name, before anybody is signed in.
SELECT user_id, password_hash FROM login_find(:name);

-- name: create
-- Makes the caller findable at sign-in.
SELECT login_create(:email, :username, :password_hash);

-- name: rehash
-- Stores the password's hash anew, with today's parameters.
SELECT login_rehash(:password_hash);
