-- name: is_living
-- Whether neither a message nor its conversation is deleted; no row if there is no such message.
SELECT m.deleted_at IS NULL AND c.deleted_at IS NULL AS is_living
FROM messages AS m
JOIN conversations AS c ON c.user_id = m.user_id AND c.id = m.conversation_id
WHERE m.user_id = :user_id AND m.id = :id;
