-- A sealed secret of the stamped user's row, which only the gateway's keys open. `purpose` is `<table>.<column>`.
CREATE OR REPLACE FUNCTION secret_of(owner_id uuid, secret_purpose text) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT s.sealed FROM sealed_secrets AS s
        WHERE s.user_id = tenant() AND s.row_id = owner_id AND s.purpose = secret_purpose);
END
$$;
GRANT EXECUTE ON FUNCTION secret_of TO parley_runtime;
