-- The caller, whose id the gateway stamps on the connection. Null if there is none, which matches no row.
CREATE OR REPLACE FUNCTION tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;
GRANT EXECUTE ON FUNCTION tenant TO parley_runtime;
