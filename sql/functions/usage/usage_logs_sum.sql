-- Does nothing. It is here because the migration that creates usage_logs needs it for a trigger; a later one replaces that
-- trigger by usage_logs_enter().
CREATE OR REPLACE FUNCTION usage_logs_sum() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RETURN NEW;
END
$$;
