-- Trigger: refuses to use the user's own API keys while the user has none that can be used.
CREATE OR REPLACE FUNCTION users_check_own_api_key() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NOT has_provider_key(NEW.user_id) THEN
        RAISE invalid_parameter_value USING CONSTRAINT = 'users_uses_own_api_key_present', TABLE = 'users',
            MESSAGE = 'add a provider key first';
    END IF;
    RETURN NEW;
END
$$;
