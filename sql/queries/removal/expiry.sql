-- name: tables
-- The tables of which rows expire: see add_expiry().
SELECT expires AS name FROM tables_that_expire() AS expires;

-- name: expire
-- Removes rows of a table that one user, whichever is due, no longer needs. Returns no row if there are none.
SELECT expired_user_id AS user_id, expired AS number FROM rows_expire(:table, :most);
