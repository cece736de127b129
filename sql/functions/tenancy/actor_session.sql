-- The session that acts, if any.
CREATE OR REPLACE FUNCTION actor_session() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN current_setting('app.actor', true) IS DISTINCT FROM 'agent'
        THEN nullif(current_setting('app.session_id', true), '')::uuid END
$$;
GRANT EXECUTE ON FUNCTION actor_session TO parley_runtime;
