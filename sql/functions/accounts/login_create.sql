-- Registers the caller's e-mail address and user name for signing in. Called once, at sign-up.
CREATE OR REPLACE FUNCTION login_create(email text, username text, password_hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$ INSERT INTO logins VALUES (lower(email), lower(username), tenant(), password_hash) $$;
GRANT EXECUTE ON FUNCTION login_create TO parley_runtime;
