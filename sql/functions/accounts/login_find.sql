-- Finds a user by e-mail address or user name, before the tenant is known.
CREATE OR REPLACE FUNCTION login_find(name text) RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
    SELECT l.user_id, l.password_hash FROM logins AS l WHERE l.email = lower(name)
    UNION ALL
    SELECT l.user_id, l.password_hash FROM logins AS l WHERE l.username = lower(name)
    LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION login_find TO parley_runtime;
