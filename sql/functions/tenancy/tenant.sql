-- The caller of this connection, stamped when it is taken from the pool. Unset or empty means nobody, and matches no
-- row.
CREATE OR REPLACE FUNCTION tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;
GRANT EXECUTE ON FUNCTION tenant TO parley_runtime;
