-- Trigger: gives a row of a quiet table its version: the feed's, plus the number of versions that the same statement will
-- take for its parent.
CREATE OR REPLACE FUNCTION quiet_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    SELECT f.version + TG_ARGV[0]::integer INTO NEW.version FROM feeds AS f WHERE f.user_id = NEW.user_id;
    IF NEW.version IS NULL THEN
        PERFORM feed_missing(NEW.user_id);
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
