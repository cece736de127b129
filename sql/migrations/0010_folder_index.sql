-- no transaction
-- A conversation has no entry among the folders unless it lies in one: each new message makes an entry in every index
-- that its conversation is in. Readers and writers go on meanwhile. What is left of an earlier try is made anew.
DROP INDEX CONCURRENTLY IF EXISTS conversations_in_folder;
CREATE INDEX CONCURRENTLY conversations_in_folder ON conversations (user_id, folder, active_at, id)
    WHERE folder IS NOT NULL AND deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS conversations_by_folder;
