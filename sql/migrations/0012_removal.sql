-- Removal for good: what lies in the trash, and what is being removed from it.

CREATE TABLE purges (
    user_id uuid NOT NULL,
    entity text NOT NULL,
    entity_id uuid NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, entity, entity_id)
);
COMMENT ON TABLE purges IS 'The deleted rows whose removal was requested and is not complete.';
SELECT secure_rows('purges');

SELECT add_trash(name) FROM trash_tables();
-- The rows that are marked with their parents are found by the same index.
DROP INDEX tool_executions_deleted;

-- The removal of a row finds what refers to it by these indexes, deleted rows included.
DROP INDEX tool_executions_by_conversation, tool_executions_by_message;
CREATE INDEX tool_executions_by_conversation ON tool_executions (user_id, conversation_id, created_at, id);
CREATE INDEX tool_executions_by_message ON tool_executions (user_id, message_id, created_at, id);
CREATE INDEX usage_logs_by_message ON usage_logs (user_id, message_id, created_at, id) WHERE message_id IS NOT NULL;
