-- no transaction
-- Leases for what is in progress already, and what was deleted before takes along what belongs to it. Readers and writers
-- go on meanwhile: one user at a time is locked. What is left of an earlier try is made anew.
DROP INDEX CONCURRENTLY IF EXISTS tool_executions_deleted;
CREATE INDEX CONCURRENTLY tool_executions_deleted ON tool_executions (user_id, deleted_at) WHERE deleted_at IS NOT NULL;

DO $$
DECLARE
    owner_id uuid;
BEGIN
    FOR owner_id IN SELECT user_id FROM feeds LOOP
        PERFORM set_config('app.user_id', owner_id::text, false);
        PERFORM FROM feeds WHERE user_id = owner_id FOR UPDATE;
        INSERT INTO leases (user_id, work_id, kind, length, until)
        SELECT w.user_id, w.id, w.kind, lease_length(), clock_timestamp() + lease_length()
        FROM (
            SELECT m.user_id, m.id, 'messages' FROM messages AS m WHERE m.user_id = owner_id AND m.status = 'streaming'
            UNION ALL
            SELECT t.user_id, t.id, 'tool_executions'
            FROM tool_executions AS t
            WHERE t.user_id = owner_id AND t.status = 'executing'
        ) AS w (user_id, id, kind)
        ON CONFLICT DO NOTHING;
        UPDATE messages AS m
        SET status = 'cancelled'
        FROM conversations AS c
        WHERE c.user_id = owner_id AND c.deleted_at IS NOT NULL
            AND m.user_id = c.user_id AND m.conversation_id = c.id AND m.status = 'streaming';
        -- First those of messages: a conversation that is restored must not bring back the tools of a deleted message.
        UPDATE tool_executions AS t
        SET deleted_at = m.deleted_at
        FROM messages AS m
        WHERE m.user_id = owner_id AND m.deleted_at IS NOT NULL
            AND t.user_id = m.user_id AND t.message_id = m.id AND t.deleted_at IS NULL;
        UPDATE tool_executions AS t
        SET deleted_at = c.deleted_at
        FROM conversations AS c
        WHERE c.user_id = owner_id AND c.deleted_at IS NOT NULL
            AND t.user_id = c.user_id AND t.conversation_id = c.id AND t.deleted_at IS NULL;
        COMMIT;
    END LOOP;
END
$$;
