-- Trigger: locks the user's feed before a statement touches its first row. Every writer of a user does so first, so they
-- never deadlock. Writes by triggers run under the lock of their statement.
CREATE OR REPLACE FUNCTION feed_lock() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    PERFORM FROM feeds WHERE user_id = tenant() FOR UPDATE;
    RETURN NULL;
END
$$;
