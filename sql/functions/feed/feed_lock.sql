-- Fires before the first row of a statement is touched. Every writer of a user takes the feed's lock first, so that two
-- writers never hold a row each and wait for the other's. What a trigger writes runs under the lock of its statement.
CREATE OR REPLACE FUNCTION feed_lock() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    PERFORM FROM feeds WHERE user_id = tenant() FOR UPDATE;
    RETURN NULL;
END
$$;
