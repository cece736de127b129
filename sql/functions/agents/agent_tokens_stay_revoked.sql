-- Trigger: a revoked token stays revoked.
CREATE OR REPLACE FUNCTION agent_tokens_stay_revoked() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    NEW.revoked_at := OLD.revoked_at;
    RETURN NEW;
END
$$;
