-- no transaction
-- The time that the order of an inbox goes by, for the conversations that are there already. Readers and writers go on
-- meanwhile: a user's conversations are locked at a time, and no feed. What is left of an earlier try is made anew.
DO $$
DECLARE
    owner_id uuid;
BEGIN
    FOR owner_id IN SELECT user_id FROM feeds LOOP
        PERFORM set_config('app.user_id', owner_id::text, false);
        UPDATE conversations SET active_since = active_at WHERE user_id = owner_id AND active_since IS NULL;
        COMMIT;
    END LOOP;
END
$$;

-- A constraint that has been validated spares SET NOT NULL from reading the table under its lock.
ALTER TABLE conversations DROP CONSTRAINT IF EXISTS conversations_active_since_known;
ALTER TABLE conversations ADD CONSTRAINT conversations_active_since_known CHECK (active_since IS NOT NULL) NOT VALID;
ALTER TABLE conversations VALIDATE CONSTRAINT conversations_active_since_known;
ALTER TABLE conversations ALTER COLUMN active_since SET NOT NULL;
ALTER TABLE conversations DROP CONSTRAINT conversations_active_since_known;

DROP INDEX CONCURRENTLY IF EXISTS conversations_latest;
CREATE INDEX CONCURRENTLY conversations_latest ON conversations (user_id, active_since, id) WHERE deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS conversations_latest_pinned;
CREATE INDEX CONCURRENTLY conversations_latest_pinned ON conversations (user_id, active_since, id)
    WHERE is_pinned AND deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS conversations_latest_in_folder;
CREATE INDEX CONCURRENTLY conversations_latest_in_folder ON conversations (user_id, folder, active_since, id)
    WHERE folder IS NOT NULL AND deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS conversations_by_activity;
DROP INDEX CONCURRENTLY IF EXISTS conversations_pinned;
DROP INDEX CONCURRENTLY IF EXISTS conversations_in_folder;
