-- name: device
-- The device name of a session; no row unless the conversation it views exists and is not deleted.
SELECT s.device_name
FROM conversations AS c
LEFT JOIN sessions AS s ON s.user_id = c.user_id AND s.id = :session_id
WHERE c.user_id = :user_id AND c.id = :id AND c.deleted_at IS NULL;
