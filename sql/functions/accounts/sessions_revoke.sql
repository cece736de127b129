-- Trigger: publishes the id of a credential that ends early, a session or the token of an agent, so that every process
-- refuses it. Also deletes old rows: all access tokens of these sessions have expired, and what a process remembers of an
-- agent's token it reads again every minute.
CREATE OR REPLACE FUNCTION sessions_revoke() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    INSERT INTO revocations (session_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    DELETE FROM revocations WHERE at < clock_timestamp() - interval '2 days';
    RETURN NULL;
END
$$;
