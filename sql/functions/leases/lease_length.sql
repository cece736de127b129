-- The length of a lease that is taken now: a setting that the gateway's connections carry.
CREATE OR REPLACE FUNCTION lease_length() RETURNS interval LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT make_interval(secs => coalesce(nullif(current_setting('app.lease_seconds', true), '')::double precision, 120))
$$;
