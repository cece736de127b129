-- Leases of named workers: an execution whose worker died is started by another one, and a late report of the first is refused.

ALTER TABLE tool_executions
    ADD COLUMN worker text,
    ADD COLUMN attempt integer NOT NULL DEFAULT 0,
    ADD COLUMN lease_seconds integer,
    ADD COLUMN lease_until timestamptz;
COMMENT ON COLUMN tool_executions.worker IS 'What runs it, or ran it to its end; null if it was not named or does not run.';
COMMENT ON COLUMN tool_executions.attempt IS 'How often it was started.';
COMMENT ON COLUMN tool_executions.lease_seconds IS 'The length of its lease; null for that of the server.';
COMMENT ON COLUMN tool_executions.lease_until IS 'The end of its lease as it was at the start: see leased_until().';
SELECT add_rule('tool_executions', name, condition, reason)
FROM (VALUES
    ('worker_length', 'char_length(worker) BETWEEN 1 AND 100', 'The name of a worker has 1 to 100 characters.'),
    ('lease_seconds_range', 'lease_seconds BETWEEN 5 AND 3600', 'A lease lasts 5 to 3600 seconds.')
) AS r (name, condition, reason);

ALTER TABLE leases ADD COLUMN attempt integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN leases.attempt IS 'The attempt of the tool execution that holds it; 0 for a message.';

-- Triggers fire in the order of their names: after `move`, which sets the time of the start.
CREATE TRIGGER move_attempt BEFORE INSERT OR UPDATE ON tool_executions
    FOR EACH ROW EXECUTE FUNCTION tool_executions_attempt();

-- tool_execution_renew() stands in its place.
DROP FUNCTION IF EXISTS lease_renew(uuid, uuid);
