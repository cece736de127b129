-- After a restore or a failover that may have lost commits: every cursor handed out before is answered with RESYNC.
-- Run it as the owner, for one user at a time, with app.user_id set to that user.
CREATE OR REPLACE FUNCTION raise_epoch() RETURNS integer LANGUAGE sql
AS $$ UPDATE feeds SET epoch = epoch + 1 WHERE user_id = tenant() RETURNING epoch $$;
