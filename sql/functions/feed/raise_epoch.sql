-- Invalidates every cursor issued so far: the gateway answers it with RESYNC. Use it after a restore, or after a
-- failover that may have lost commits. Run it as the owner, for one user at a time, with app.user_id set to that user.
CREATE OR REPLACE FUNCTION raise_epoch() RETURNS integer LANGUAGE sql
AS $$ UPDATE feeds SET epoch = epoch + 1 WHERE user_id = tenant() RETURNING epoch $$;
