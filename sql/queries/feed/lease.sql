-- name: end_abandoned_work
-- Ends the abandoned work of one user, and returns what it ended.
SELECT ended_user_id, ended_kind, ended_id FROM end_abandoned_work();
