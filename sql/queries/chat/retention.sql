-- name: users
-- The next users after :after_id whose settings archive or delete inactive conversations.
SELECT retained_user_id AS user_id, archive_months, delete_months FROM users_with_retention(:after_id);

-- name: archive
-- Archives conversations among the next :most that were last active before :before, in the order of their activity. Returns
-- the last of these, to go on from there, and how many were archived; no row at the end.
WITH next AS (
    SELECT id, active_since, row_number() OVER (ORDER BY active_since, id) AS position
    FROM conversations
    WHERE user_id = :user_id
        AND deleted_at IS NULL
        AND active_since < :before
        AND (active_since, id) > (:after_since, :after_id)
    ORDER BY active_since, id
    LIMIT :most
), archived AS (
    UPDATE conversations AS c
    SET is_archived = true, is_auto_archived = true
    FROM next
    WHERE c.user_id = :user_id
        AND c.id = next.id
        AND NOT c.is_archived
        AND c.deleted_at IS NULL
        AND greatest(c.active_at, c.kept_at) < :before
    RETURNING c.id
)
SELECT id AS after_id, active_since AS after_since, (SELECT count(*) FROM archived) AS number
FROM next
WHERE position = (SELECT count(*) FROM next);

-- name: delete
-- Does the same, but deletes the conversations, whether they are archived or not.
WITH next AS (
    SELECT id, active_since, row_number() OVER (ORDER BY active_since, id) AS position
    FROM conversations
    WHERE user_id = :user_id
        AND deleted_at IS NULL
        AND active_since < :before
        AND (active_since, id) > (:after_since, :after_id)
    ORDER BY active_since, id
    LIMIT :most
), deleted AS (
    UPDATE conversations AS c
    SET deleted_at = clock_timestamp()
    FROM next
    WHERE c.user_id = :user_id
        AND c.id = next.id
        AND c.deleted_at IS NULL
        AND greatest(c.active_at, c.kept_at) < :before
    RETURNING c.id
)
SELECT id AS after_id, active_since AS after_since, (SELECT count(*) FROM deleted) AS number
FROM next
WHERE position = (SELECT count(*) FROM next);
