-- name: link_messages
-- Links an optimization to the messages it affected; returns a row for each id that is a message of the conversation.
INSERT INTO context_optimization_messages (user_id, context_optimization_id, message_id, seq)
SELECT m.user_id, :optimization_id, m.id, m.seq
FROM messages AS m
WHERE m.user_id = :user_id AND m.conversation_id = :conversation_id AND m.id = ANY(:message_ids::uuid[])
    AND m.deleted_at IS NULL
RETURNING message_id;
