-- The wrapped data key of the stamped user; no row if the user has none yet.
CREATE OR REPLACE FUNCTION data_key_of() RETURNS TABLE (key_id text, wrapped bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT k.key_id, k.wrapped FROM data_keys AS k WHERE k.user_id = tenant();
END
$$;
GRANT EXECUTE ON FUNCTION data_key_of TO parley_runtime;

-- Gives the stamped user this data key, unless there is one already, and returns the one that the user has. It returns no row
-- if the key-encryption key was dropped: then the caller's copy of the keys file is old.
CREATE OR REPLACE FUNCTION data_key_keep(wrapped_by text, new_wrapped bytea) RETURNS TABLE (key_id text, wrapped bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    IF tenant() IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO key_encryption_keys (id) VALUES (wrapped_by) ON CONFLICT DO NOTHING;
    -- Waits for a command that drops the key, and makes it wait for this transaction.
    PERFORM FROM key_encryption_keys AS e WHERE e.id = wrapped_by AND e.dropped_at IS NULL FOR SHARE;
    IF FOUND THEN
        INSERT INTO data_keys (user_id, key_id, wrapped) VALUES (tenant(), wrapped_by, new_wrapped) ON CONFLICT DO NOTHING;
    END IF;
    RETURN QUERY SELECT k.key_id, k.wrapped FROM data_keys AS k WHERE k.user_id = tenant();
END
$$;
GRANT EXECUTE ON FUNCTION data_key_keep TO parley_runtime;
