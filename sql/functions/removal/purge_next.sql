-- Goes on with the oldest requested purge of the stamped user, by at most `most` rows. Returns how many it has removed or
-- changed, and whether the row is gone; nothing if there is no purge.
CREATE OR REPLACE FUNCTION purge_next(most integer) RETURNS TABLE (
    purged_entity text, purged_id uuid, removed integer, is_done boolean
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    PERFORM FROM feeds WHERE user_id = tenant() FOR UPDATE;
    SELECT p.entity, p.entity_id INTO purged_entity, purged_id
    FROM purges AS p
    WHERE p.user_id = tenant()
    ORDER BY p.requested_at, p.entity_id
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    removed := purge_rows(purged_entity, ARRAY[purged_id], most);
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I WHERE user_id = tenant() AND id = $1)', purged_entity)
    INTO is_done USING purged_id;
    IF is_done THEN
        DELETE FROM purges AS p WHERE p.user_id = tenant() AND p.entity = purged_entity AND p.entity_id = purged_id;
    END IF;
    RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION purge_next(integer) TO parley_runtime;
