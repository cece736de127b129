-- Removes rows of the stamped user for good, after all that children_of() says, and returns how many rows it has removed or
-- changed. It stops at `most`: then some of the rows may be left, without some of what belonged to them. Call it again until
-- they are gone.
CREATE OR REPLACE FUNCTION purge_rows(table_name text, ids uuid[], most integer) RETURNS integer LANGUAGE plpgsql
AS $$
DECLARE
    done integer := 0;
    changed integer;
    found_ids uuid[];
    link record;
BEGIN
    FOR link IN SELECT * FROM children_of(table_name) LOOP
        IF link.removed AND link.has_id THEN
            EXECUTE format(
                'SELECT array_agg(id) FROM ('
                'SELECT id FROM %1$I WHERE user_id = tenant() AND %2$I = ANY ($1) %3$s LIMIT $2) AS c',
                link.child, link.key, CASE WHEN link.child = table_name THEN 'AND id <> ALL ($1)' END)
            INTO found_ids USING ids, most - done;
            changed := CASE WHEN found_ids IS NULL THEN 0 ELSE purge_rows(link.child, found_ids, most - done) END;
        ELSE
            -- An array is made once. The planner could run a subquery again for each row of the user.
            EXECUTE format(
                'UPDATE %1$I SET %2$I = NULL WHERE user_id = tenant() AND id = ANY (ARRAY('
                'SELECT id FROM %1$I WHERE user_id = tenant() AND %2$I = ANY ($1) %3$s LIMIT $2))',
                link.child, link.key, CASE WHEN link.child = table_name THEN 'AND id <> ALL ($1)' END)
            USING ids, most - done;
            GET DIAGNOSTICS changed = ROW_COUNT;
        END IF;
        done := done + changed;
        IF done >= most THEN
            RETURN done;
        END IF;
    END LOOP;
    EXECUTE format('DELETE FROM %I WHERE user_id = tenant() AND id = ANY ($1)', table_name) USING ids;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN done + changed;
END
$$;
