-- name: window
-- The next changes of the caller after a version, with the state of the feed. If there is none, one row with an empty change.
SELECT feeds.epoch, feeds.version AS head, feeds.pruned AS pruned, c.version, c.entity AS entity, c.entity_id, c.op, c.at
FROM feeds
LEFT JOIN LATERAL (
    SELECT changes.version, changes.entity, changes.entity_id, changes.op, changes.at
    FROM changes
    WHERE changes.user_id = :user_id AND changes.version > :after
    ORDER BY changes.version
    LIMIT :most
) AS c ON true
WHERE feeds.user_id = :user_id;
