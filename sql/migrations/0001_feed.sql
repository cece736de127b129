-- The change feed of each user. The triggers of every table of users' rows append to it.

-- One counter per user. Each write holds its row lock until the commit, so versions are in the order of commits and every
-- snapshot sees a prefix of the feed. Half of each page is left free for HOT updates.
CREATE TABLE feeds (
    user_id uuid PRIMARY KEY,
    epoch integer NOT NULL DEFAULT 1,
    version bigint NOT NULL DEFAULT 0,
    pruned bigint NOT NULL DEFAULT 0,
    latest_conversation_id uuid,
    latest_since timestamptz
) WITH (fillfactor = 50);
COMMENT ON COLUMN feeds.epoch IS
    'Raised after a restore, or a failover that may have lost commits, so that older cursors are refused.';
COMMENT ON COLUMN feeds.pruned IS 'Changes up to this version are no longer stored.';
COMMENT ON COLUMN feeds.latest_conversation_id IS 'The most recently active conversation.';
COMMENT ON COLUMN feeds.latest_since IS
    'When it became the most recently active one; always later than the value of the conversation before it.';

-- Neither table has a CHECK, which the server would parse again for every write. Only triggers, raise_epoch() and restores
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
COMMENT ON COLUMN changes.data IS
    'The columns that subscriptions filter by, or need as they were at the time. Never content.';
COMMENT ON COLUMN changes.old_data IS
    'The previous values of the ids among these columns, if the change altered one of them.';

ALTER TABLE feeds ENABLE ROW LEVEL SECURITY;
ALTER TABLE feeds FORCE ROW LEVEL SECURITY;
ALTER TABLE changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE changes FORCE ROW LEVEL SECURITY;
-- One condition for both the caller and the other users. With two conditions, joined by OR, the planner expects few rows and
-- sorts the whole rest of a feed to return its next page.
CREATE POLICY tenant ON feeds FOR SELECT USING (user_id = ANY ((SELECT feed_tenants())::uuid[]));
CREATE POLICY tenant ON changes FOR SELECT USING (user_id = ANY ((SELECT feed_tenants())::uuid[]));
-- For the triggers, which run as the owner. Nobody can log in as the owner, and the changed row has its own policy.
CREATE POLICY appending ON feeds TO parley_owner USING (true);
CREATE POLICY appending ON changes TO parley_owner USING (true);
GRANT SELECT ON feeds, changes TO parley_runtime;
