-- Trigger: refuses a time zone that the server does not know. `posix/…` are other spellings of the same zones.
CREATE OR REPLACE FUNCTION users_check_time_zone() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NEW.time_zone ~ '^(posix|right)|^(localtime|Factory)$'
        OR NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = NEW.time_zone) THEN
        RAISE invalid_parameter_value USING CONSTRAINT = 'users_time_zone_known', TABLE = 'users',
            MESSAGE = 'a time zone is an IANA name, such as Europe/Berlin';
    END IF;
    RETURN NEW;
END
$$;
