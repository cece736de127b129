-- Notes that the stamped user's key is used now, at most once a minute. The feed does not tell of it. Call it in a
-- transaction of its own: it locks the key without the feed.
CREATE OR REPLACE FUNCTION provider_key_used(used_id uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    UPDATE provider_keys SET last_used_at = clock_timestamp()
    WHERE user_id = tenant() AND id = used_id
        AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute');
END
$$;
GRANT EXECUTE ON FUNCTION provider_key_used TO parley_runtime;
