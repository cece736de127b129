-- Records that tokens of the caller are in use, at most once a minute each. The feed does not tell of it.
CREATE OR REPLACE FUNCTION agent_tokens_record_use(ids uuid[]) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
    UPDATE agent_tokens AS t
    SET last_used_at = clock_timestamp()
    WHERE t.user_id = tenant() AND t.id = ANY (ids)
        AND (t.last_used_at IS NULL OR t.last_used_at < clock_timestamp() - interval '50 seconds')
$$;
GRANT EXECUTE ON FUNCTION agent_tokens_record_use TO parley_runtime;
