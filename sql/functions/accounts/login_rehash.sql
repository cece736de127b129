-- Replaces the caller's password hash by another one of the same password. The setting app.rehashing keeps the audit from
-- telling of a new password.
CREATE OR REPLACE FUNCTION login_rehash(new_hash text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    PERFORM set_config('app.rehashing', 'on', true);
    UPDATE logins SET password_hash = new_hash WHERE user_id = tenant();
    PERFORM set_config('app.rehashing', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION login_rehash TO parley_runtime;
