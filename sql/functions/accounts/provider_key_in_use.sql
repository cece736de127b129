-- The key that calls use of a configuration of the stamped user: the default one if it is active and has not expired, else the
-- newest such key; null if there is none.
CREATE OR REPLACE FUNCTION provider_key_in_use(config_id uuid) RETURNS uuid LANGUAGE plpgsql STABLE
SET search_path = parley, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT k.id
        FROM provider_keys AS k
        WHERE k.user_id = tenant() AND k.provider_config_id = config_id AND k.deleted_at IS NULL AND k.is_active
            AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
        ORDER BY k.is_default DESC, k.created_at DESC, k.id DESC
        LIMIT 1);
END
$$;
GRANT EXECUTE ON FUNCTION provider_key_in_use TO parley_runtime;
