-- name: with_is_living
-- A message, and whether neither it nor its conversation is deleted.
SELECT :columns, m.deleted_at IS NULL AND EXISTS (
    SELECT FROM conversations AS c
    WHERE c.user_id = m.user_id AND c.id = m.conversation_id AND c.deleted_at IS NULL) AS is_living
FROM messages AS m
WHERE m.user_id = :user_id AND m.id = :id;
