-- name: device
-- The name of a session's device, or of an agent's token; no row unless the conversation it views exists and is not deleted.
SELECT coalesce(s.device_name, t.name) AS device_name
FROM conversations AS c
LEFT JOIN sessions AS s ON s.user_id = c.user_id AND s.id = :credential_id
LEFT JOIN agent_tokens AS t ON t.user_id = c.user_id AND t.id = :credential_id
WHERE c.user_id = :user_id AND c.id = :id AND c.deleted_at IS NULL;
