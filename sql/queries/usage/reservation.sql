-- name: expire
-- Removes reservations of one user that expired longer than :after ago, whichever is due. Returns no row if there is none.
SELECT expired_user_id AS user_id, expired AS number FROM usage_reservations_expire(:after::interval, :most);
