-- Replaces the caller's password hash.
CREATE OR REPLACE FUNCTION login_rehash(new_hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$ UPDATE logins SET password_hash = new_hash WHERE user_id = tenant() $$;
GRANT EXECUTE ON FUNCTION login_rehash TO parley_runtime;
