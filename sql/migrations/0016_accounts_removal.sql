-- Deleted accounts, and what is removed for good without anybody asking for it.

ALTER TABLE users ADD COLUMN purge_at timestamptz;
COMMENT ON COLUMN users.purge_at IS
    'When everything of the deleted account is removed for good. Until then, its user can restore it. '
    'Null if it was deleted in another way.';
ALTER TABLE users ADD CONSTRAINT users_purge_at_deleted CHECK (purge_at IS NULL OR deleted_at IS NOT NULL);
-- Does not begin with the user, because account_purge() searches across users.
CREATE INDEX users_by_purge ON users (purge_at) WHERE purge_at IS NOT NULL;

ALTER TABLE sessions DROP CONSTRAINT sessions_revoked_reason_known;
ALTER TABLE sessions ADD CONSTRAINT sessions_revoked_reason_known
    CHECK (revoked_reason IN ('signed_out', 'refresh_reused', 'account_deleted'));

-- For users_to_purge(), which searches across users.
CREATE POLICY finding ON purges FOR SELECT TO parley_owner USING (is_background_work());
SELECT add_trash(name) FROM trash_tables();
