-- Trigger: takes the lock of the user's feed before a statement touches its first row. Every writer of a user does
-- so first, so two writers never hold one row each and wait for the other's. What a trigger writes runs under the
-- lock of its statement.
CREATE OR REPLACE FUNCTION feed_lock() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    PERFORM FROM feeds WHERE user_id = tenant() FOR UPDATE;
    RETURN NULL;
END
$$;
