-- Leases: a growing message or a running tool ends as failed unless its worker renews its lease.
--
-- A lease is a narrow row of its own, so renewing it takes no version of the feed and waits for no other writer of the user.
-- Locks are taken in one order: the feed, the message, what has grown of it, the lease.

CREATE TABLE leases (
    user_id uuid NOT NULL,
    work_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT leases_kind_known CHECK (kind IN ('messages', 'tool_executions')),
    length interval NOT NULL,
    until timestamptz NOT NULL,
    -- A client may give a message and a tool the same id.
    PRIMARY KEY (user_id, work_id, kind)
) WITH (fillfactor = 50);
COMMENT ON TABLE leases IS 'Work in progress. Each row goes when its work ends.';
COMMENT ON COLUMN leases.kind IS 'The table of the work.';
COMMENT ON COLUMN leases.length IS 'How long the work may go on without being renewed.';
COMMENT ON COLUMN leases.until IS 'When the work counts as abandoned, unless it is renewed before.';
-- It does not begin with the user, because end_abandoned_work() looks across users.
CREATE INDEX leases_by_end ON leases (until);
SELECT secure_rows('leases');
ALTER POLICY tenant ON leases TO parley_runtime;
-- For functions of the owner, each of which names the user.
CREATE POLICY keeping ON leases TO parley_owner USING (true);
GRANT SELECT ON leases TO parley_runtime;
