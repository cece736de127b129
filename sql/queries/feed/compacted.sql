-- name: window
-- The next changes of the caller after a version, as many as are to be looked at. Of those of one row among them only the
-- last, and only those of certain tables. With them, the state of the feed, and the version of the last change that was
-- looked at. If no change remains, there is one row with an empty one.
WITH looked_at AS MATERIALIZED (
    SELECT changes.version, changes.entity, changes.entity_id, changes.op, changes.at
    FROM changes
    WHERE changes.user_id = :user_id AND changes.version > :after
    ORDER BY changes.version
    LIMIT :most
)
SELECT feeds.epoch, feeds.version AS head, feeds.pruned AS pruned, ends.last, c.version, c.entity AS entity, c.entity_id,
    c.op, c.at
FROM feeds
CROSS JOIN (SELECT max(version) AS last FROM looked_at) AS ends
LEFT JOIN (
    SELECT DISTINCT ON (entity_id, entity) version, entity, entity_id, op, at
    FROM looked_at
    WHERE entity = ANY(:tables::text[])
    ORDER BY entity_id, entity, version DESC
) AS c ON true
WHERE feeds.user_id = :user_id
ORDER BY c.version;
