-- name: waiting
-- The next changes of each waiting user after a version, with the state of the user's feed. A user without changes gets one
-- row with an empty change. The statement itself names the users to row-level security. Each step below depends on the one
-- before it, so the names are set before the first row is read.
SELECT f.user_id, f.epoch, f.version AS head, f.pruned, c.version, c.entity, c.entity_id, c.op, c.data, c.at, c.old_data
FROM (SELECT set_config('app.feed_user_ids', :names, true) AS names OFFSET 0) AS s
CROSS JOIN LATERAL unnest(string_to_array(s.names, ',')::uuid[], :versions::bigint[]) AS w (user_id, after_version)
CROSS JOIN LATERAL (
    SELECT feeds.user_id, feeds.epoch, feeds.version, feeds.pruned
    FROM feeds
    WHERE feeds.user_id = w.user_id
    OFFSET 0
) AS f
LEFT JOIN LATERAL (
    SELECT changes.version, changes.entity, changes.entity_id, changes.op, changes.data, changes.at,
        changes.old_data
    FROM changes
    WHERE changes.user_id = w.user_id AND changes.version > w.after_version
    ORDER BY changes.version
    LIMIT :most
) AS c ON true;

-- name: head
-- The current epoch and version of the caller's feed.
SELECT epoch, version FROM feeds WHERE user_id = :user_id;

-- name: prune
-- Removes old changes of one user, whichever is due. Returns no row if none is.
SELECT pruned_user_id, pruned_changes FROM feed_prune(:keep::interval, :most);
