-- Leases: a growing message or a running tool ends as failed unless its worker renews its lease.
--
-- A lease is a narrow row of its own, so renewing it takes no version of the feed and does not wait for the user's other
-- writers. Locks are always taken in this order: feed, message, growth, lease.

CREATE TABLE leases (
    user_id uuid NOT NULL,
    work_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT leases_kind_known CHECK (kind IN ('messages', 'tool_executions')),
    length interval NOT NULL,
    until timestamptz NOT NULL,
    -- Clients may use the same id for a message and a tool execution.
    PRIMARY KEY (user_id, work_id, kind)
) WITH (fillfactor = 50);
COMMENT ON TABLE leases IS 'One row per work in progress, deleted when the work ends.';
COMMENT ON COLUMN leases.kind IS 'The table that contains the work.';
COMMENT ON COLUMN leases.length IS 'How long the work may continue without a renewal.';
COMMENT ON COLUMN leases.until IS 'When the work counts as abandoned unless the lease is renewed.';
-- Does not begin with the user, because end_abandoned_work() searches across users.
CREATE INDEX leases_by_end ON leases (until);
SELECT secure_rows('leases');
ALTER POLICY tenant ON leases TO parley_runtime;
-- For the owner's functions, which name the user in each write.
CREATE POLICY keeping ON leases TO parley_owner USING (true);
GRANT SELECT ON leases TO parley_runtime;
