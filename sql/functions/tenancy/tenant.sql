-- The caller of this connection, stamped at checkout. Unset or empty means nobody, which matches no row.
CREATE OR REPLACE FUNCTION tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;
GRANT EXECUTE ON FUNCTION tenant TO parley_runtime;
