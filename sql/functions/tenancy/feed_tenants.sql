-- The users whose feeds may be read: the caller, and those whose subscribers the gateway serves with one statement. That
-- statement names them.
CREATE OR REPLACE FUNCTION feed_tenants() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT string_to_array(concat_ws(',',
        nullif(current_setting('app.user_id', true), ''), nullif(current_setting('app.feed_user_ids', true), '')), ',')::uuid[]
$$;
GRANT EXECUTE ON FUNCTION feed_tenants TO parley_runtime;
