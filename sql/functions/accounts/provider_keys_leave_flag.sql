-- Trigger: when the last active key of a user goes, model calls no longer use the user's own keys.
CREATE OR REPLACE FUNCTION provider_keys_leave_flag() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NOT has_provider_key(NEW.user_id) THEN
        UPDATE users SET uses_own_api_key = false WHERE user_id = NEW.user_id AND uses_own_api_key;
    END IF;
    RETURN NULL;
END
$$;

-- Whether a user has a provider key that can be used now.
CREATE OR REPLACE FUNCTION has_provider_key(whose uuid) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = parley, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM provider_keys AS k
        WHERE k.user_id = whose AND k.is_active AND k.deleted_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()));
END
$$;
GRANT EXECUTE ON FUNCTION has_provider_key TO parley_runtime;
