-- Trigger: refuses to restore a row whose purge has begun, because part of what belonged to it may be gone.
CREATE OR REPLACE FUNCTION refuse_purged() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM purges AS p
        WHERE p.user_id = NEW.user_id AND p.entity = TG_TABLE_NAME AND p.entity_id = NEW.id
    ) THEN
        RAISE check_violation USING CONSTRAINT = TG_TABLE_NAME || '_id_purged', TABLE = TG_TABLE_NAME,
            MESSAGE = format('this %s is being removed permanently', singular(TG_TABLE_NAME));
    END IF;
    RETURN NEW;
END
$$;
