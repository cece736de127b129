-- A create that a client sends again under its own id must be told from another one that names the same id. Comparing the
-- request with the row cannot do that: what was left out is unknown, and the row may have changed since. So a row
-- keeps a hash of the request that made it.

CREATE FUNCTION add_request_hash(table_name text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS request_hash bigint', table_name);
    EXECUTE format('COMMENT ON COLUMN %I.request_hash IS %L', table_name,
        'Hash of the values in the request that created the row; null if the request named no id.');
END
$$;
REVOKE EXECUTE ON FUNCTION add_request_hash FROM PUBLIC;
SELECT add_request_hash(name)
FROM unnest(ARRAY['conversations', 'messages', 'tool_executions', 'context_optimizations', 'usage_logs']) AS t (name);
