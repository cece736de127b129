-- The agent's token that acts, if any. The stamp of an agent has its id where that of a person has the session's.
CREATE OR REPLACE FUNCTION actor_agent_token() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN current_setting('app.actor', true) = 'agent'
        THEN nullif(current_setting('app.session_id', true), '')::uuid END
$$;
GRANT EXECUTE ON FUNCTION actor_agent_token TO parley_runtime;
