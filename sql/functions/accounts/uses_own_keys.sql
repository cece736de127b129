-- Whether model calls of a user use the user's own API keys: if the user wants that, and has a key that can be used at this
-- moment. Keys expire without a change of any row.
CREATE OR REPLACE FUNCTION uses_own_keys(account users) RETURNS boolean LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN account.uses_own_api_key AND has_provider_key(account.user_id);
END
$$;
GRANT EXECUTE ON FUNCTION uses_own_keys TO parley_runtime;
