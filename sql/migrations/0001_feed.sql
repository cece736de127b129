-- The change feed of each user. The triggers of every table of users' rows append to it.

-- One counter per user. Its row lock is held to the commit of each write, so the order of versions is the order of
-- commits and every snapshot sees a prefix of the feed. Half of each page stays free for the next versions of its rows.
CREATE TABLE feeds (
    user_id uuid PRIMARY KEY,
    epoch integer NOT NULL DEFAULT 1,
    version bigint NOT NULL DEFAULT 0,
    pruned bigint NOT NULL DEFAULT 0,
    latest_conversation_id uuid,
    latest_since timestamptz
) WITH (fillfactor = 50);
COMMENT ON COLUMN feeds.epoch IS 'Raised by an operator after a restore or a failover that may have lost commits.';
COMMENT ON COLUMN feeds.pruned IS 'Changes up to this version are no longer kept.';
COMMENT ON COLUMN feeds.latest_conversation_id IS 'The conversation that was active last.';
COMMENT ON COLUMN feeds.latest_since IS 'Since when it has been that; never earlier than that of another before.';

-- Neither table has a CHECK, which the server would parse anew for each write of each user. Only triggers and raise_epoch()
-- write here.
CREATE TABLE changes (
    user_id uuid NOT NULL,
    version bigint NOT NULL,
    entity text NOT NULL,
    entity_id uuid NOT NULL,
    op text NOT NULL,
    data jsonb NOT NULL,
    at timestamptz NOT NULL,
    old_data jsonb,
    PRIMARY KEY (user_id, version)
);
COMMENT ON COLUMN changes.op IS 'insert, update, delete, restore or purge.';
COMMENT ON COLUMN changes.data IS 'The columns that subscribers filter by or need as they were, never content.';
COMMENT ON COLUMN changes.old_data IS
    'The ids among the carried columns as they were before, if the change altered one of them.';

ALTER TABLE feeds ENABLE ROW LEVEL SECURITY;
ALTER TABLE feeds FORCE ROW LEVEL SECURITY;
ALTER TABLE changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE changes FORCE ROW LEVEL SECURITY;
-- One condition for the caller and the others together. With two, joined by OR, the planner expects few rows, and sorts the
-- whole rest of a feed to return its next page.
CREATE POLICY tenant ON feeds FOR SELECT USING (user_id = ANY ((SELECT feed_tenants())::uuid[]));
CREATE POLICY tenant ON changes FOR SELECT USING (user_id = ANY ((SELECT feed_tenants())::uuid[]));
-- For the triggers, which run as the owner. The row whose change they append has a policy of its own, and nobody logs in as
-- the owner.
CREATE POLICY appending ON feeds TO parley_owner USING (true);
CREATE POLICY appending ON changes TO parley_owner USING (true);
GRANT SELECT ON feeds, changes TO parley_runtime;
