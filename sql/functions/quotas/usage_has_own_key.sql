-- Whether a call of a model can have used a key of the user's own: with a key named, whether that one is of the provider, also
-- if it is no longer active; else whether the user has an active key of the provider.
CREATE OR REPLACE FUNCTION usage_has_own_key(account uuid, called text, key_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF key_id IS NOT NULL THEN
        RETURN EXISTS (
            SELECT FROM provider_keys AS k
            WHERE k.user_id = account AND k.id = key_id AND k.provider = called AND k.deleted_at IS NULL);
    END IF;
    RETURN EXISTS (
        SELECT FROM provider_keys AS k
        WHERE k.user_id = account AND k.provider = called AND k.is_active AND k.deleted_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()));
END
$$;
GRANT EXECUTE ON FUNCTION usage_has_own_key TO parley_runtime;
