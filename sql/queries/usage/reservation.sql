-- name: release
-- Gives back what a reservation holds. Returns no row if it does not hold anything.
UPDATE usage_reservations
SET status = 'released'
WHERE user_id = :user_id AND id = :id AND status = 'held'
RETURNING id;

-- name: expire
-- Removes reservations of one user that expired longer than :after ago, whichever is due. Returns no row if there is none.
SELECT expired_user_id AS user_id, expired AS number FROM usage_reservations_expire(:after::interval, :most);
