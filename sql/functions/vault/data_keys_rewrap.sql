-- Functions of `parley keys`, for the owner on a connection of background work.

-- Replaces data keys by the same ones, wrapped by another key-encryption key. Returns how many were still as they were read.
CREATE OR REPLACE FUNCTION data_keys_rewrap(user_ids uuid[], old_wrapped bytea[], newest text, new_wrapped bytea[])
RETURNS integer LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
DECLARE
    changed integer;
BEGIN
    PERFORM FROM key_encryption_keys AS e WHERE e.id = newest AND e.dropped_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key-encryption key % was dropped', newest;
    END IF;
    UPDATE data_keys AS k SET key_id = newest, wrapped = g.new_text, wrapped_at = clock_timestamp()
    FROM unnest(user_ids, old_wrapped, new_wrapped) AS g (user_id, old_text, new_text)
    WHERE k.user_id = g.user_id AND k.wrapped = g.old_text;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;

-- Takes a key-encryption key out of use, unless it wraps a data key. Returns how many it wraps: 0 if it is out of use now.
CREATE OR REPLACE FUNCTION key_encryption_key_drop(old_id text) RETURNS bigint LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
DECLARE
    wraps bigint;
BEGIN
    INSERT INTO key_encryption_keys (id) VALUES (old_id) ON CONFLICT DO NOTHING;
    -- Waits for those that wrap with it at this moment, and keeps others from beginning.
    PERFORM FROM key_encryption_keys AS e WHERE e.id = old_id FOR UPDATE;
    SELECT count(*) INTO wraps FROM data_keys AS k WHERE k.key_id = old_id;
    IF wraps = 0 THEN
        UPDATE key_encryption_keys AS e SET dropped_at = coalesce(e.dropped_at, clock_timestamp()) WHERE e.id = old_id;
    END IF;
    RETURN wraps;
END
$$;
