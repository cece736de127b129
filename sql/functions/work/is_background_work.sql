-- Whether the connection is one of background work. Functions that find users by themselves do nothing on any other.
CREATE OR REPLACE FUNCTION is_background_work() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(current_setting('app.work', true), '') = 'on' $$;
GRANT EXECUTE ON FUNCTION is_background_work TO parley_runtime;
