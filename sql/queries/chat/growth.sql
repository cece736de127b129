-- name: append
-- Appends a text to a message that grows, at its place; says what came of it, and how long the message is.
SELECT outcome, length FROM message_append(:user_id, :id, :place, :text);

-- name: read
-- What a message says behind a place, how long it is, and whether it still grows.
SELECT
    m.status,
    coalesce(g.length, char_length(m.content)) AS length,
    right(m.content, greatest(char_length(m.content) - :place::integer, 0))
        || CASE WHEN g.length IS NULL THEN '' ELSE message_grown(m.user_id, m.id, :place) END AS text
FROM messages AS m
LEFT JOIN message_growths AS g ON g.user_id = m.user_id AND g.message_id = m.id
WHERE m.user_id = :user_id AND m.id = :id;
