-- The session that acts, if any.
CREATE OR REPLACE FUNCTION actor_session() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.session_id', true), '')::uuid $$;
GRANT EXECUTE ON FUNCTION actor_session TO parley_runtime;
