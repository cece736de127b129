-- Removes the oldest changes of one user that are older than `keep`, and than a day, at most `most` of them, and returns how many. Cursors
-- before the last one removed get RESYNC. Returns nothing if no feed has such changes. Any number of processes may call it
-- at once: each takes a different user. If all such users are writing, it waits for one, in line with the writers.
CREATE OR REPLACE FUNCTION feed_prune(keep interval, most integer) RETURNS TABLE (pruned_user_id uuid, pruned_changes integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp SET lock_timeout = '500ms'
AS $$
DECLARE
    too_old timestamptz := clock_timestamp() - greatest(keep, '1 day');
    until bigint;
    remaining_at timestamptz;
BEGIN
    IF NOT is_background_work() THEN
        RETURN;
    END IF;
    SELECT f.user_id, f.pruned INTO pruned_user_id, until
    FROM feed_ages AS a
    JOIN feeds AS f ON f.user_id = a.user_id
    WHERE a.oldest_at < too_old
    ORDER BY a.oldest_at
    LIMIT 1
    FOR UPDATE OF f SKIP LOCKED;
    IF NOT FOUND THEN
        BEGIN
            SELECT f.user_id, f.pruned INTO pruned_user_id, until
            FROM feed_ages AS a
            JOIN feeds AS f ON f.user_id = a.user_id
            WHERE a.oldest_at < too_old
            ORDER BY a.oldest_at
            LIMIT 1
            FOR UPDATE OF f;
        EXCEPTION WHEN lock_not_available THEN
            RETURN;
        END;
        IF pruned_user_id IS NULL THEN
            RETURN;
        END IF;
    END IF;
    -- Starts after the last version removed: before it, the index is full of entries that are not vacuumed yet.
    SELECT coalesce(min(c.version) FILTER (WHERE c.at >= too_old) - 1, max(c.version), until), count(*)
    INTO until, pruned_changes
    FROM (
        SELECT version, at FROM changes
        WHERE user_id = pruned_user_id AND version > until
        ORDER BY version
        LIMIT most
    ) AS c;
    DELETE FROM changes WHERE user_id = pruned_user_id AND version <= until;
    GET DIAGNOSTICS pruned_changes = ROW_COUNT;
    IF pruned_changes > 0 THEN
        UPDATE feeds SET pruned = until WHERE user_id = pruned_user_id;
    END IF;
    -- Without a change, the next one will be younger than this moment: its writer waits for the lock that is held here.
    SELECT c.at INTO remaining_at
    FROM changes AS c
    WHERE c.user_id = pruned_user_id AND c.version > until
    ORDER BY c.version
    LIMIT 1;
    UPDATE feed_ages SET oldest_at = coalesce(remaining_at, clock_timestamp()) WHERE user_id = pruned_user_id;
    RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION feed_prune TO parley_runtime;
