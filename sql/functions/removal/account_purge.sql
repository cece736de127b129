-- Goes on with the removal of a deleted account whose time has come, by at most `most` rows. Returns whose it is, how many
-- rows it has removed, and whether the account is gone; nothing if no account is due. Processes that call it at once take
-- turns.
CREATE OR REPLACE FUNCTION account_purge(most integer) RETURNS TABLE (purged_user_id uuid, removed integer, is_done boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    caller jsonb;
BEGIN
    IF NOT is_background_work() THEN
        RETURN;
    END IF;
    SELECT f.user_id INTO purged_user_id
    FROM users AS u
    JOIN feeds AS f ON f.user_id = u.user_id
    WHERE u.purge_at <= clock_timestamp()
    ORDER BY u.purge_at
    LIMIT 1
    FOR UPDATE OF f;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    caller := act_for(purged_user_id);
    -- Its time may have been put off before the feed was locked.
    IF EXISTS (SELECT FROM users WHERE user_id = purged_user_id AND purge_at <= clock_timestamp()) THEN
        removed := account_purge_rows(purged_user_id, most);
        is_done := NOT EXISTS (SELECT FROM users WHERE user_id = purged_user_id);
        RETURN NEXT;
    END IF;
    PERFORM stamp_again(caller);
END
$$;
GRANT EXECUTE ON FUNCTION account_purge TO parley_runtime;

-- Removes at most about `most` rows of an account, which the transaction is stamped with, and returns how many.
CREATE OR REPLACE FUNCTION account_purge_rows(account uuid, most integer) RETURNS integer LANGUAGE plpgsql
AS $$
DECLARE
    done integer := 0;
    changed integer;
    found_ids uuid[];
    held record;
BEGIN
    -- From now on nobody can sign in, and no job of the user begins.
    DELETE FROM logins WHERE user_id = account;
    DELETE FROM parley_work.pgqueuer
    WHERE status <> 'picked' AND dedupe_key IN (
        SELECT concat_ws(' ', user_id, id) FROM jobs WHERE user_id = account);
    FOR held IN SELECT * FROM tables_of_users() WHERE name NOT IN ('users', 'feeds') LOOP
        IF held.has_id THEN
            -- The newest come first, because they refer to older ones.
            EXECUTE format(
                'SELECT array_agg(id) FROM (SELECT id FROM %I WHERE user_id = $1 ORDER BY id DESC LIMIT $2) AS t', held.name)
            INTO found_ids USING account, most - done;
            changed := CASE WHEN found_ids IS NULL THEN 0 ELSE purge_rows(held.name, found_ids, most - done) END;
        ELSE
            EXECUTE format(
                'DELETE FROM %1$I WHERE user_id = $1 AND ctid = ANY (ARRAY('
                'SELECT ctid FROM %1$I WHERE user_id = $1 LIMIT $2))', held.name)
            USING account, most - done;
            GET DIAGNOSTICS changed = ROW_COUNT;
        END IF;
        done := done + changed;
        IF done >= most THEN
            RETURN done;
        END IF;
    END LOOP;
    DELETE FROM users WHERE user_id = account;
    -- The feed goes last, with the change that tells of this removal.
    FOR held IN SELECT * FROM tables_of_users() LOOP
        EXECUTE format('DELETE FROM %I WHERE user_id = $1', held.name) USING account;
    END LOOP;
    RETURN done + 1;
END
$$;
