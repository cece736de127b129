-- Replaces the caller's password hash by another one of the same password. The setting app.rehashing keeps the audit from
-- telling of a new password. The database cannot know whether it is the same password, only whether it is a hash.
CREATE OR REPLACE FUNCTION login_rehash(new_hash text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    IF (new_hash ~ '^\$argon2id\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]{43,}$') IS NOT TRUE THEN
        RAISE invalid_parameter_value USING MESSAGE = 'this is no hash of a password';
    END IF;
    PERFORM set_config('app.rehashing', 'on', true);
    UPDATE logins SET password_hash = new_hash WHERE user_id = tenant();
    PERFORM set_config('app.rehashing', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION login_rehash TO parley_runtime;
