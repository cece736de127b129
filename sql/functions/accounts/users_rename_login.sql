-- Trigger: gives the login of a user the new user name, which no other login may have.
CREATE OR REPLACE FUNCTION users_rename_login() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    UPDATE logins SET username = lower(NEW.username) WHERE user_id = NEW.user_id;
    RETURN NULL;
EXCEPTION WHEN unique_violation THEN
    RAISE unique_violation USING CONSTRAINT = 'users_username_taken', TABLE = 'users',
        MESSAGE = 'this user name is already taken';
END
$$;
