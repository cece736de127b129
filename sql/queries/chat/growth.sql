-- name: append
-- Appends a text to a growing message at an offset; returns the outcome and the length of the message.
SELECT outcome, length FROM message_append(:user_id, :id, :offset, :text);

-- name: read
-- The text of a message after an offset, with its length and its status.
SELECT
    m.status,
    coalesce(g.length, char_length(m.content)) AS length,
    right(m.content, greatest(char_length(m.content) - :offset::integer, 0))
        || CASE WHEN g.length IS NULL THEN '' ELSE message_grown(m.user_id, m.id, :offset) END AS text
FROM messages AS m
LEFT JOIN message_growths AS g ON g.user_id = m.user_id AND g.message_id = m.id
WHERE m.user_id = :user_id AND m.id = :id;
