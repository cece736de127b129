-- name: device
-- What a session's device is called, if the conversation that it is at is there and not deleted.
SELECT s.device_name
FROM conversations AS c
LEFT JOIN sessions AS s ON s.user_id = c.user_id AND s.id = :session_id
WHERE c.user_id = :user_id AND c.id = :id AND c.deleted_at IS NULL;
