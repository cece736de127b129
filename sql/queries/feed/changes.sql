-- name: waiting
-- The next changes of each waiting user after the place given, with the state of the user's feed. One line with an empty
-- change for a user who has none. The users are named to row-level security in the statement itself; each step below
-- depends on the one before it, so the names are set before the first row is looked at.
SELECT f.user_id, f.epoch, f.version AS head, f.pruned, c.version, c.entity, c.entity_id, c.op, c.data, c.at, c.old_data
FROM (SELECT set_config('app.feed_user_ids', :names, true) AS names OFFSET 0) AS s
CROSS JOIN LATERAL unnest(string_to_array(s.names, ',')::uuid[], :places::bigint[]) AS w (user_id, place)
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
    WHERE changes.user_id = w.user_id AND changes.version > w.place
    ORDER BY changes.version
    LIMIT :most
) AS c ON true;

-- name: head
-- Where the caller's feed stands.
SELECT epoch, version FROM feeds WHERE user_id = :user_id;
