-- Who acts: 'user', 'agent', or 'system' for everything that does not come through the gateway.
CREATE OR REPLACE FUNCTION actor() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(nullif(current_setting('app.actor', true), ''), 'system') $$;
GRANT EXECUTE ON FUNCTION actor TO parley_runtime;
