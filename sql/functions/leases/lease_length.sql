-- The length of a new lease: a setting of the gateway's connections, or two minutes.
CREATE OR REPLACE FUNCTION lease_length() RETURNS interval LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT make_interval(secs => coalesce(nullif(current_setting('app.lease_seconds', true), '')::double precision, 120))
$$;
