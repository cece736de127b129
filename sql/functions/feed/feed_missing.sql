-- Refuses rows whose owner has no feed, because the owner is not a user.
CREATE OR REPLACE FUNCTION feed_missing(owner_id uuid) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = format('user %s has no feed', owner_id);
END
$$;
