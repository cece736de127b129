-- Trigger: publishes the id of a session that ends early, so that every process refuses its access tokens. Also deletes
-- old rows, whose access tokens have all expired.
CREATE OR REPLACE FUNCTION sessions_revoke() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    INSERT INTO revocations (session_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    DELETE FROM revocations WHERE at < clock_timestamp() - interval '2 days';
    RETURN NULL;
END
$$;
