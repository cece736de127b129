-- Notes that the stamped user's key has just been sent to its provider, at most once a minute. It must be the key that was
-- opened: the one of this generation, and not one that has replaced it since. The feed does not tell of it, but may of the
-- audit's entry, so it takes the feed's lock first.
CREATE OR REPLACE FUNCTION provider_key_used(used_id uuid, generation integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    due CONSTANT timestamptz := clock_timestamp() - interval '1 minute';
BEGIN
    IF EXISTS (
        SELECT FROM provider_keys AS k
        WHERE k.user_id = tenant() AND k.id = used_id AND (k.last_used_at >= due) IS NOT TRUE)
    THEN
        PERFORM FROM feeds WHERE user_id = tenant() FOR UPDATE;
        UPDATE provider_keys SET last_used_at = clock_timestamp()
        WHERE user_id = tenant() AND id = used_id AND sealed_key_generation = generation
            AND (last_used_at >= due) IS NOT TRUE;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION provider_key_used TO parley_runtime;

-- Trigger: a key that replaces another has not been used yet.
CREATE OR REPLACE FUNCTION provider_keys_renew() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    NEW.last_used_at := NULL;
    RETURN NEW;
END
$$;
