-- The schema after all migrations. Made by `make schema`; a test fails when it differs. Do not edit.

-- schema parley

CREATE SCHEMA parley;

ALTER SCHEMA parley OWNER TO parley_owner;

-- schema parley_work

CREATE SCHEMA parley_work;

ALTER SCHEMA parley_work OWNER TO parley_owner;

-- type pgqueuer_status

CREATE TYPE parley_work.pgqueuer_status AS ENUM (
    'queued',
    'picked',
    'successful',
    'exception',
    'canceled',
    'deleted',
    'failed'
);

ALTER TYPE parley_work.pgqueuer_status OWNER TO parley_owner;

-- function about_approval(jsonb)

CREATE FUNCTION parley.about_approval(metadata jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}')
    FROM jsonb_each(CASE jsonb_typeof(metadata) WHEN 'object' THEN metadata END)
    WHERE starts_with(lower(key), 'approval')
$$;

ALTER FUNCTION parley.about_approval(metadata jsonb) OWNER TO parley_owner;

-- function account_is_due(uuid)

CREATE FUNCTION parley.account_is_due(account uuid) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (
        SELECT FROM users AS u
        WHERE u.user_id = account AND u.purge_at <= clock_timestamp()
            AND NOT EXISTS (SELECT FROM logins AS l WHERE l.user_id = account))
$$;

ALTER FUNCTION parley.account_is_due(account uuid) OWNER TO parley_owner;

-- function account_purge(integer)

CREATE FUNCTION parley.account_purge(most integer) RETURNS TABLE(purged_user_id uuid, removed integer, is_done boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
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

ALTER FUNCTION parley.account_purge(most integer) OWNER TO parley_owner;

-- function account_purge_rows(uuid, integer)

CREATE FUNCTION parley.account_purge_rows(account uuid, most integer) RETURNS integer
    LANGUAGE plpgsql
    AS $_$
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
$_$;

ALTER FUNCTION parley.account_purge_rows(account uuid, most integer) OWNER TO parley_owner;

-- function act_for(uuid)

CREATE FUNCTION parley.act_for(account uuid) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    before jsonb;
BEGIN
    SELECT jsonb_object_agg(name, coalesce(current_setting(name, true), '')) INTO before
    FROM unnest('{app.user_id,app.session_id,app.actor}'::text[]) AS s (name);
    PERFORM stamp_again('{"app.session_id": "", "app.actor": ""}' || jsonb_build_object('app.user_id', account));
    RETURN before;
END
$$;

ALTER FUNCTION parley.act_for(account uuid) OWNER TO parley_owner;

-- function actor()

CREATE FUNCTION parley.actor() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT coalesce(nullif(current_setting('app.actor', true), ''), 'system') $$;

ALTER FUNCTION parley.actor() OWNER TO parley_owner;

-- function actor_agent_token()

CREATE FUNCTION parley.actor_agent_token() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN current_setting('app.actor', true) = 'agent'
        THEN nullif(current_setting('app.session_id', true), '')::uuid END
$$;

ALTER FUNCTION parley.actor_agent_token() OWNER TO parley_owner;

-- function actor_session()

CREATE FUNCTION parley.actor_session() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN current_setting('app.actor', true) IS DISTINCT FROM 'agent'
        THEN nullif(current_setting('app.session_id', true), '')::uuid END
$$;

ALTER FUNCTION parley.actor_session() OWNER TO parley_owner;

-- function add_audit(text, text, text[], text[], text[], text, text, text)

CREATE FUNCTION parley.add_audit(table_name text, action text, kinds text[], of text[] DEFAULT '{}'::text[], shown text[] DEFAULT NULL::text[], condition text DEFAULT NULL::text, each text DEFAULT NULL::text, inserted text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    name text := format('%s_audit_%s', table_name, action);
    told text[] := coalesce(shown, "of");
    kind text;
BEGIN
    PERFORM refuse_audit(name, action, table_name, kinds, "of", told, each);
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), %2$L, %3$s, %4$s);
            RETURN NULL;
        END
        $body$
        $function$,
        name, action, audit_subject(table_name), coalesce(
            (SELECT string_agg(
                format(
                    $change$
                CASE WHEN OLD.%1$I IS DISTINCT FROM NEW.%1$I
                    THEN jsonb_build_object(%1$L, jsonb_build_array(OLD.%1$I, NEW.%1$I)) ELSE '{}' END$change$, c),
                ' ||' ORDER BY position)
            FROM unnest(told) WITH ORDINALITY AS t (c, position)),
            '''{}'''));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name,
        format(
            'Made by SELECT add_audit(%L, %L, %L, of => %L, shown => %L, condition => %L, each => %L, '
                'inserted => %L);',
            table_name, action, kinds, "of", shown, condition, each, inserted));
    FOREACH kind IN ARRAY '{insert,update,delete}'::text[] LOOP
        IF kind = ANY (kinds) THEN
            EXECUTE format(
                'CREATE OR REPLACE TRIGGER %I AFTER %s ON %I FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %I()',
                format('audit_%s_%s', action, kind),
                CASE WHEN kind = 'update' THEN 'UPDATE OF ' || quoted_names("of") ELSE kind END,
                table_name,
                concat_ws(
                    ' AND ', '(' || coalesce(CASE WHEN kind = 'insert' THEN inserted END, condition, 'true') || ')',
                    CASE WHEN kind = 'update' THEN audit_differs("of", each) END),
                name);
        ELSE
            EXECUTE format('DROP TRIGGER IF EXISTS %I ON %I', format('audit_%s_%s', action, kind), table_name);
        END IF;
    END LOOP;
END
$_$;

ALTER FUNCTION parley.add_audit(table_name text, action text, kinds text[], of text[], shown text[], condition text, each text, inserted text) OWNER TO parley_owner;

-- function add_bulk_insert(text, text[], text, text)

CREATE FUNCTION parley.add_bulk_insert(table_name text, carry text[] DEFAULT '{}'::text[], sums text DEFAULT NULL::text, fills text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    names text;
    proposed text;
    sent text;
    kept text[] := columns_without('INSERT', table_name);
    has_updated_at boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = 'updated_at');
BEGIN
    PERFORM grant_columns(table_name, 'INSERT', '{version}' || columns_without('INSERT', table_name));
    PERFORM leave_inserts(table_name, 'zz_feed');
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER zz_feed_one BEFORE INSERT ON %I '
        'FOR EACH ROW WHEN (NEW.version IS NULL) EXECUTE FUNCTION %I()', table_name, 'feed_' || table_name);
    IF sums IS NOT NULL THEN
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER %I BEFORE INSERT ON %I '
            'FOR EACH ROW WHEN (NEW.version IS NULL) EXECUTE FUNCTION %I()',
            sums, table_name, format('%s_%s', table_name, sums));
    END IF;
    SELECT
        string_agg(quote_ident(attname), ', ' ORDER BY attnum),
        string_agg(
            format(CASE WHEN standard IS NULL THEN 'r.%I' ELSE 'coalesce(r.%I, %s)' END, attname, standard),
            ', ' ORDER BY attnum)
    INTO names, proposed
    FROM pg_attribute
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    CROSS JOIN LATERAL (SELECT pg_get_expr(adbin, adrelid)) AS d (standard)
    WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        AND attname <> ALL ('{user_id,created_at,updated_at,deleted_at,version}')
        AND (fills IS NOT NULL OR attname <> ALL (kept));
    SELECT string_agg(
        CASE WHEN attname = ANY (kept) THEN 'NULL' ELSE 'p.' || quote_ident(attname) END, ', ' ORDER BY attnum)
    INTO sent
    FROM pg_attribute
    WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I(proposed jsonb) RETURNS SETOF %2$I LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        DECLARE
            at timestamptz := clock_timestamp();
            first_version bigint;
            made %2$I[];
        BEGIN
            UPDATE feeds SET version = version + jsonb_array_length(proposed)
            WHERE user_id = tenant()
            RETURNING version - jsonb_array_length(proposed) INTO first_version;
            IF first_version IS NULL THEN
                PERFORM feed_missing(tenant());
            END IF;
            WITH new AS (
                INSERT INTO %2$I AS t (user_id, %3$s, created_at, %7$sversion)
                SELECT
                    tenant(), %4$s, at + (ordinality - 1) * interval '1 microsecond', %8$sfirst_version + ordinality
                FROM %10$s WITH ORDINALITY AS r
                ORDER BY ordinality
                RETURNING t
            )
            SELECT array_agg(t) INTO made FROM new;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            SELECT m.user_id, m.version, %5$L, m.id, 'insert', jsonb_build_object(%6$s), at
            FROM unnest(made) AS m;%9$s
            RETURN QUERY SELECT * FROM unnest(made);
        END
        $body$
        $function$,
        table_name || '_insert_all', table_name, names, proposed, table_name, carried('m', carry),
        CASE WHEN has_updated_at THEN 'updated_at, ' END, CASE WHEN has_updated_at THEN 'at, ' END,
        CASE WHEN sums IS NOT NULL THEN
            E'\n            ' || format('PERFORM %I(made);', format('%s_%s_all', table_name, sums)) END,
        CASE WHEN fills IS NULL THEN format('jsonb_populate_recordset(NULL::%I, proposed)', table_name)
            ELSE format(
                'unnest(%1$I(ARRAY(SELECT ROW(%2$s)::%3$I FROM jsonb_populate_recordset(NULL::%3$I, proposed) AS p), at))',
                format('%s_%s_all', table_name, fills), sent, table_name) END);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', table_name || '_insert_all',
        format('Made by SELECT add_bulk_insert(%L, %L, sums => %L, fills => %L);', table_name, carry, sums, fills));
    EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO parley_runtime', table_name || '_insert_all');
END
$_$;

ALTER FUNCTION parley.add_bulk_insert(table_name text, carry text[], sums text, fills text) OWNER TO parley_owner;

-- function add_expiry(text, text, interval)

CREATE FUNCTION parley.add_expiry(table_name text, moment text, kept interval DEFAULT '00:00:00'::interval) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    name text := table_name || '_expire';
BEGIN
    -- Does not begin with the user, because it serves a search across users.
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I ((%s))', table_name || '_by_expiry', table_name, moment);
    EXECUTE format('DROP POLICY IF EXISTS expiring ON %I', table_name);
    EXECUTE format(
        'CREATE POLICY expiring ON %I FOR SELECT TO parley_owner USING (is_background_work())', table_name);
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I(after interval, most integer)
        RETURNS TABLE (expired_user_id uuid, expired integer)
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
        AS $body$
        DECLARE
            too_old timestamptz := clock_timestamp() - greatest(after, %4$L);
            caller jsonb;
        BEGIN
            IF NOT is_background_work() THEN
                RETURN;
            END IF;
            SELECT f.user_id INTO expired_user_id
            FROM %2$I AS t
            JOIN feeds AS f ON f.user_id = t.user_id
            WHERE (%3$s) < too_old
            ORDER BY (%3$s)
            LIMIT 1
            FOR UPDATE OF f SKIP LOCKED;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            caller := act_for(expired_user_id);
            DELETE FROM %2$I AS r
            WHERE r.user_id = expired_user_id AND r.id = ANY (ARRAY(
                SELECT t.id FROM %2$I AS t
                WHERE t.user_id = expired_user_id AND (%3$s) < too_old
                LIMIT most));
            GET DIAGNOSTICS expired = ROW_COUNT;
            PERFORM stamp_again(caller);
            RETURN NEXT;
        END
        $body$
        $function$,
        name, table_name, moment, kept);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO parley_runtime', name);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name,
        format('Made by SELECT add_expiry(%L, %L, %L);', table_name, moment, kept));
END
$_$;

ALTER FUNCTION parley.add_expiry(table_name text, moment text, kept interval) OWNER TO parley_owner;

-- function add_feed(text, text)

CREATE FUNCTION parley.add_feed(table_name text, statements text DEFAULT 'INSERT OR UPDATE OR DELETE'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Triggers of one kind fire in the order of their names: this one sees the row as the others left it.
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER zz_feed BEFORE %s ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        statements, table_name, 'feed_' || table_name);
END
$$;

ALTER FUNCTION parley.add_feed(table_name text, statements text) OWNER TO parley_owner;

-- function add_feed_lock(text, text)

CREATE FUNCTION parley.add_feed_lock(table_name text, statements text DEFAULT 'INSERT OR UPDATE OR DELETE'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER feed_lock BEFORE %s ON %I '
        'FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock()', statements, table_name);
END
$$;

ALTER FUNCTION parley.add_feed_lock(table_name text, statements text) OWNER TO parley_owner;

-- function add_future(text, text)

CREATE FUNCTION parley.add_future(table_name text, column_name text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I BEFORE INSERT OR UPDATE OF %2$I ON %3$I FOR EACH ROW '
        'WHEN (NEW.%2$I <= clock_timestamp()) EXECUTE FUNCTION refuse_past(%2$L)',
        'future_' || column_name, column_name, table_name);
END
$_$;

ALTER FUNCTION parley.add_future(table_name text, column_name text) OWNER TO parley_owner;

-- function add_link(text, text, text, text, text, text)

CREATE FUNCTION parley.add_link(table_name text, key text, parent text, reason text DEFAULT 'There is no such %s.'::text, order_by text DEFAULT 'created_at, id'::text, sharing text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    constraint_name text := format('%s_%s_exists', table_name, key);
BEGIN
    EXECUTE format(
        'ALTER TABLE %I ADD CONSTRAINT %I FOREIGN KEY (%s) REFERENCES %I (%s)', table_name, constraint_name,
        concat_ws(', ', 'user_id', quote_ident(sharing), quote_ident(key)), parent,
        concat_ws(', ', 'user_id', quote_ident(sharing), 'id'));
    EXECUTE format(
        'COMMENT ON CONSTRAINT %I ON %I IS %L', constraint_name, table_name,
        format(reason, singular(parent)));
    IF order_by IS NOT NULL THEN
        -- It contains deleted rows too, because the foreign key looks for them when a parent is removed.
        EXECUTE format(
            'CREATE INDEX %I ON %I (user_id, %I, %s)', table_name || '_by_' || regexp_replace(key, '_id$', ''),
            table_name, key, order_by);
    END IF;
    -- With the arguments of the last call for this table, if there was one.
    EXECUTE coalesce(
        substring(
            obj_description(to_regprocedure(quote_ident(table_name || '_links') || '()'), 'pg_proc') FROM 'Made by (.*)'),
        format('SELECT keep_links(%L)', table_name));
END
$_$;

ALTER FUNCTION parley.add_link(table_name text, key text, parent text, reason text, order_by text, sharing text) OWNER TO parley_owner;

-- function add_list_rule(text, text, integer, integer, json, text)

CREATE FUNCTION parley.add_list_rule(table_name text, column_name text, most integer, length integer DEFAULT NULL::integer, members json DEFAULT NULL::json, reason text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    noun text := upper(left(column_name, 1)) || replace(substr(column_name, 2), '_', ' ');
BEGIN
    IF num_nonnulls(length, members) <> 1 THEN
        RAISE EXCEPTION 'a list rule of %.% takes either length, for texts, or members, for objects', table_name, column_name;
    ELSIF members IS NULL THEN
        PERFORM add_rule(
            table_name, column_name || '_list', format('text_list_mistake(%I, %s, %s) IS NULL', column_name, most, length),
            coalesce(reason, format('%s: at most %s, each of 1 to %s characters.', noun, most, length)));
    ELSE
        PERFORM add_rule(
            table_name, column_name || '_list',
            format('object_list_mistake(%I, %s, %L) IS NULL', column_name, most, members),
            coalesce(reason, concat_ws('; ', format('%s: at most %s, of at most 64 KiB in all', noun, most), (
                SELECT string_agg(
                    format('%s up to %s characters', replace(name, '_', ' '), longest), ', ' ORDER BY position)
                FROM json_each_text(members) WITH ORDINALITY AS m (name, longest, position))) || '.'));
    END IF;
END
$$;

ALTER FUNCTION parley.add_list_rule(table_name text, column_name text, most integer, length integer, members json, reason text) OWNER TO parley_owner;

-- function add_most(text, integer, text, text, text)

CREATE FUNCTION parley.add_most(table_name text, most integer, reason text DEFAULT NULL::text, counted text DEFAULT 'true'::text, within text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    name text := concat_ws('_', table_name, within, 'most');
    things text := replace(table_name, '_', ' ');
    condition text := format('(%s)%s', counted, CASE WHEN is_deletable(table_name) THEN ' AND deleted_at IS NULL' END);
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
        AS $body$
        BEGIN
            IF TG_OP = 'UPDATE' AND EXISTS (SELECT FROM (SELECT OLD.*) AS t WHERE %2$s)%3$s
                OR NOT EXISTS (SELECT FROM (SELECT NEW.*) AS t WHERE %2$s)
            THEN
                RETURN NULL;
            END IF;
            IF (SELECT count(*) FROM %4$I AS t WHERE t.user_id = NEW.user_id%5$s AND %2$s) > %6$s THEN
                RAISE check_violation USING CONSTRAINT = %1$L, TABLE = %4$L, MESSAGE = %7$L;
            END IF;
            RETURN NULL;
        END
        $body$
        $function$,
        name, condition,
        CASE WHEN within IS NOT NULL THEN format(' AND OLD.%1$I IS NOT DISTINCT FROM NEW.%1$I', within) END,
        table_name, CASE WHEN within IS NOT NULL THEN format(' AND t.%1$I = NEW.%1$I', within) END, most,
        rtrim(coalesce(reason, CASE
            WHEN within IS NULL THEN format('You can have at most %s %s.', most, things)
            ELSE format('Each %s can have at most %s %s.', (
                SELECT singular(l.parent) FROM links_of(table_name) AS l WHERE l.key = within), most, things) END), '.'));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name,
        format('Made by SELECT add_most(%L, %L, %L, %L, %L);', table_name, most, reason, counted, within));
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        concat_ws('_', 'most', within), table_name, name);
END
$_$;

ALTER FUNCTION parley.add_most(table_name text, most integer, reason text, counted text, within text) OWNER TO parley_owner;

-- function add_only_one(text, text, text, text)

CREATE FUNCTION parley.add_only_one(table_name text, flag text, reason text, within text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    index_name text := format('%s_%s_unique', table_name, flag);
    function_name text := format('%s_%s_taken', table_name, flag);
BEGIN
    EXECUTE format(
        'CREATE UNIQUE INDEX IF NOT EXISTS %I ON %I (%s) WHERE %I AND deleted_at IS NULL',
        index_name, table_name, concat_ws(', ', 'user_id', quote_ident(within)), flag);
    EXECUTE format('COMMENT ON INDEX %I IS %L', index_name, reason);
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        BEGIN
            UPDATE %2$I AS t SET %3$I = false
            WHERE t.user_id = NEW.user_id AND t.id <> NEW.id AND t.%3$I AND t.deleted_at IS NULL%4$s;
            RETURN NEW;
        END
        $body$
        $function$,
        function_name, table_name, flag, CASE WHEN within IS NOT NULL THEN format(' AND t.%1$I = NEW.%1$I', within) END);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', function_name,
        format('Made by SELECT add_only_one(%L, %L, %L, %L);', table_name, flag, reason, within));
    -- Triggers fire in the order of their names: after `links` and before the feed's.
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I BEFORE INSERT OR UPDATE OF %I ON %I FOR EACH ROW '
        'WHEN (NEW.%I AND NEW.deleted_at IS NULL) EXECUTE FUNCTION %I()',
        'take_' || flag, flag, table_name, flag, function_name);
END
$_$;

ALTER FUNCTION parley.add_only_one(table_name text, flag text, reason text, within text) OWNER TO parley_owner;

-- function add_rank(text, text, text[])

CREATE FUNCTION parley.add_rank(table_name text, column_name text, members text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    is_required boolean := (
        SELECT attnotnull FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = column_name);
BEGIN
    EXECUTE format(
        'ALTER TABLE %I ADD COLUMN %I smallint %s GENERATED ALWAYS AS (array_position(%L::text[], %I)::smallint) STORED',
        table_name, column_name || '_rank', CASE WHEN is_required THEN 'NOT NULL' END, members, column_name);
END
$$;

ALTER FUNCTION parley.add_rank(table_name text, column_name text, members text[]) OWNER TO parley_owner;

-- function add_removal(text)

CREATE FUNCTION parley.add_removal(table_name text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    other text := (
        SELECT string_agg(conrelid::regclass::text, ', ')
        FROM pg_constraint
        WHERE contype = 'f' AND confrelid = table_name::regclass AND confdeltype IN ('a', 'r'));
BEGIN
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'rows of % cannot be removed by id, because rows of % may refer to them', table_name, other;
    END IF;
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I(ids uuid[]) RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$ DELETE FROM %2$I AS t WHERE t.user_id = tenant() AND t.id = ANY (ids) RETURNING t.id $body$
        $function$,
        'remove_' || table_name, table_name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %I(uuid[]) TO parley_runtime', 'remove_' || table_name);
    EXECUTE format(
        'COMMENT ON FUNCTION %I(uuid[]) IS %L', 'remove_' || table_name,
        format('Made by SELECT add_removal(%L);', table_name));
END
$_$;

ALTER FUNCTION parley.add_removal(table_name text) OWNER TO parley_owner;

-- function add_rollup(text, text, text, text, text, text, text)

CREATE FUNCTION parley.add_rollup(parent text, column_name text, of text, by text, sum text DEFAULT NULL::text, last text DEFAULT NULL::text, in_order text DEFAULT 'created_at'::text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_variable
DECLARE
    child text := "of";
    key text := "by";
    definition jsonb := CASE
        WHEN sum IS NOT NULL THEN jsonb_build_object('sum', sum)
        WHEN last IS NOT NULL THEN jsonb_build_object('last', last, 'in_order', in_order)
        ELSE jsonb_build_object('sum', '1') END;
    caller text := current_setting('app.user_id', true);
    owner_id uuid;
BEGIN
    PERFORM refuse_rollup(parent, column_name, child, key, sum, last, in_order);
    PERFORM rollup_function(child, key, parent, jsonb_build_object(column_name, definition) || coalesce((
        SELECT jsonb_object_agg(r.column_name, r.definition)
        FROM rollups() AS r
        WHERE (r.child, r.key, r.parent) = (child, key, parent)), '{}'));
    IF pg_relation_size(child::regclass) > 0 THEN
        -- Row-level security shows the owner one user at a time.
        FOR owner_id IN SELECT user_id FROM feeds ORDER BY user_id LOOP
            PERFORM set_config('app.user_id', owner_id::text, true);
            EXECUTE format(
                'UPDATE %1$I AS p SET %2$I = %3$s WHERE p.user_id = $1 AND p.%2$I IS DISTINCT FROM %3$s',
                parent, column_name, (
                    SELECT DISTINCT r.recount
                    FROM rollups() AS r
                    WHERE (r.parent, r.column_name) = (parent, column_name))) USING owner_id;
        END LOOP;
        PERFORM set_config('app.user_id', coalesce(caller, ''), true);
    END IF;
END
$_$;

ALTER FUNCTION parley.add_rollup(parent text, column_name text, of text, by text, sum text, last text, in_order text) OWNER TO parley_owner;

-- function add_rule(text, text, text, text)

CREATE FUNCTION parley.add_rule(table_name text, name text, condition text, reason text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s)', table_name, table_name || '_' || name, condition);
    EXECUTE format('COMMENT ON CONSTRAINT %I ON %I IS %L', table_name || '_' || name, table_name, reason);
END
$$;

ALTER FUNCTION parley.add_rule(table_name text, name text, condition text, reason text) OWNER TO parley_owner;

-- function add_secret(text, text)

CREATE FUNCTION parley.add_secret(table_name text, column_name text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    purpose text := format('%s.%s', table_name, column_name);
    generation text := column_name || '_generation';
    function_name text := format('%s_%s_keep', table_name, column_name);
BEGIN
    EXECUTE format(
        'ALTER TABLE %I ADD COLUMN IF NOT EXISTS %I bytea, ADD COLUMN IF NOT EXISTS %I integer NOT NULL DEFAULT 0',
        table_name, column_name, generation);
    EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', table_name, column_name, 'Always null: sealed_secrets has it.');
    EXECUTE format(
        'COMMENT ON COLUMN %I.%I IS %L', table_name, generation, 'How often the secret was written, which is sealed with it.');
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        BEGIN
            IF TG_WHEN = 'AFTER' THEN
                DELETE FROM sealed_secrets AS s
                WHERE s.user_id = OLD.user_id AND s.row_id = OLD.id AND s.purpose = %2$L;
                RETURN NULL;
            END IF;
            NEW.%3$I := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE OLD.%3$I + 1 END;
            INSERT INTO sealed_secrets AS s (user_id, row_id, purpose, sealed)
            VALUES (NEW.user_id, NEW.id, %2$L, NEW.%4$I)
            ON CONFLICT ON CONSTRAINT sealed_secrets_pkey DO UPDATE SET sealed = EXCLUDED.sealed;
            NEW.%4$I := NULL;
            RETURN NEW;
        END
        $body$
        $function$,
        function_name, purpose, generation, column_name);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', function_name,
        format('Made by SELECT add_secret(%L, %L);', table_name, column_name));
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I BEFORE INSERT OR UPDATE OF %I ON %I FOR EACH ROW '
        'WHEN (NEW.%I IS NOT NULL) EXECUTE FUNCTION %I()',
        'keep_' || column_name, column_name, table_name, column_name, function_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER UPDATE OF deleted_at ON %I FOR EACH ROW '
        'WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION %I()',
        'destroy_' || column_name, table_name, function_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER DELETE ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        'remove_' || column_name, table_name, function_name);
    PERFORM grant_columns(table_name, privilege, columns_without(privilege, table_name) || generation)
    FROM unnest('{INSERT,UPDATE}'::text[]) AS p (privilege);
    PERFORM delete_for_good(table_name);
END
$_$;

ALTER FUNCTION parley.add_secret(table_name text, column_name text) OWNER TO parley_owner;

-- function add_touch(text, text[], text[])

CREATE FUNCTION parley.add_touch(table_name text, keys text[], kinds text[]) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    name text := table_name || '_touch';
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        BEGIN
            IF TG_OP = 'INSERT' THEN%2$s
            ELSIF TG_OP = 'DELETE' THEN%3$s
            ELSE%4$s
            END IF;
            RETURN NULL;
        END
        $body$
        $function$,
        name, touching(table_name, keys, '{new_rows}'), touching(table_name, keys, '{old_rows}'),
        touching(table_name, keys, '{new_rows,old_rows}'));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name,
        format('Made by SELECT add_touch(%L, %L, %L);', table_name, keys, kinds));
    PERFORM statement_triggers(table_name, 'touch', name, kinds);
END
$_$;

ALTER FUNCTION parley.add_touch(table_name text, keys text[], kinds text[]) OWNER TO parley_owner;

-- function add_trash(text)

CREATE FUNCTION parley.add_trash(table_name text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS %I ON %I (user_id, deleted_at, id) WHERE deleted_at IS NOT NULL',
        table_name || '_trash', table_name);
    EXECUTE format('DROP POLICY IF EXISTS finding ON %I', table_name);
    EXECUTE format(
        'CREATE POLICY finding ON %I FOR SELECT TO parley_owner USING (deleted_at IS NOT NULL AND is_background_work())',
        table_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER purged BEFORE UPDATE OF deleted_at ON %I FOR EACH ROW '
        'WHEN (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL) EXECUTE FUNCTION refuse_purged()', table_name);
END
$$;

ALTER FUNCTION parley.add_trash(table_name text) OWNER TO parley_owner;

-- function add_unique(text, text, text, text)

CREATE FUNCTION parley.add_unique(table_name text, name text, columns text, reason text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    index_name text := format('%s_%s_unique', table_name, name);
BEGIN
    EXECUTE format(
        'CREATE UNIQUE INDEX %I ON %I (user_id, %s) %s', index_name, table_name, columns,
        CASE WHEN is_deletable(table_name) THEN 'WHERE deleted_at IS NULL' END);
    EXECUTE format('COMMENT ON INDEX %I IS %L', index_name, reason);
END
$$;

ALTER FUNCTION parley.add_unique(table_name text, name text, columns text, reason text) OWNER TO parley_owner;

-- function add_usual_columns(text, text[])

CREATE FUNCTION parley.add_usual_columns(table_name text, without text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    usual text[];
BEGIN
    FOREACH usual SLICE 1 IN ARRAY ARRAY[
        ['created_at', 'timestamptz NOT NULL DEFAULT clock_timestamp()'],
        ['updated_at', 'timestamptz NOT NULL DEFAULT clock_timestamp()'],
        ['deleted_at', 'timestamptz'],
        ['version', 'bigint NOT NULL'],
        -- Distinguishes a repeated create from a different one with the same id. The row itself cannot: it does not show
        -- what the request omitted, and it may have changed since.
        ['request_hash', 'bigint']
    ] LOOP
        CONTINUE WHEN usual[1] = ANY (without) OR EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = usual[1]);
        EXECUTE format('ALTER TABLE %I ADD COLUMN %I %s', table_name, usual[1], usual[2]);
        IF usual[1] = 'request_hash' THEN
            EXECUTE format('COMMENT ON COLUMN %I.request_hash IS %L', table_name,
                'Hash of the values in the request that created the row; null if the request named no id.');
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = table_name::regclass AND indisprimary) THEN
        -- A repeated create is recognised by its violation of the primary key. If a row violates several unique indexes, the
        -- server reports the oldest, so that must be the primary key.
        IF EXISTS (SELECT FROM pg_index WHERE indrelid = table_name::regclass AND indisunique) THEN
            RAISE EXCEPTION '% has a UNIQUE constraint: also declare PRIMARY KEY (user_id, id) in its CREATE TABLE', table_name;
        END IF;
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (user_id, id)', table_name);
    END IF;
END
$$;

ALTER FUNCTION parley.add_usual_columns(table_name text, without text[]) OWNER TO parley_owner;

-- function agent_tokens_audit_token_created()

CREATE FUNCTION parley.agent_tokens_audit_token_created() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'token_created', 'agent_tokens', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.scopes IS DISTINCT FROM NEW.scopes
                    THEN jsonb_build_object('scopes', jsonb_build_array(OLD.scopes, NEW.scopes)) ELSE '{}' END ||
                CASE WHEN OLD.expires_at IS DISTINCT FROM NEW.expires_at
                    THEN jsonb_build_object('expires_at', jsonb_build_array(OLD.expires_at, NEW.expires_at)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.agent_tokens_audit_token_created() OWNER TO parley_owner;

-- comment FUNCTION agent_tokens_audit_token_created()

COMMENT ON FUNCTION parley.agent_tokens_audit_token_created() IS 'Made by SELECT add_audit(''agent_tokens'', ''token_created'', ''{insert}'', of => ''{}'', shown => ''{scopes,expires_at}'', condition => NULL, each => NULL, inserted => NULL);';

-- function agent_tokens_audit_token_revoked()

CREATE FUNCTION parley.agent_tokens_audit_token_revoked() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'token_revoked', 'agent_tokens', coalesce(NEW.id, OLD.id), '{}');
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.agent_tokens_audit_token_revoked() OWNER TO parley_owner;

-- comment FUNCTION agent_tokens_audit_token_revoked()

COMMENT ON FUNCTION parley.agent_tokens_audit_token_revoked() IS 'Made by SELECT add_audit(''agent_tokens'', ''token_revoked'', ''{update}'', of => ''{revoked_at}'', shown => ''{}'', condition => NULL, each => NULL, inserted => NULL);';

-- function agent_tokens_expire(interval, integer)

CREATE FUNCTION parley.agent_tokens_expire(after interval, most integer) RETURNS TABLE(expired_user_id uuid, expired integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            too_old timestamptz := clock_timestamp() - greatest(after, '366 days');
            caller jsonb;
        BEGIN
            IF NOT is_background_work() THEN
                RETURN;
            END IF;
            SELECT f.user_id INTO expired_user_id
            FROM agent_tokens AS t
            JOIN feeds AS f ON f.user_id = t.user_id
            WHERE (least(revoked_at, expires_at)) < too_old
            ORDER BY (least(revoked_at, expires_at))
            LIMIT 1
            FOR UPDATE OF f SKIP LOCKED;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            caller := act_for(expired_user_id);
            DELETE FROM agent_tokens AS r
            WHERE r.user_id = expired_user_id AND r.id = ANY (ARRAY(
                SELECT t.id FROM agent_tokens AS t
                WHERE t.user_id = expired_user_id AND (least(revoked_at, expires_at)) < too_old
                LIMIT most));
            GET DIAGNOSTICS expired = ROW_COUNT;
            PERFORM stamp_again(caller);
            RETURN NEXT;
        END
        $$;

ALTER FUNCTION parley.agent_tokens_expire(after interval, most integer) OWNER TO parley_owner;

-- comment FUNCTION agent_tokens_expire(after interval, most integer)

COMMENT ON FUNCTION parley.agent_tokens_expire(after interval, most integer) IS 'Made by SELECT add_expiry(''agent_tokens'', ''least(revoked_at, expires_at)'', ''366 days'');';

-- function agent_tokens_most()

CREATE FUNCTION parley.agent_tokens_most() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND EXISTS (SELECT FROM (SELECT OLD.*) AS t WHERE (revoked_at IS NULL AND expires_at > clock_timestamp()))
                OR NOT EXISTS (SELECT FROM (SELECT NEW.*) AS t WHERE (revoked_at IS NULL AND expires_at > clock_timestamp()))
            THEN
                RETURN NULL;
            END IF;
            IF (SELECT count(*) FROM agent_tokens AS t WHERE t.user_id = NEW.user_id AND (revoked_at IS NULL AND expires_at > clock_timestamp())) > 100 THEN
                RAISE check_violation USING CONSTRAINT = 'agent_tokens_most', TABLE = 'agent_tokens', MESSAGE = 'You can have at most 100 tokens of agents in force: revoke one first';
            END IF;
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.agent_tokens_most() OWNER TO parley_owner;

-- comment FUNCTION agent_tokens_most()

COMMENT ON FUNCTION parley.agent_tokens_most() IS 'Made by SELECT add_most(''agent_tokens'', ''100'', ''You can have at most 100 tokens of agents in force: revoke one first.'', ''revoked_at IS NULL AND expires_at > clock_timestamp()'', NULL);';

-- function agent_tokens_record_use(uuid[])

CREATE FUNCTION parley.agent_tokens_record_use(ids uuid[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
    UPDATE agent_tokens AS t
    SET last_used_at = clock_timestamp()
    WHERE t.user_id = tenant() AND t.id = ANY (ids)
        AND (t.last_used_at IS NULL OR t.last_used_at < clock_timestamp() - interval '50 seconds')
$$;

ALTER FUNCTION parley.agent_tokens_record_use(ids uuid[]) OWNER TO parley_owner;

-- function agent_tokens_stay_revoked()

CREATE FUNCTION parley.agent_tokens_stay_revoked() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    NEW.revoked_at := OLD.revoked_at;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.agent_tokens_stay_revoked() OWNER TO parley_owner;

-- function approval_are_of(text, text)

CREATE FUNCTION parley.approval_are_of(hosts text, host text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT CASE WHEN host NOT LIKE '*.%' THEN hosts = lower(host)
        ELSE hosts !~ '(^|[. ])xn--' AND NOT EXISTS (
            SELECT FROM string_to_array(hosts, ' ') AS h (each), unnest(each) AS one
            WHERE NOT (right(one, length(host) - 1) = lower(substr(host, 2)) AND length(one) > length(host) - 1)) END
$$;

ALTER FUNCTION parley.approval_are_of(hosts text, host text) OWNER TO parley_owner;

-- function approval_argument(jsonb)

CREATE FUNCTION parley.approval_argument(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN jsonb_typeof(value) IN ('string', 'number', 'boolean') THEN value #>> '{}' END $$;

ALTER FUNCTION parley.approval_argument(value jsonb) OWNER TO parley_owner;

-- function approval_arguments_mistake(jsonb)

CREATE FUNCTION parley.approval_arguments_mistake(arguments jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
DECLARE
    pointer text;
    pattern jsonb;
    text_of text;
BEGIN
    IF jsonb_typeof(arguments) <> 'object' THEN
        RETURN 'arguments are an object: a JSON pointer for each argument, with its pattern';
    ELSIF (SELECT count(*) FROM jsonb_object_keys(arguments)) > 20 THEN
        RETURN 'a rule names at most 20 arguments';
    END IF;
    FOR pointer, pattern IN SELECT * FROM jsonb_each(arguments) LOOP
        IF pointer !~ '^(/([^~/]|~[01])*)*$' OR char_length(pointer) > 200 THEN
            RETURN format('%s is no JSON pointer, such as "/path", of at most 200 characters', to_json(left(pointer, 100)));
        ELSIF pointer ~ '/\s*-[0-9]+(/|$)' THEN
            RETURN format('%s has a negative index, which a JSON pointer has not', to_json(pointer));
        ELSIF jsonb_typeof(pattern) <> 'string' THEN
            RETURN format('the pattern of %s is not a text', to_json(pointer));
        END IF;
        text_of := pattern #>> '{}';
        IF char_length(text_of) NOT BETWEEN 1 AND 1000 THEN
            RETURN format('the pattern of %s has 1 to 1000 characters', to_json(pointer));
        ELSIF approval_is_path(text_of) AND text_of ~ '(^|/)\.\.(/|$)' THEN
            RETURN format('the pattern of %s must not contain ..', to_json(pointer));
        ELSIF text_of ~ '://[^/]*\*' AND text_of !~ '://\*\.[^/*]+(/|$)' THEN
            RETURN format('in the pattern of %s, a wildcard in the host must stand alone before a dot, as in *.example.org',
                to_json(pointer));
        END IF;
    END LOOP;
    RETURN NULL;
END
$_$;

ALTER FUNCTION parley.approval_arguments_mistake(arguments jsonb) OWNER TO parley_owner;

-- function approval_decide(uuid, uuid, text, jsonb, numeric, boolean)

CREATE FUNCTION parley.approval_decide(owner_id uuid, conversation uuid, tool text, arguments jsonb, estimate numeric, explains boolean DEFAULT false) RETURNS TABLE(outcome text, reason text, failed_check text, explanation text, rule_id uuid, tool_id uuid, tool_risk text, is_new boolean, cost_usd numeric, spent_usd numeric, max_cost_per_tool_usd numeric, max_cost_per_hour_usd numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    own record;
    rule record;
    limit_usd numeric;
BEGIN
    IF owner_id IS DISTINCT FROM tenant() THEN
        RETURN;
    END IF;
    SELECT
        coalesce((c.approval_overrides ->> 'readOnlyOperations')::boolean, s.read_only_operations) AS read_only,
        coalesce((c.approval_overrides ->> 'lowRiskOperations')::boolean, s.low_risk_operations) AS low_risk,
        coalesce((c.approval_overrides ->> 'maxCostPerToolUsd')::numeric, s.max_cost_per_tool_usd) AS per_tool,
        coalesce((c.approval_overrides ->> 'maxCostPerHourUsd')::numeric, s.max_cost_per_hour_usd) AS per_hour,
        coalesce((c.approval_overrides ->> 'requireApprovalForNewTools')::boolean, s.require_approval_for_new_tools)
            AS asks_for_new,
        k.id, k.risk, k.first_approved_at
    INTO own
    FROM auto_approval_settings AS s
    LEFT JOIN conversations AS c ON c.user_id = s.user_id AND c.id = conversation
    LEFT JOIN known_tools AS k ON k.user_id = s.user_id AND k.tool_name = tool
    WHERE s.user_id = owner_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    tool_id := own.id;
    tool_risk := coalesce(own.risk, 'high');
    is_new := own.first_approved_at IS NULL;
    max_cost_per_tool_usd := own.per_tool;
    max_cost_per_hour_usd := own.per_hour;
    cost_usd := coalesce(estimate, own.per_tool);
    spent_usd := approval_spent(owner_id);
    SELECT * INTO rule FROM approval_rule_for(owner_id, conversation, tool, arguments, cost_usd);
    rule_id := rule.rule_id;
    limit_usd := least(own.per_tool, CASE WHEN rule.rule_effect = 'allow' THEN rule.rule_max_cost_usd END);
    outcome := 'pending';
    CASE
        WHEN rule.rule_effect = 'deny' THEN
            outcome := 'cancelled';
            reason := 'denied_by_rule';
            failed_check := 'deny_rule';
            explanation := format('Rule %s denies it.', rule.rule_label);
        WHEN rule.rule_effect = 'ask' THEN
            failed_check := 'ask_rule';
            explanation := format('Rule %s asks.', rule.rule_label);
        WHEN is_new AND own.asks_for_new THEN
            failed_check := 'new_tool';
            explanation := 'No person has approved this tool yet.';
        WHEN cost_usd > limit_usd THEN
            failed_check := 'cost_per_tool';
            explanation := format(
                'It may cost %s USD, and at most %s USD are approved for one execution by %s.',
                trim_scale(cost_usd), trim_scale(limit_usd),
                CASE
                    WHEN limit_usd < own.per_tool THEN 'rule ' || rule.rule_label
                    WHEN rule.rule_effect = 'allow' AND rule.rule_max_cost_usd > own.per_tool THEN format(
                        'the settings. Rule %s allows %s USD, but the lower maximum applies',
                        rule.rule_label, trim_scale(rule.rule_max_cost_usd))
                    ELSE 'the settings' END);
        WHEN spent_usd + cost_usd > own.per_hour THEN
            failed_check := 'cost_per_hour';
            explanation := format(
                'It may cost %s USD. %s USD of the last hour''s executions and at most %s USD are approved in an hour.',
                trim_scale(cost_usd), trim_scale(spent_usd), trim_scale(own.per_hour));
        WHEN rule.rule_effect = 'allow' THEN
            outcome := 'approved';
            reason := 'rule';
            explanation := format('Rule %s allows it.', rule.rule_label);
        WHEN tool_risk = 'read_only' AND (own.read_only OR own.low_risk) THEN
            outcome := 'approved';
            reason := 'read_only';
            explanation := 'The settings approve tools that only read.';
        WHEN tool_risk = 'low' AND own.low_risk THEN
            outcome := 'approved';
            reason := 'low_risk';
            explanation := 'The settings approve tools of low risk.';
        ELSE
            failed_check := 'risk';
            explanation := 'No rule allows it, and the settings do not approve tools of its risk.';
    END CASE;
    IF explains THEN
        explanation := explanation || approval_misses(owner_id, conversation, tool, arguments, outcome, rule_id);
    END IF;
    RETURN NEXT;
END
$$;

ALTER FUNCTION parley.approval_decide(owner_id uuid, conversation uuid, tool text, arguments jsonb, estimate numeric, explains boolean) OWNER TO parley_owner;

-- function approval_expanded(text, boolean)

CREATE FUNCTION parley.approval_expanded(commands text, is_path boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
BEGIN
    commands := E'\n ' || regexp_replace(commands, ' *\n *', E' \n ', 'g') || E' \n';
    IF NOT is_path THEN
        commands := commands || regexp_replace(
            regexp_replace(commands, ' [^ \n]*/(?=[^ /\n])', ' ', 'g'), '[$`]|\{(?=[^ \n])', '?', 'g');
    END IF;
    commands := regexp_replace(commands, '[?]|\[(?=[^ [\n])|(?<! )\*|\*(?! )', E'\x03', 'g');
    commands := regexp_replace(commands, '[$`]|\{(?=[^ \n])', E'\x03\x02', 'g');
    -- A command begins after what starts one.
    commands := regexp_replace(
        commands,
        '( (?:sudo|doas|env|command|exec|nohup|time|nice|eval|xargs|then|do|else|elif|if|while|until|!|[a-z]*sh)'
        '(?: -[^ \n]+)*)(?= \x03)', E'\\1 \n', 'g');
    RETURN (
        SELECT string_agg(DISTINCT m[1], '')
        FROM regexp_matches(commands, '((?:^|\n)?[^\n\x02\x03]*\x03\x02?)', 'g') AS m);
END
$_$;

ALTER FUNCTION parley.approval_expanded(commands text, is_path boolean) OWNER TO parley_owner;

-- function approval_fold(text, boolean)

CREATE FUNCTION parley.approval_fold(value text, slashes boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
BEGIN
    value := approval_letters(value, 16384);
    IF strpos(value, '$') > 0 THEN
        value := regexp_replace(value, '\$(\{ifs[^}\s]*\}|ifs\M)', ' ', 'g');
        value := regexp_replace(value, '\$(\{home\}|home\M)', '~', 'g');
        -- What the escapes left in $'...' mean is not known.
        value := regexp_replace(value, '\$''[^''\\]*\\[^'']*''', '$', 'g');
        value := regexp_replace(value, '\$(?=[''"])|\$[@*]|\$\{[@*!][^}\s]*\}', '', 'g');
    END IF;
    IF strpos(value, '\') > 0 THEN
        value := regexp_replace(value, '\\\n', '', 'g');
        value := replace(value, '\', CASE WHEN slashes THEN '/' ELSE '' END);
    END IF;
    value := translate(value, '''"', '');
    IF strpos(value, '/') > 0 THEN
        value := regexp_replace(value, '\mfile:(?://[^/\s]*)?/+', '/', 'g');
        value := regexp_replace(value, '(^|[\s=])[a-z]:(?=/)', '\1', 'g');
        value := regexp_replace(value, '/(\.?/)+', '/', 'g');
        value := regexp_replace(value, '(^|[\s=:])(\./)+', '\1', 'g');
        value := regexp_replace(value, '([^/\s])/(\.?)(?=\s|$)', '\1', 'g');
    END IF;
    IF value ~ '  |[^\S ]' THEN
        value := regexp_replace(regexp_replace(value, '[^\S\n]+', ' ', 'g'), ' ?\n ?', E'\n', 'g');
    END IF;
    RETURN btrim(value, E' \n');
END
$_$;

ALTER FUNCTION parley.approval_fold(value text, slashes boolean) OWNER TO parley_owner;

-- function approval_host_reading(jsonb)

CREATE FUNCTION parley.approval_host_reading(arguments jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
DECLARE
    texts text;
    globs text[];
BEGIN
    IF pg_column_size(arguments) > 262144 THEN
        RETURN E'\x04';
    END IF;
    texts := (
        SELECT string_agg(t.value, ' ')
        FROM (
            SELECT t #>> '{}' FROM jsonb_path_query(arguments, 'strict $.** ? (@.type() == "string")') AS t
            UNION ALL
            SELECT m ->> 'key' FROM jsonb_path_query(arguments, 'strict $.** ? (@.type() == "object").keyvalue()') AS m
        ) AS t (value));
    IF texts IS NULL THEN
        RETURN NULL;
    END IF;
    texts := approval_letters(texts, 131072);
    IF texts IS NULL THEN
        RETURN E'\x04';
    END IF;
    texts := translate(texts, E'''"\\', '');
    texts := concat_ws(' ', texts, CASE WHEN texts ~ E'[\t\n\r]' THEN translate(texts, E'\t\n\r', '') END);
    IF translate(texts, '$`*?{[', '') <> texts THEN
        globs := ARRAY(
            SELECT DISTINCT regexp_replace(
                regexp_replace(replace(m[1], '_', '\_'), '\{.*\}|\[.*\]|[$`*{}[\]]+', '%', 'g'), '\?', '_', 'g')
            FROM regexp_matches(
                regexp_replace(texts, '\$\{?[a-z0-9_]+\}?', '$', 'g'), '([^\s/:@<>|;&=#()]+)', 'g') AS m
            WHERE length(m[1]) <= 300 AND m[1] ~ '\.' AND m[1] ~ '[$`*?{[]' AND m[1] ~ '[a-z0-9].*[a-z0-9]'
            LIMIT 1001);
        IF cardinality(globs) > 1000 THEN
            RETURN E'\x04';
        END IF;
    END IF;
    -- One space between names, so that a name is found without a regular expression.
    RETURN ' ' || replace(regexp_replace(texts, '[^a-z0-9.-]+', ' ', 'g'), '.', ' . ') || E' \n' || coalesce(array_to_string(globs, ' '), '');
END
$_$;

ALTER FUNCTION parley.approval_host_reading(arguments jsonb) OWNER TO parley_owner;

-- function approval_inapplicable(uuid, timestamp with time zone, uuid, timestamp with time zone)

CREATE FUNCTION parley.approval_inapplicable(of_conversation uuid, expires_at timestamp with time zone, conversation uuid, at timestamp with time zone) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN of_conversation IS NOT NULL AND of_conversation IS DISTINCT FROM conversation
            THEN 'it is limited to another conversation'
        WHEN expires_at <= at THEN 'it has expired' END
$$;

ALTER FUNCTION parley.approval_inapplicable(of_conversation uuid, expires_at timestamp with time zone, conversation uuid, at timestamp with time zone) OWNER TO parley_owner;

-- function approval_is_path(text)

CREATE FUNCTION parley.approval_is_path(pattern text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT strpos(pattern, '/') > 0 AND strpos(pattern, '://') = 0 AND pattern !~ '\s' $$;

ALTER FUNCTION parley.approval_is_path(pattern text) OWNER TO parley_owner;

-- function approval_is_unreadable(jsonb)

CREATE FUNCTION parley.approval_is_unreadable(value jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT jsonb_typeof(value) IN ('object', 'array') OR char_length(value #>> '{}') > 16384 $$;

ALTER FUNCTION parley.approval_is_unreadable(value jsonb) OWNER TO parley_owner;

-- function approval_label(text, jsonb, text)

CREATE FUNCTION parley.approval_label(tool_name text, arguments jsonb, host text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT format('''%s''', left(concat_ws(' ', tool_name, nullif((
        SELECT string_agg(p.value, ' ' ORDER BY p.key) FROM jsonb_each_text(arguments) AS p), ''), host), 200))
$$;

ALTER FUNCTION parley.approval_label(tool_name text, arguments jsonb, host text) OWNER TO parley_owner;

-- function approval_letters(text, integer)

CREATE FUNCTION parley.approval_letters(value text, most integer) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
DECLARE
    code text;
BEGIN
    IF char_length(value) > most THEN
        RETURN NULL;
    END IF;
    IF value !~ '^[\u0020-\u007e]*$' THEN
        value := regexp_replace(value, '[\u000a-\u000d\u0085\u2028\u2029]', E'\n', 'g');
        value := approval_visible(normalize(value, NFKC));
        value := regexp_replace(value, '[\u00df\u1e9e]', 'ss', 'g');
        IF char_length(value) > most THEN
            RETURN NULL;
        END IF;
    END IF;
    -- Letters of Cyrillic and Greek that look like Latin ones, other slashes, hyphens and full stops.
    value := translate(
        lower(value),
        E'\u0430\u0432\u0435\u0451\u0456\u0457\u0458\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455'
        '\u04bb\u0501\u051b\u051d\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405'
        '\u0406\u0408\u0261\u0251\u0269\u0131\u03b1\u03b3\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0391'
        '\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u2215\u2044\u29f8\u2010'
        '\u2011\u2013\u2014\u2212\u3002',
        'abeeiijkmhopctyxshdqwabekmhopctyxsijgaiiayikvoptuxabezhikmnoptyx///-----.');
    FOR n IN 1 .. 2 LOOP
        EXIT WHEN strpos(value, '%') + strpos(value, '\') = 0;
        value := regexp_replace(value, '%[89a-f][0-9a-f]', '', 'g');
        FOREACH code IN ARRAY ARRAY(
            SELECT DISTINCT m[1] FROM regexp_matches(value, '((?:%|\\x|\\u00)[0-7][0-9a-f]|\\[01][0-7]{2})', 'g') AS m) LOOP
            value := replace(value, code, coalesce(nullif(lower(chr(greatest(
                CASE
                    WHEN code ~ '^\\[0-7]'
                        THEN substr(code, 2, 1)::integer * 64 + substr(code, 3, 1)::integer * 8 + right(code, 1)::integer
                    ELSE ('x' || right(code, 2))::bit(8)::integer END, 1))), E'\x01'), ' '));
        END LOOP;
    END LOOP;
    RETURN value;
END
$_$;

ALTER FUNCTION parley.approval_letters(value text, most integer) OWNER TO parley_owner;

-- function approval_like(text)

CREATE FUNCTION parley.approval_like(pattern text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT regexp_replace(
        regexp_replace(regexp_replace(pattern, '(^|/)\*\*/', '\1**', 'g'), '([\\%_])', '\\\1', 'g'), '\*+', '%', 'g')
$$;

ALTER FUNCTION parley.approval_like(pattern text) OWNER TO parley_owner;

-- function approval_may_match(text, text)

CREATE FUNCTION parley.approval_may_match(reading text, pattern_like text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    expanded text;
    literal text;
BEGIN
    IF reading = E'\x04' OR reading LIKE pattern_like THEN
        RETURN true;
    ELSIF reading LIKE E'\x05%' THEN
        RETURN false;
    END IF;
    expanded := split_part(reading, E'\x05', 1);
    literal := regexp_replace(substring(pattern_like FROM '^% ((?:[^%_\\\n]|\\.)*)'), '\\(.)', '\1', 'g');
    IF literal = '' THEN
        RETURN false;
    ELSIF strpos(expanded, CASE WHEN literal LIKE '/%' THEN E'\n \x03\x02' ELSE E'\n \x03' END) > 0 THEN
        RETURN true;
    END IF;
    FOR n IN 1 .. length(literal) LOOP
        EXIT WHEN strpos(expanded, ' ' || left(literal, n)) = 0;
        IF strpos(expanded, ' ' || left(literal, n) || E'\x03') > 0 THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;

ALTER FUNCTION parley.approval_may_match(reading text, pattern_like text) OWNER TO parley_owner;

-- function approval_mentions(text, text)

CREATE FUNCTION parley.approval_mentions(reading text, host text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT coalesce(
        reading = E'\x04' OR strpos(reading, ' ' || replace(named, '.', ' . ') || ' ') > 0
        OR (reading NOT LIKE E'%\n' AND EXISTS (
            SELECT FROM unnest(string_to_array(split_part(reading, E'\n', 2), ' ')) AS glob WHERE named LIKE glob)), false)
    FROM regexp_replace(lower(host), '^\*\.', '') AS named
$$;

ALTER FUNCTION parley.approval_mentions(reading text, host text) OWNER TO parley_owner;

-- function approval_mismatch(text, boolean, text[], text[], text[], text, text[], text[], jsonb)

CREATE FUNCTION parley.approval_mismatch(effect text, ignore_case boolean, pointers text[], likes text[], regexes text[], host text, keys text[], readings text[], arguments jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE COST 10000 PARALLEL SAFE
    AS $$
DECLARE
    value text;
BEGIN
    FOR n IN 1 .. cardinality(pointers) LOOP
        value := readings[array_position(keys, pointers[n])];
        CONTINUE WHEN effect <> 'allow' AND approval_may_match(value, likes[n]);
        value := CASE WHEN ignore_case THEN lower(value) ELSE value END;
        IF effect <> 'allow' OR value IS NULL OR value NOT LIKE likes[n] OR value !~ regexes[n] THEN
            RETURN coalesce('/' || array_to_string(substr(pointers[n], 2)::text[], '/') || ' '
                || CASE WHEN effect = 'allow' THEN approval_near_miss(pointers[n], arguments, value, likes[n]) END, '');
        END IF;
    END LOOP;
    RETURN CASE
        WHEN host IS NULL THEN NULL
        WHEN effect <> 'allow' THEN CASE
            WHEN NOT approval_mentions(readings[array_position(keys, 'h')], host) THEN '' END
        WHEN approval_are_of(readings[array_position(keys, 'u')], host) THEN NULL
        ELSE coalesce((approval_urls(arguments, host)).mistake, '') END;
END
$$;

ALTER FUNCTION parley.approval_mismatch(effect text, ignore_case boolean, pointers text[], likes text[], regexes text[], host text, keys text[], readings text[], arguments jsonb) OWNER TO parley_owner;

-- function approval_misses(uuid, uuid, text, jsonb, text, uuid)

CREATE FUNCTION parley.approval_misses(owner_id uuid, conversation uuid, tool text, arguments jsonb, outcome text, decisive uuid) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    at timestamptz := clock_timestamp();
    folded_tool text := approval_fold(tool);
    oddity text := approval_oddity(tool);
    hosts text := CASE WHEN pg_column_size(arguments) <= 1024 THEN approval_read('h', arguments) END;
    urls text := CASE WHEN pg_column_size(arguments) <= 1024 THEN approval_read('u', arguments) END;
BEGIN
    RETURN (
        SELECT coalesce(string_agg(format(
            ' Rule %s does not %s: %s.', approval_label(f.tool_name, f.arguments, f.host),
            CASE f.effect WHEN 'ask' THEN 'ask' ELSE f.effect || ' it' END, f.why), '' ORDER BY f.rank), '')
        FROM (
            SELECT r.tool_name, r.arguments, r.host, r.effect, w.why, r.rank
            FROM (
                SELECT
                    r.*, n.why AS inapplicable, d.id AS decisive_id, d.effect AS decisive_effect,
                    d.conversation_id AS decisive_conversation,
                    row_number() OVER (ORDER BY
                        r.conversation_id IS NULL, array_position('{deny,ask,allow}'::text[], r.effect), r.id) AS rank
                FROM auto_approval_rules AS r
                LEFT JOIN auto_approval_rules AS d ON d.user_id = r.user_id AND d.id = decisive
                CROSS JOIN LATERAL (
                    SELECT approval_inapplicable(r.conversation_id, r.expires_at, conversation, at)) AS n (why)
                WHERE r.user_id = owner_id
                    AND r.deleted_at IS NULL
                    AND r.tool_key IN (folded_tool, '*')
                    AND CASE WHEN r.effect = 'allow' THEN tool LIKE r.tool_like ELSE folded_tool LIKE r.tool_like END
                    AND r.effect <> CASE outcome WHEN 'approved' THEN 'allow' WHEN 'cancelled' THEN 'deny' ELSE 'ask' END
                    AND r.id IS DISTINCT FROM decisive
                    -- What applies and is not ALLOW has decided, unless it does not match or another rule came before it.
                    AND (r.effect = 'allow' OR n.why IS NOT NULL OR d.id IS NOT NULL)
                    AND ((r.effect = 'allow' AND r.host IS NULL) OR pg_column_size(approval_misses.arguments) <= 1024)
                ORDER BY rank
                LIMIT 100
            ) AS r
            CROSS JOIN LATERAL (
                SELECT '{h,u}' || r.pointers, ARRAY[hosts, urls] || ARRAY(
                    SELECT approval_read(p.key, approval_misses.arguments)
                    FROM unnest(r.pointers) WITH ORDINALITY AS p (key, n) ORDER BY p.n)
                OFFSET 0
            ) AS a (keys, readings)
            CROSS JOIN LATERAL (
                SELECT coalesce(
                    CASE WHEN r.effect = 'allow' THEN 'the name of the tool ' || oddity END,
                    approval_mismatch(
                        r.effect, r.ignore_case, r.pointers, r.likes, r.regexes, r.host, a.keys, a.readings,
                        approval_misses.arguments),
                    r.inapplicable,
                    CASE
                        WHEN r.decisive_id IS NULL THEN ''
                        WHEN r.conversation_id IS DISTINCT FROM r.decisive_conversation
                            THEN 'rules of the conversation come before rules without one'
                        ELSE format('%s comes before %s', upper(r.decisive_effect), upper(r.effect)) END)
                OFFSET 0
            ) AS w (why)
            WHERE w.why <> '' AND (r.host IS NULL OR approval_mentions(hosts, r.host))
            ORDER BY r.rank
            LIMIT 3
        ) AS f);
END
$$;

ALTER FUNCTION parley.approval_misses(owner_id uuid, conversation uuid, tool text, arguments jsonb, outcome text, decisive uuid) OWNER TO parley_owner;

-- function approval_near_miss(text, jsonb, text, text)

CREATE FUNCTION parley.approval_near_miss(key text, arguments jsonb, value text, pattern_like text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN jsonb_typeof(argument) IN ('object', 'array') THEN 'is an object or a list, which no pattern matches'
        WHEN a IS NULL OR lower(a) NOT LIKE lower(pattern_like) THEN NULL
        WHEN approval_is_unreadable(argument) THEN 'has more than 16384 characters'
        WHEN value IS NULL THEN coalesce(
            approval_oddity(a, key LIKE 'p%') || ', which no pattern matches', 'has a space, and the pattern has none')
        WHEN value LIKE pattern_like THEN 'has more in place of * than it stands for, which is a part of a path or of a word'
        ELSE 'differs in case' END
    FROM (SELECT arguments #> substr(key, 2)::text[]) AS t (argument)
    CROSS JOIN approval_argument(argument) AS a
$$;

ALTER FUNCTION parley.approval_near_miss(key text, arguments jsonb, value text, pattern_like text) OWNER TO parley_owner;

-- function approval_oddity(text, boolean)

CREATE FUNCTION parley.approval_oddity(value text, is_path boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
DECLARE
    bare text := translate(value, '''"', '');
BEGIN
    -- Most texts are as simple as this, and regular expressions are costly.
    IF value ~ '^[A-Za-z0-9 _.,/@+-]*$' AND strpos(value, '..') + strpos(value, '/proc') + strpos(value, '/dev') = 0
        AND NOT (is_path AND strpos(value, ' ') + strpos(value, './') + strpos(value, '//') + strpos(value || '$', '.$') > 0) THEN
        RETURN NULL;
    END IF;
    RETURN CASE
        WHEN value !~ '^[\u0020-\u007e]*$' AND (value IS NOT NFKC NORMALIZED OR value !~ (
            '^[\u0020-\u007e\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u03ff\u0400-\u052f\u1e00-\u1eff\u3041-\u30ff'
            '\u3400-\u9fff\uac00-\ud7a3]*$'))
            THEN 'contains a line end, or a character that is invisible or stands for others'
        WHEN value ~ '[;&|<>`$\\!]' THEN 'contains ' || substring(value FROM '[;&|<>`$\\!]')
        WHEN value ~ '%[0-9A-Fa-f]{2}|%.*%' THEN 'contains an encoded character, a variable or more than one %'
        WHEN bare ~ '\.\./|(^|[^A-Za-z0-9_.-])\.{2,}($|[^A-Za-z0-9_.-])|(^|\s)-\S*\.\.(\s|$)'
            THEN 'contains .. as a directory'
        WHEN bare ~ '(^|[^A-Za-z0-9_.-])/[./]*(proc|dev)(/|$|[^A-Za-z0-9_.-])'
            THEN 'contains a file that the system makes, such as /proc or /dev'
        WHEN is_path AND value ~ '\s' THEN 'has a space, and the pattern has none'
        WHEN is_path AND approval_path(value) ~ '^//|[^/]\.(/|$)'
            THEN 'leads to another machine, or has a name that ends in a dot'
        WHEN is_path AND value !~ '^([A-Za-z]:(?=/))?([^\u0020-\u007e]|[A-Za-z0-9_./=,@+%-]|[A-Za-z0-9]~)*$'
            THEN 'contains a character that a path must not have'
        WHEN is_path THEN NULL
        WHEN bare ~ '(^|[\s=:])=|(^|\s)%' THEN 'contains = or % at the beginning of a word'
        WHEN value !~ (
            '^(https?://[A-Za-z0-9_./:=,@+%?~-]*|'
            '([A-Za-z0-9 _./:=,@+%-]|[A-Za-z0-9]~|''[^''~]*''|"[^"~]*")*)$')
            THEN 'contains a character that a shell may act on outside quotes, or an open quote' END;
END
$_$;

ALTER FUNCTION parley.approval_oddity(value text, is_path boolean) OWNER TO parley_owner;

-- function approval_path(text)

CREATE FUNCTION parley.approval_path(path text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
    SELECT CASE
        WHEN path !~ '^\.|/\.?(/|$)' THEN path
        ELSE regexp_replace(
            regexp_replace(regexp_replace(path, '(?!^)/(\.?/)+|^/(\./)+', '/', 'g'), '(.)/\.?$', '\1'), '^\./(?=[^/]+/)', '') END
$_$;

ALTER FUNCTION parley.approval_path(path text) OWNER TO parley_owner;

-- function approval_read(text, jsonb)

CREATE FUNCTION parley.approval_read(key text, arguments jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    kind text := left(key, 1);
    argument jsonb;
    value text;
BEGIN
    IF key = 'h' THEN
        RETURN approval_host_reading(arguments);
    ELSIF key = 'u' THEN
        RETURN (approval_urls(arguments, '')).hosts;
    END IF;
    argument := arguments #> substr(key, 2)::text[];
    IF approval_is_unreadable(argument) THEN
        RETURN CASE WHEN kind IN ('d', 'e') THEN E'\x04' END;
    END IF;
    value := approval_argument(argument);
    IF kind IN ('d', 'e') THEN
        RETURN approval_readings(value, is_path => kind = 'e');
    ELSIF (kind IN ('p', 'w') AND strpos(value, ' ') > 0) OR approval_oddity(value, is_path => kind = 'p') IS NOT NULL THEN
        RETURN NULL;
    END IF;
    RETURN CASE WHEN kind = 'p' THEN approval_path(value) ELSE value END;
END
$$;

ALTER FUNCTION parley.approval_read(key text, arguments jsonb) OWNER TO parley_owner;

-- function approval_readings(text, boolean)

CREATE FUNCTION parley.approval_readings(value text, is_path boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
DECLARE
    whole text := translate(approval_fold(value), E'\x02\x03\x04\x05', '');
    texts text;
    expanded text;
BEGIN
    IF strpos(value, '\') > 0 THEN
        whole := whole || E'\n' || approval_fold(value, slashes => true);
    END IF;
    IF whole IS NULL OR (is_path AND strpos(whole, '..') + strpos(whole, '/proc/') + strpos(whole, '/dev/') > 0
        AND whole ~ '\.\.(/|\s|$)|/proc/[^\s/]*/|/dev/(fd|std)') THEN
        RETURN E'\x04';
    END IF;
    texts := translate(whole, ';&|()<>', repeat(E'\n', 7));
    IF strpos(whole, '<') + strpos(whole, '>') > 0 THEN
        texts := texts || E'\n' || translate(
            regexp_replace(whole, ' ?[0-9]*[<>][<>&|!]* ?[^\s;&|()<>]* ?', ' ', 'g'), ';&|()', repeat(E'\n', 5));
    END IF;
    IF translate(whole, '$`?*[{', '') <> whole THEN
        expanded := approval_expanded(texts, is_path);
    END IF;
    texts := concat_ws(
        E'\n', CASE WHEN strpos(texts, E'\n') > 0 THEN replace(whole, E'\n', ' ') END, texts,
        CASE WHEN translate(value, E'\\''"`(){}[]=:,@!;&|<>$%', '') <> value OR whole ~ '(^| )-[a-z][a-z/]' THEN regexp_replace(
            approval_fold(translate(value, E'\\;&|<>()`''"$=:,@![]{}', repeat(E'\n', 12) || repeat(' ', 9))),
            '(^| )(-[a-z])(?=[a-z/])', '\1\2 ', 'g') END);
    IF strpos(texts, E'\n') > 0 THEN
        texts := regexp_replace(regexp_replace(texts, ' *\n[ \n]*', E' \n ', 'g'), ' {2,}', ' ', 'g');
    END IF;
    texts := E'\n ' || texts || E' \n';
    IF NOT is_path AND strpos(texts, '/') > 0 THEN
        texts := texts || regexp_replace(texts, ' [^ \n]*/(?=[^ /\n])', ' ', 'g');
    END IF;
    RETURN concat_ws('', expanded, E'\x05', texts);
END
$_$;

ALTER FUNCTION parley.approval_readings(value text, is_path boolean) OWNER TO parley_owner;

-- function approval_regex(text)

CREATE FUNCTION parley.approval_regex(pattern text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
DECLARE
    is_path boolean := approval_is_path(pattern);
    word text;
    in_word text;
    token text;
    regex text := '';
    rest text := pattern;
BEGIN
    IF strpos(pattern, '*') = 0 OR pattern ~ '^\*+$' OR (NOT is_path AND pattern ~ '^[^*]*\*$' AND pattern !~ '/\S*$') THEN
        RETURN NULL;
    END IF;
    FOR word IN SELECT m[1] FROM regexp_matches(pattern, CASE WHEN is_path THEN '(.+)' ELSE '(\s+|\S+)' END, 'g') AS m LOOP
        -- The first word is a command: one that is only known in part must not begin with an assignment.
        in_word := CASE WHEN rest = pattern THEN '[^\s''"=]*' ELSE '[^\s''"]*' END;
        rest := substr(rest, length(word) + 1);
        FOR token IN SELECT m[1] FROM regexp_matches(
            word, CASE WHEN is_path THEN '(^\*\*/|/\*\*/|/\*\*$|\*\*+|\*|/|[^*/]+)' ELSE '(\*\*+|\*|[^*]+)' END, 'g') AS m
        LOOP
            regex := regex || CASE
                WHEN token = '**/' THEN '(?:.*/)?'
                WHEN token = '/**/' THEN '/(?:.*/)?'
                WHEN token = '/**' THEN '/.+'
                WHEN token LIKE '%*%' THEN CASE
                    WHEN is_path THEN CASE WHEN token = '*' THEN '[^/]*' ELSE '.*' END
                    WHEN strpos(word, '://') > 0 THEN CASE
                        WHEN regex !~ '://[^/]*/' THEN '[A-Za-z0-9.-]*'
                        WHEN token = '*' THEN '[^/\s''"?#]*'
                        ELSE '[^\s''"]*' END
                    WHEN strpos(word, '/') > 0 THEN CASE WHEN token = '*' THEN replace(in_word, '[^', '[^/') ELSE in_word END
                    WHEN word || rest <> pattern AND (token <> '*' OR (rest = '' AND word LIKE '%*')) THEN '.*'
                    ELSE in_word END
                ELSE regexp_replace(token, '([].^$+?(){}|\\[])', '\\\1', 'g') END;
        END LOOP;
    END LOOP;
    RETURN '^' || regex || '$';
END
$_$;

ALTER FUNCTION parley.approval_regex(pattern text) OWNER TO parley_owner;

-- function approval_rule_for(uuid, uuid, text, jsonb, numeric)

CREATE FUNCTION parley.approval_rule_for(owner_id uuid, conversation uuid, tool text, arguments jsonb, cost numeric) RETURNS TABLE(rule_id uuid, rule_effect text, rule_max_cost_usd numeric, rule_label text)
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    at timestamptz := clock_timestamp();
    folded_tool text := approval_fold(tool);
    tool_is_plain boolean := approval_oddity(tool) IS NULL;
BEGIN
    RETURN QUERY
    WITH of_tool AS MATERIALIZED (
        SELECT r.*
        FROM auto_approval_rules AS r
        WHERE r.user_id = owner_id
            AND r.deleted_at IS NULL
            AND r.tool_key IN (folded_tool, '*')
            AND CASE WHEN r.effect = 'allow' THEN tool_is_plain AND tool LIKE r.tool_like
                ELSE folded_tool LIKE r.tool_like END
            AND approval_inapplicable(r.conversation_id, r.expires_at, conversation, at) IS NULL
    ),
    argument AS MATERIALIZED (
        SELECT k.key, r.value, r.value = E'\x04' OR r.value NOT LIKE E'\x05%' AS is_uncertain
        FROM (
            SELECT unnest(t.pointers) FROM of_tool AS t
            UNION
            SELECT CASE t.effect WHEN 'allow' THEN 'u' ELSE 'h' END FROM of_tool AS t WHERE t.host IS NOT NULL
        ) AS k (key)
        CROSS JOIN LATERAL (SELECT approval_read(k.key, approval_rule_for.arguments) OFFSET 0) AS r (value)
    ),
    -- Materialized, or the planner would ask approval_mismatch() about each rule of the tool.
    likely AS MATERIALIZED (
        SELECT t.*
        FROM of_tool AS t
        LEFT JOIN argument AS a ON a.key = t.pointers[1]
        WHERE t.pointers = '{}'
            OR a.value LIKE t.likes[1]
            OR CASE WHEN t.effect = 'allow' THEN t.ignore_case AND lower(a.value) LIKE t.likes[1]
                ELSE a.is_uncertain AND approval_may_match(a.value, t.likes[1]) END
    )
    SELECT
        f.id, f.effect, f.max_cost_usd,
        approval_label(f.tool_name, f.arguments, f.host)
            || CASE WHEN f.conversation_id IS NULL THEN ' of the user' ELSE ' of this conversation' END
    FROM (
        SELECT l.*
        FROM likely AS l
        CROSS JOIN (SELECT array_agg(a.key), array_agg(a.value) FROM argument AS a) AS a (keys, readings)
        WHERE approval_mismatch(
            l.effect, l.ignore_case, l.pointers, l.likes, l.regexes, l.host, a.keys, a.readings, NULL) IS NULL
        ORDER BY
            l.conversation_id IS NULL, array_position('{deny,ask,allow}'::text[], l.effect),
            l.effect = 'allow' AND coalesce(l.max_cost_usd < cost, false), l.id
        LIMIT 1
    ) AS f;
END
$$;

ALTER FUNCTION parley.approval_rule_for(owner_id uuid, conversation uuid, tool text, arguments jsonb, cost numeric) OWNER TO parley_owner;

-- function approval_spent(uuid)

CREATE FUNCTION parley.approval_spent(owner_id uuid) RETURNS numeric
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (
        SELECT coalesce(sum(CASE WHEN t.completed_at IS NULL THEN t.reserved_usd
            ELSE coalesce(t.cost_usd, t.reserved_usd) END), 0)
        FROM tool_executions AS t
        WHERE t.user_id = owner_id
            AND t.reserved_usd IS NOT NULL
            AND t.approved_at > clock_timestamp() - interval '60 minutes');
END
$$;

ALTER FUNCTION parley.approval_spent(owner_id uuid) OWNER TO parley_owner;

-- function approval_urls(jsonb, text)

CREATE FUNCTION parley.approval_urls(arguments jsonb, host text, OUT hosts text, OUT mistake text) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
BEGIN
    -- A number may be an IPv4 address.
    IF pg_column_size(arguments) > 262144 OR arguments @? 'strict $.** ? (@.type() == "number" && @ >= 16777216)' THEN
        mistake := 'the arguments have more than 256 KiB, or a number that may be an address';
        RETURN;
    END IF;
    WITH members AS MATERIALIZED (
        SELECT m ->> 'key' AS name, m -> 'value' AS value
        FROM jsonb_path_query(arguments, 'strict $.** ? (@.type() == "object").keyvalue()') AS m
    ), texts AS (
        SELECT t #>> '{}' AS value, false AS must_be
        FROM jsonb_path_query(arguments, 'strict $.** ? (@.type() == "string")') AS t
        UNION ALL
        SELECT name, false FROM members
        UNION ALL
        SELECT e #>> '{}', true
        FROM members, jsonb_path_query(value, '$[*] ? (@.type() != "null" && @.type() != "boolean")') AS e
        WHERE name ~* '(ur[il]|host|proxy|proxies|server|endpoint|domain|origin|href|addr|upstream|webhook|callback|link|target|remote)'
    ), read AS (
        SELECT value, substring(
            value FROM '^https?://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?:/[A-Za-z0-9._~()+,=:@/-]*)?'
            '(?:\?(?:[A-Za-z0-9._~()+,=:@/?-]|&(?=[A-Za-z0-9_.-]+=)|%[2-9A-Fa-f][0-9A-Fa-f])*)?(?:#[A-Za-z0-9._=/-]*)?$') AS named
        FROM texts
        WHERE must_be OR value ~* 'localhost|\m0x|^\s*host:' OR value !~ (
            '^([A-Za-z][A-Za-z0-9_-]*|(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+'
            '|(application|audio|font|image|multipart|text|video)/[a-z0-9.+*-]+'
            '|([A-Za-z0-9,;''"()!?_-]+[.:]? )+([A-Za-z0-9,;''"()!?_-]+[.:]?)?)?$')
    )
    SELECT
        CASE WHEN bool_and(named IS NOT NULL) THEN string_agg(DISTINCT named, ' ') END,
        CASE
            WHEN count(*) = 0 THEN 'the arguments contain no URL'
            WHEN bool_and(named IS NOT NULL) THEN 'the arguments contain a URL of another host'
            ELSE format('%s is no plain URL of %s', to_json(left(min(value) FILTER (WHERE named IS NULL), 100)), lower(host)) END
    INTO hosts, mistake
    FROM read;
END
$_$;

ALTER FUNCTION parley.approval_urls(arguments jsonb, host text, OUT hosts text, OUT mistake text) OWNER TO parley_owner;

-- function approval_visible(text)

CREATE FUNCTION parley.approval_visible(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT regexp_replace(
        value,
        '[\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800'
        '\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]',
        '', 'g')
$$;

ALTER FUNCTION parley.approval_visible(value text) OWNER TO parley_owner;

-- function audit_differs(text[], text)

CREATE FUNCTION parley.audit_differs(columns text[], each text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$
    SELECT '(' || string_agg(
        CASE WHEN each IS NULL THEN format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', c) ELSE
            format(
                'date_trunc(%2$L, OLD.%1$I AT TIME ZONE ''UTC'') IS DISTINCT FROM '
                'date_trunc(%2$L, NEW.%1$I AT TIME ZONE ''UTC'')', c, each) END,
        ' OR ') || ')'
    FROM unnest(columns) AS c
$_$;

ALTER FUNCTION parley.audit_differs(columns text[], each text) OWNER TO parley_owner;

-- function audit_entries_expire(interval, integer)

CREATE FUNCTION parley.audit_entries_expire(after interval, most integer) RETURNS TABLE(expired_user_id uuid, expired integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            too_old timestamptz := clock_timestamp() - greatest(after, '2 years');
            caller jsonb;
        BEGIN
            IF NOT is_background_work() THEN
                RETURN;
            END IF;
            SELECT f.user_id INTO expired_user_id
            FROM audit_entries AS t
            JOIN feeds AS f ON f.user_id = t.user_id
            WHERE (created_at) < too_old
            ORDER BY (created_at)
            LIMIT 1
            FOR UPDATE OF f SKIP LOCKED;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            caller := act_for(expired_user_id);
            DELETE FROM audit_entries AS r
            WHERE r.user_id = expired_user_id AND r.id = ANY (ARRAY(
                SELECT t.id FROM audit_entries AS t
                WHERE t.user_id = expired_user_id AND (created_at) < too_old
                LIMIT most));
            GET DIAGNOSTICS expired = ROW_COUNT;
            PERFORM stamp_again(caller);
            RETURN NEXT;
        END
        $$;

ALTER FUNCTION parley.audit_entries_expire(after interval, most integer) OWNER TO parley_owner;

-- comment FUNCTION audit_entries_expire(after interval, most integer)

COMMENT ON FUNCTION parley.audit_entries_expire(after interval, most integer) IS 'Made by SELECT add_expiry(''audit_entries'', ''created_at'', ''2 years'');';

-- function audit_entries_stay()

CREATE FUNCTION parley.audit_entries_stay() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.created_at < clock_timestamp() - audit_kept() OR account_is_due(OLD.user_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE insufficient_privilege USING MESSAGE = 'entries of the audit cannot be changed or removed';
END
$$;

ALTER FUNCTION parley.audit_entries_stay() OWNER TO parley_owner;

-- function audit_kept()

CREATE FUNCTION parley.audit_kept() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT interval '2 years' $$;

ALTER FUNCTION parley.audit_kept() OWNER TO parley_owner;

-- function audit_subject(text)

CREATE FUNCTION parley.audit_subject(table_name text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE
        WHEN '{entity,entity_id}' <@ columns THEN
            'coalesce(NEW.entity, OLD.entity), coalesce(NEW.entity_id, OLD.entity_id)'
        WHEN '{id}' <@ columns THEN format('%L, coalesce(NEW.id, OLD.id)', table_name)
        ELSE '''users'', coalesce(NEW.user_id, OLD.user_id)' END
    FROM (
        SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = table_name::regclass AND NOT attisdropped
    ) AS t (columns)
$$;

ALTER FUNCTION parley.audit_subject(table_name text) OWNER TO parley_owner;

-- function audit_write(uuid, text, text, uuid, jsonb, inet)

CREATE FUNCTION parley.audit_write(owner_id uuid, action text, entity text, entity_id uuid, changes jsonb, address inet DEFAULT NULL::inet) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT account_is_due(owner_id) THEN
        INSERT INTO audit_entries (user_id, action, entity, entity_id, changes, ip_address)
        VALUES (owner_id, action, entity, entity_id, changes, coalesce(address, (
            SELECT s.ip_address FROM sessions AS s WHERE s.user_id = owner_id AND s.id = actor_session())));
    END IF;
END
$$;

ALTER FUNCTION parley.audit_write(owner_id uuid, action text, entity text, entity_id uuid, changes jsonb, address inet) OWNER TO parley_owner;

-- function auto_approval_rules_audit_approval_rule_changed()

CREATE FUNCTION parley.auto_approval_rules_audit_approval_rule_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'approval_rule_changed', 'auto_approval_rules', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.effect IS DISTINCT FROM NEW.effect
                    THEN jsonb_build_object('effect', jsonb_build_array(OLD.effect, NEW.effect)) ELSE '{}' END ||
                CASE WHEN OLD.max_cost_usd IS DISTINCT FROM NEW.max_cost_usd
                    THEN jsonb_build_object('max_cost_usd', jsonb_build_array(OLD.max_cost_usd, NEW.max_cost_usd)) ELSE '{}' END ||
                CASE WHEN OLD.conversation_id IS DISTINCT FROM NEW.conversation_id
                    THEN jsonb_build_object('conversation_id', jsonb_build_array(OLD.conversation_id, NEW.conversation_id)) ELSE '{}' END ||
                CASE WHEN OLD.expires_at IS DISTINCT FROM NEW.expires_at
                    THEN jsonb_build_object('expires_at', jsonb_build_array(OLD.expires_at, NEW.expires_at)) ELSE '{}' END ||
                CASE WHEN OLD.deleted_at IS DISTINCT FROM NEW.deleted_at
                    THEN jsonb_build_object('deleted_at', jsonb_build_array(OLD.deleted_at, NEW.deleted_at)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.auto_approval_rules_audit_approval_rule_changed() OWNER TO parley_owner;

-- comment FUNCTION auto_approval_rules_audit_approval_rule_changed()

COMMENT ON FUNCTION parley.auto_approval_rules_audit_approval_rule_changed() IS 'Made by SELECT add_audit(''auto_approval_rules'', ''approval_rule_changed'', ''{insert,update}'', of => ''{tool_name,arguments,ignore_case,host,effect,max_cost_usd,conversation_id,expires_at,deleted_at}'', shown => ''{effect,max_cost_usd,conversation_id,expires_at,deleted_at}'', condition => NULL, each => NULL, inserted => NULL);';

-- function auto_approval_rules_compile()

CREATE FUNCTION parley.auto_approval_rules_compile() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
DECLARE
    allows boolean := NEW.effect = 'allow';
    mistake text := approval_arguments_mistake(NEW.arguments);
    -- A rule refuses names that are too long.
    folded_tool text := coalesce(approval_fold(NEW.tool_name), NEW.tool_name);
    pointer text;
    pattern text;
BEGIN
    -- A rule refuses arguments that are too large.
    IF mistake IS NOT NULL AND pg_column_size(NEW.arguments) <= 65536 THEN
        RAISE invalid_parameter_value USING CONSTRAINT = 'auto_approval_rules_arguments_shape',
            TABLE = 'auto_approval_rules', MESSAGE = mistake;
    END IF;
    NEW.tool_key := CASE WHEN strpos(NEW.tool_name, '*') > 0 THEN '*' ELSE folded_tool END;
    NEW.tool_like := approval_like(CASE WHEN allows THEN NEW.tool_name ELSE folded_tool END);
    NEW.pointers := '{}';
    NEW.likes := '{}';
    NEW.regexes := '{}';
    IF mistake IS NOT NULL THEN
        RETURN NEW;
    END IF;
    FOR pointer, pattern IN SELECT * FROM jsonb_each_text(NEW.arguments) LOOP
        NEW.pointers := NEW.pointers || (
            SELECT CASE
                WHEN NOT allows THEN CASE WHEN approval_is_path(pattern) THEN 'e' ELSE 'd' END
                WHEN approval_is_path(pattern) THEN 'p'
                WHEN pattern ~ '\s|^\*+$' THEN 'a'
                ELSE 'w' END
                || coalesce(array_agg(replace(replace(part, '~1', '/'), '~0', '~') ORDER BY position), '{}')::text
            FROM unnest((string_to_array(pointer, '/'))[2:]) WITH ORDINALITY AS p (part, position));
        IF allows THEN
            pattern := CASE WHEN approval_is_path(pattern) THEN approval_path(pattern) ELSE pattern END;
            pattern := CASE WHEN NEW.ignore_case THEN lower(pattern) ELSE pattern END;
            NEW.likes := NEW.likes || approval_like(pattern);
            NEW.regexes := NEW.regexes || approval_regex(pattern);
        ELSE
            pattern := coalesce(approval_fold(pattern), pattern);
            NEW.likes := NEW.likes || ('% ' || approval_like(pattern) || CASE WHEN pattern LIKE '%*' THEN '' ELSE E' \n%' END);
            NEW.regexes := NEW.regexes || NULL::text;
        END IF;
    END LOOP;
    RETURN NEW;
END
$_$;

ALTER FUNCTION parley.auto_approval_rules_compile() OWNER TO parley_owner;

-- function auto_approval_rules_links()

CREATE FUNCTION parley.auto_approval_rules_links() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE
                    WHEN NEW.conversation_id IS NOT NULL AND NOT EXISTS (SELECT FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL) THEN 'auto_approval_rules_conversation_id_exists'
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = 'auto_approval_rules',
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (NEW.user_id, NEW.conversation_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id) THEN
                IF NEW.conversation_id IS NOT NULL AND NEW.conversation_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id) THEN
                    PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'auto_approval_rules_conversation_id_exists', TABLE = 'auto_approval_rules',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
            END IF;
            IF NEW.conversation_id IS NOT NULL AND OLD.deleted_at IS NOT NULL AND current_user <> 'parley_owner' THEN
                PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = 'auto_approval_rules_id_within', TABLE = 'auto_approval_rules', MESSAGE = 'this auto approval rule cannot be changed while its conversation is deleted';
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.auto_approval_rules_links() OWNER TO parley_owner;

-- comment FUNCTION auto_approval_rules_links()

COMMENT ON FUNCTION parley.auto_approval_rules_links() IS 'Made by SELECT keep_links(''auto_approval_rules'', within => ''{conversation_id}'', marked => ''t'', on_insert => ''t'');';

-- function auto_approval_settings_audit_settings_changed()

CREATE FUNCTION parley.auto_approval_settings_audit_settings_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'settings_changed', 'auto_approval_settings', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.read_only_operations IS DISTINCT FROM NEW.read_only_operations
                    THEN jsonb_build_object('read_only_operations', jsonb_build_array(OLD.read_only_operations, NEW.read_only_operations)) ELSE '{}' END ||
                CASE WHEN OLD.low_risk_operations IS DISTINCT FROM NEW.low_risk_operations
                    THEN jsonb_build_object('low_risk_operations', jsonb_build_array(OLD.low_risk_operations, NEW.low_risk_operations)) ELSE '{}' END ||
                CASE WHEN OLD.max_cost_per_tool_usd IS DISTINCT FROM NEW.max_cost_per_tool_usd
                    THEN jsonb_build_object('max_cost_per_tool_usd', jsonb_build_array(OLD.max_cost_per_tool_usd, NEW.max_cost_per_tool_usd)) ELSE '{}' END ||
                CASE WHEN OLD.max_cost_per_hour_usd IS DISTINCT FROM NEW.max_cost_per_hour_usd
                    THEN jsonb_build_object('max_cost_per_hour_usd', jsonb_build_array(OLD.max_cost_per_hour_usd, NEW.max_cost_per_hour_usd)) ELSE '{}' END ||
                CASE WHEN OLD.require_approval_for_new_tools IS DISTINCT FROM NEW.require_approval_for_new_tools
                    THEN jsonb_build_object('require_approval_for_new_tools', jsonb_build_array(OLD.require_approval_for_new_tools, NEW.require_approval_for_new_tools)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.auto_approval_settings_audit_settings_changed() OWNER TO parley_owner;

-- comment FUNCTION auto_approval_settings_audit_settings_changed()

COMMENT ON FUNCTION parley.auto_approval_settings_audit_settings_changed() IS 'Made by SELECT add_audit(''auto_approval_settings'', ''settings_changed'', ''{update}'', of => ''{read_only_operations,low_risk_operations,max_cost_per_tool_usd,max_cost_per_hour_usd,require_approval_for_new_tools}'', shown => NULL, condition => NULL, each => NULL, inserted => NULL);';

-- function canonical_name(text)

CREATE FUNCTION parley.canonical_name(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT lower(btrim(name, E' \t\n\r\f\v')) $$;

ALTER FUNCTION parley.canonical_name(name text) OWNER TO parley_owner;

-- function carried(text, text[])

CREATE FUNCTION parley.carried(subject text, names text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT coalesce(string_agg(format('%L, %s.%I', name, subject, name), ', ' ORDER BY position), '')
    FROM unnest(names) WITH ORDINALITY AS c (name, position)
$$;

ALTER FUNCTION parley.carried(subject text, names text[]) OWNER TO parley_owner;

-- function change_conversation_tags(uuid, uuid[], text)

CREATE FUNCTION parley.change_conversation_tags(joined_id uuid, ids uuid[], how text) RETURNS TABLE(user_id uuid, is_deleted boolean, missing bigint[])
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        #variable_conflict use_column
        DECLARE
            at timestamptz;
        BEGIN
            PERFORM FROM feeds AS f WHERE f.user_id = tenant() FOR UPDATE;
            at := clock_timestamp();
            user_id := tenant();
            is_deleted := (SELECT p.deleted_at IS NOT NULL FROM conversations AS p WHERE p.user_id = tenant() AND p.id = joined_id);
            missing := ARRAY(
                SELECT given.position - 1
                FROM unnest(ids) WITH ORDINALITY AS given (id, position)
                WHERE NOT EXISTS (SELECT FROM tags AS p WHERE p.user_id = tenant() AND p.id = given.id AND p.deleted_at IS NULL)
                ORDER BY given.position);
            RETURN NEXT;
            IF is_deleted IS DISTINCT FROM false OR missing <> '{}' THEN
                RETURN;
            END IF;
            IF how <> 'add' THEN
                PERFORM remove_conversation_tags(ARRAY(
                    SELECT j.id
                    FROM conversation_tags AS j
                    WHERE j.user_id = tenant() AND j.conversation_id = joined_id
                        AND (j.tag_id = ANY (ids)) = (how = 'remove')));
            END IF;
            IF how <> 'remove' THEN
                INSERT INTO conversation_tags (user_id, conversation_id, tag_id, created_at)
                SELECT tenant(), joined_id, given.id, at + (given.position - 1) * interval '1 microsecond'
                FROM unnest(ids) WITH ORDINALITY AS given (id, position)
                WHERE given.position = array_position(ids, given.id) AND NOT EXISTS (
                    SELECT FROM conversation_tags AS j
                    WHERE j.user_id = tenant() AND j.conversation_id = joined_id AND j.tag_id = given.id)
                ORDER BY given.position;
            END IF;
        END
        $$;

ALTER FUNCTION parley.change_conversation_tags(joined_id uuid, ids uuid[], how text) OWNER TO parley_owner;

-- comment FUNCTION change_conversation_tags(joined_id uuid, ids uuid[], how text)

COMMENT ON FUNCTION parley.change_conversation_tags(joined_id uuid, ids uuid[], how text) IS 'Made by SELECT join_function(''conversation_tags'', ''conversation_id'', ''conversations'', ''tag_id'', ''tags'');';

-- function children_of(text)

CREATE FUNCTION parley.children_of(table_name text) RETURNS TABLE(child text, key text, has_id boolean, removed boolean)
    LANGUAGE sql STABLE
    AS $$
    SELECT child.relname, held.attname, EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = child.oid AND attname = 'id'),
        fate.removed
    FROM pg_constraint AS con
    JOIN pg_class AS child ON child.oid = con.conrelid
    CROSS JOIN unnest(con.conkey, con.confkey) AS pair (held, named)
    JOIN pg_attribute AS held ON held.attrelid = con.conrelid AND held.attnum = pair.held
    JOIN pg_attribute AS named ON named.attrelid = con.confrelid AND named.attnum = pair.named AND named.attname = 'id'
    CROSS JOIN LATERAL (
        SELECT held.attnotnull OR held.attname = ANY (within_of(child.relname))
    ) AS fate (removed)
    WHERE con.confrelid = table_name::regclass AND con.contype = 'f' AND con.confdeltype = 'a'
    -- A row may have to lose one link before another.
    ORDER BY fate.removed DESC, child.relname, held.attname
$$;

ALTER FUNCTION parley.children_of(table_name text) OWNER TO parley_owner;

-- function columns_without(text, text)

CREATE FUNCTION parley.columns_without(privilege text, table_name text) RETURNS text[]
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(array_agg(attname::text), '{}')
    FROM pg_attribute
    WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped
        AND NOT has_column_privilege('parley_runtime', attrelid, attnum, privilege)
$$;

ALTER FUNCTION parley.columns_without(privilege text, table_name text) OWNER TO parley_owner;

-- function uuid7()

CREATE FUNCTION parley.uuid7() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    AS $$SELECT pg_catalog.uuidv7()$$;

ALTER FUNCTION parley.uuid7() OWNER TO parley_owner;

-- comment FUNCTION uuid7()

COMMENT ON FUNCTION parley.uuid7() IS 'A new time-ordered id.';

-- table messages

CREATE TABLE parley.messages (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    conversation_id uuid NOT NULL,
    seq integer NOT NULL,
    parent_id uuid,
    role text NOT NULL,
    content text NOT NULL,
    status text DEFAULT 'complete'::text NOT NULL,
    token_count integer,
    model text,
    finish_reason text,
    processing_ms integer,
    relevance_score double precision,
    images jsonb DEFAULT '[]'::jsonb NOT NULL,
    files jsonb DEFAULT '[]'::jsonb NOT NULL,
    provider_metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    request_hash bigint
);

ALTER TABLE ONLY parley.messages FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.messages OWNER TO parley_owner;

-- comment COLUMN messages.request_hash

COMMENT ON COLUMN parley.messages.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- function content_so_far(parley.messages)

CREATE FUNCTION parley.content_so_far(message parley.messages) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN message.status = 'streaming' THEN message.content || message_grown(message.user_id, message.id, 0)
        ELSE message.content
    END
$$;

ALTER FUNCTION parley.content_so_far(message parley.messages) OWNER TO parley_owner;

-- function context_optimization_messages_links()

CREATE FUNCTION parley.context_optimization_messages_links() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE
                    WHEN true AND NOT EXISTS (SELECT FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.message_id AND p.deleted_at IS NULL) THEN 'context_optimization_messages_message_id_exists'
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = 'context_optimization_messages',
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (NEW.user_id, NEW.message_id) IS DISTINCT FROM (OLD.user_id, OLD.message_id) THEN
                IF true AND NEW.message_id IS NOT NULL AND (NEW.user_id, NEW.message_id) IS DISTINCT FROM (OLD.user_id, OLD.message_id) THEN
                    PERFORM FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.message_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'context_optimization_messages_message_id_exists', TABLE = 'context_optimization_messages',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.context_optimization_messages_links() OWNER TO parley_owner;

-- comment FUNCTION context_optimization_messages_links()

COMMENT ON FUNCTION parley.context_optimization_messages_links() IS 'Made by SELECT keep_links(''context_optimization_messages'', within => ''{}'', marked => ''t'', on_insert => ''t'');';

-- function context_optimizations_links()

CREATE FUNCTION parley.context_optimizations_links() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE
                    WHEN true AND NOT EXISTS (SELECT FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL) THEN 'context_optimizations_conversation_id_exists'
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = 'context_optimizations',
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (NEW.user_id, NEW.conversation_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id) THEN
                IF true AND NEW.conversation_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id) THEN
                    PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'context_optimizations_conversation_id_exists', TABLE = 'context_optimizations',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.context_optimizations_links() OWNER TO parley_owner;

-- comment FUNCTION context_optimizations_links()

COMMENT ON FUNCTION parley.context_optimizations_links() IS 'Made by SELECT keep_links(''context_optimizations'', within => ''{}'', marked => ''t'', on_insert => ''t'');';

-- function context_window_of(text, text)

CREATE FUNCTION parley.context_window_of(provider text, model text) RETURNS integer
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN coalesce(
        (SELECT m.context_window
        FROM llm_models AS m
        WHERE m.provider = context_window_of.provider AND m.model_id = context_window_of.model),
        8192);
END
$$;

ALTER FUNCTION parley.context_window_of(provider text, model text) OWNER TO parley_owner;

-- function conversation_tags_links()

CREATE FUNCTION parley.conversation_tags_links() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE
                    WHEN true AND NOT EXISTS (SELECT FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL) THEN 'conversation_tags_conversation_id_exists'
                    WHEN true AND NOT EXISTS (SELECT FROM parley.tags AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.tag_id AND p.deleted_at IS NULL) THEN 'conversation_tags_tag_id_exists'
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = 'conversation_tags',
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (NEW.user_id, NEW.conversation_id, NEW.user_id, NEW.tag_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id, OLD.user_id, OLD.tag_id) THEN
                IF true AND NEW.conversation_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id) THEN
                    PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'conversation_tags_conversation_id_exists', TABLE = 'conversation_tags',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
                IF true AND NEW.tag_id IS NOT NULL AND (NEW.user_id, NEW.tag_id) IS DISTINCT FROM (OLD.user_id, OLD.tag_id) THEN
                    PERFORM FROM parley.tags AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.tag_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'conversation_tags_tag_id_exists', TABLE = 'conversation_tags',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
            END IF;
            IF true AND OLD.deleted_at IS NOT NULL AND current_user <> 'parley_owner' THEN
                PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = 'conversation_tags_id_within', TABLE = 'conversation_tags', MESSAGE = 'this conversation tag cannot be changed while its conversation is deleted';
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.conversation_tags_links() OWNER TO parley_owner;

-- comment FUNCTION conversation_tags_links()

COMMENT ON FUNCTION parley.conversation_tags_links() IS 'Made by SELECT keep_links(''conversation_tags'', within => ''{conversation_id}'', marked => ''t'', on_insert => ''t'');';

-- function conversation_tags_rollup_tag()

CREATE FUNCTION parley.conversation_tags_rollup_tag() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            deltas refcursor;
            delta record;
        BEGIN
            -- A parent that is deleted or restored together with these rows keeps its roll-ups.
            IF current_setting('app.marking', true) = 'conversation_tags.tag_id' THEN
                RETURN NULL;
            ELSIF TG_OP = 'INSERT' THEN
                OPEN deltas FOR
                SELECT d.*
                FROM (
                    SELECT r.user_id, r.parent_id, sum(r.uses) AS uses
                    FROM (
                        SELECT t.user_id, t.tag_id AS parent_id, coalesce(1, 0) AS uses
                        FROM new_rows AS t
                        WHERE t.tag_id IS NOT NULL AND (t.deleted_at IS NULL OR t.deleted_at = (SELECT p.deleted_at FROM tags AS p WHERE p.user_id = t.user_id AND p.id = t.tag_id))
                    ) AS r
                    GROUP BY r.user_id, r.parent_id
                    HAVING sum(r.uses) <> 0
                ) AS d
                ORDER BY d.parent_id;
            ELSIF TG_OP = 'DELETE' THEN
                OPEN deltas FOR
                SELECT d.*
                FROM (
                    SELECT r.user_id, r.parent_id, sum(r.uses) AS uses
                    FROM (
                        SELECT t.user_id, t.tag_id AS parent_id, -coalesce(1, 0) AS uses
                        FROM old_rows AS t
                        WHERE t.tag_id IS NOT NULL AND (t.deleted_at IS NULL OR t.deleted_at = (SELECT p.deleted_at FROM tags AS p WHERE p.user_id = t.user_id AND p.id = t.tag_id))
                    ) AS r
                    GROUP BY r.user_id, r.parent_id
                    HAVING sum(r.uses) <> 0
                ) AS d
                ORDER BY d.parent_id;
            ELSE
                OPEN deltas FOR
                SELECT d.*
                FROM (
                    SELECT r.user_id, r.parent_id, sum(r.uses) AS uses
                    FROM (
                        SELECT t.user_id, t.tag_id AS parent_id, coalesce(1, 0) AS uses
                        FROM new_rows AS t
                        WHERE t.tag_id IS NOT NULL AND (t.deleted_at IS NULL OR t.deleted_at = (SELECT p.deleted_at FROM tags AS p WHERE p.user_id = t.user_id AND p.id = t.tag_id))
                        UNION ALL
                        SELECT t.user_id, t.tag_id AS parent_id, -coalesce(1, 0) AS uses
                        FROM old_rows AS t
                        WHERE t.tag_id IS NOT NULL AND (t.deleted_at IS NULL OR t.deleted_at = (SELECT p.deleted_at FROM tags AS p WHERE p.user_id = t.user_id AND p.id = t.tag_id))
                    ) AS r
                    GROUP BY r.user_id, r.parent_id
                    HAVING sum(r.uses) <> 0
                ) AS d
                ORDER BY d.parent_id;
            END IF;
            LOOP
                FETCH deltas INTO delta;
                EXIT WHEN NOT FOUND;
                UPDATE tags AS p
                SET uses = p.uses + delta.uses
                WHERE p.user_id = delta.user_id AND p.id = delta.parent_id
                    AND (delta.uses <> 0);
                IF NOT FOUND AND delta.user_id IS DISTINCT FROM tenant() THEN
                    RAISE insufficient_privilege USING
                        MESSAGE = format('to change conversation_tags of user %s, set app.user_id to this user', delta.user_id);
                END IF;
            END LOOP;
            CLOSE deltas;
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.conversation_tags_rollup_tag() OWNER TO parley_owner;

-- comment FUNCTION conversation_tags_rollup_tag()

COMMENT ON FUNCTION parley.conversation_tags_rollup_tag() IS 'Made by SELECT rollup_function(''conversation_tags'', ''tag_id'', ''tags'', ''{"uses": {"sum": "1"}}'');';

-- function conversation_tags_touch()

CREATE FUNCTION parley.conversation_tags_touch() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                UPDATE conversations AS p SET id = p.id
                WHERE p.user_id = tenant() AND p.id IN (SELECT conversation_id FROM new_rows);
            ELSIF TG_OP = 'DELETE' THEN
                UPDATE conversations AS p SET id = p.id
                WHERE p.user_id = tenant() AND p.id IN (SELECT conversation_id FROM old_rows);
            ELSE
                UPDATE conversations AS p SET id = p.id
                WHERE p.user_id = tenant() AND p.id IN (SELECT conversation_id FROM new_rows UNION SELECT conversation_id FROM old_rows);
            END IF;
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.conversation_tags_touch() OWNER TO parley_owner;

-- comment FUNCTION conversation_tags_touch()

COMMENT ON FUNCTION parley.conversation_tags_touch() IS 'Made by SELECT add_touch(''conversation_tags'', ''{conversation_id}'', ''{insert,delete}'');';

-- function conversations_audit_settings_changed()

CREATE FUNCTION parley.conversations_audit_settings_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'settings_changed', 'conversations', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.auto_approval_settings IS DISTINCT FROM NEW.auto_approval_settings
                    THEN jsonb_build_object('auto_approval_settings', jsonb_build_array(OLD.auto_approval_settings, NEW.auto_approval_settings)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.conversations_audit_settings_changed() OWNER TO parley_owner;

-- comment FUNCTION conversations_audit_settings_changed()

COMMENT ON FUNCTION parley.conversations_audit_settings_changed() IS 'Made by SELECT add_audit(''conversations'', ''settings_changed'', ''{insert,update}'', of => ''{auto_approval_settings}'', shown => NULL, condition => NULL, each => NULL, inserted => ''NEW.auto_approval_settings <> ''''{}'''''');';

-- function conversations_change()

CREATE FUNCTION parley.conversations_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF OLD.is_archived AND NOT NEW.is_archived THEN
        IF NEW.max_messages = OLD.max_messages
            AND (OLD.is_auto_archived OR NEW.message_count >= NEW.max_messages) THEN
            NEW.max_messages := NULL;
        END IF;
        NEW.is_auto_archived := false;
        NEW.kept_at := clock_timestamp();
    END IF;
    IF OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN
        NEW.kept_at := clock_timestamp();
    END IF;
    IF OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN
        UPDATE messages AS m
        SET status = 'cancelled'
        FROM leases AS l
        WHERE l.user_id = NEW.user_id AND l.kind = 'messages'
            AND m.user_id = l.user_id AND m.id = l.work_id AND m.conversation_id = NEW.id AND m.status = 'streaming';
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.conversations_change() OWNER TO parley_owner;

-- function conversations_enter()

CREATE FUNCTION parley.conversations_enter() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    at timestamptz := clock_timestamp();
    preferred record;
BEGIN
    UPDATE feeds
    SET version = version + 1,
        latest_since = greatest(NEW.active_at, latest_since + interval '1 microsecond'),
        latest_conversation_id = NEW.id
    WHERE user_id = NEW.user_id
    RETURNING version, latest_since INTO NEW.version, NEW.active_since;
    IF NEW.version IS NULL THEN
        PERFORM feed_missing(NEW.user_id);
    END IF;
    INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
    VALUES (NEW.user_id, NEW.version, 'conversations', NEW.id, 'insert', '{}', at);
    NEW.updated_at := at;
    IF NEW.provider IS NULL OR NEW.model IS NULL OR NEW.max_messages IS NULL THEN
        SELECT
            coalesce(c.provider, u.default_provider) AS provider, c.provider AS configured, c.default_model AS its_model,
            u.default_model, s.max_messages_per_conversation
        INTO preferred
        FROM users AS u
        JOIN user_settings AS s ON s.user_id = u.user_id
        LEFT JOIN provider_configs AS c
            ON c.user_id = u.user_id AND c.is_default AND c.deleted_at IS NULL
                AND (NEW.provider IS NULL OR NEW.model IS NULL)
        WHERE u.user_id = NEW.user_id;
        NEW.provider := coalesce(NEW.provider, preferred.provider, 'openai');
        -- The model of the configuration is of its provider alone.
        NEW.model := coalesce(
            NEW.model, CASE WHEN NEW.provider = preferred.configured THEN preferred.its_model END,
            preferred.default_model, 'gpt-4o-mini');
        NEW.max_messages := coalesce(NEW.max_messages, preferred.max_messages_per_conversation);
    END IF;
    IF NEW.context_window IS NULL THEN
        NEW.context_window := context_window_of(NEW.provider, NEW.model);
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.conversations_enter() OWNER TO parley_owner;

-- function conversations_fit_window()

CREATE FUNCTION parley.conversations_fit_window() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    NEW.context_window := coalesce(NEW.context_window, context_window_of(NEW.provider, NEW.model));
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.conversations_fit_window() OWNER TO parley_owner;

-- function conversations_guard_approval()

CREATE FUNCTION parley.conversations_guard_approval() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    settings jsonb := '{}';
    metadata jsonb := '{}';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        settings := OLD.auto_approval_settings;
        metadata := OLD.metadata;
    END IF;
    IF NEW.auto_approval_settings IS DISTINCT FROM settings THEN
        RAISE invalid_parameter_value USING
            CONSTRAINT = 'conversations_auto_approval_settings_person', TABLE = 'conversations',
            MESSAGE = 'only a person can change what is approved automatically';
    ELSIF about_approval(NEW.metadata) IS DISTINCT FROM about_approval(metadata) THEN
        RAISE invalid_parameter_value USING CONSTRAINT = 'conversations_metadata_person', TABLE = 'conversations',
            MESSAGE = 'only a person can change metadata whose name begins with approval';
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.conversations_guard_approval() OWNER TO parley_owner;

-- function conversations_leave()

CREATE FUNCTION parley.conversations_leave() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF EXISTS (SELECT FROM messages AS m WHERE m.user_id = OLD.user_id AND m.conversation_id = OLD.id)
        -- The same statement may have given the key to another row.
        AND NOT EXISTS (SELECT FROM conversations AS c WHERE c.user_id = OLD.user_id AND c.id = OLD.id) THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_conversation_id_exists', TABLE = 'messages',
            MESSAGE = 'the conversation still has messages';
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.conversations_leave() OWNER TO parley_owner;

-- function conversations_override()

CREATE FUNCTION parley.conversations_override() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
DECLARE
    switches CONSTANT text[] := '{readOnlyOperations,lowRiskOperations,requireApprovalForNewTools}';
    amounts CONSTANT text[] := '{maxCostPerToolUsd,maxCostPerHourUsd}';
    name text;
    value jsonb;
    mistake text;
BEGIN
    -- A rule refuses it.
    IF jsonb_typeof(NEW.auto_approval_settings) <> 'object' THEN
        RETURN NEW;
    END IF;
    NEW.approval_overrides := '{}';
    FOR name, value IN SELECT * FROM jsonb_each(NEW.auto_approval_settings) LOOP
        IF name = ANY (switches) THEN
            mistake := CASE WHEN jsonb_typeof(value) <> 'boolean' THEN format('the setting %s is true or false', name) END;
        ELSIF name = ANY (amounts) THEN
            value := CASE
                WHEN jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^[0-9]{1,7}(\.[0-9]{1,6})?$'
                    THEN to_jsonb((value #>> '{}')::numeric)
                ELSE value END;
            mistake := CASE WHEN jsonb_typeof(value) <> 'number' OR value::numeric NOT BETWEEN 0 AND 1000000
                THEN format('the setting %s is an amount of US dollars from 0 to 1000000', name) END;
        ELSE
            mistake := format(
                'there is no setting %s: the settings are %s', to_json(left(name, 100)),
                array_to_string(switches || amounts, ', '));
        END IF;
        IF mistake IS NOT NULL THEN
            RAISE invalid_parameter_value USING CONSTRAINT = 'conversations_auto_approval_settings_known',
                TABLE = 'conversations', MESSAGE = mistake;
        END IF;
        NEW.approval_overrides := NEW.approval_overrides || jsonb_build_object(name, value);
    END LOOP;
    RETURN NEW;
END
$_$;

ALTER FUNCTION parley.conversations_override() OWNER TO parley_owner;

-- function conversations_rules()

CREATE FUNCTION parley.conversations_rules() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            IF (true
                AND (new.context_window > 0)
                AND ((char_length(new.model) >= 1) AND (char_length(new.model) <= 100))
                AND ((char_length(new.provider) >= 1) AND (char_length(new.provider) <= 50))) IS NOT FALSE THEN
                IF true
                    AND NEW.auto_approval_settings = '{}'::jsonb
                    AND NEW.client_session IS NULL
                    AND NEW.folder IS NULL
                    AND NEW.max_messages IS NULL
                    AND NEW.max_tokens IS NULL
                    AND NEW.metadata = '{}'::jsonb
                    AND NEW.system_prompt IS NULL
                    AND NEW.temperature = 0.7
                    AND NEW.title IS NULL THEN
                    RETURN NEW;
                END IF;
                IF (true
                    AND ((jsonb_typeof(new.auto_approval_settings) = 'object'::text) AND (pg_column_size(new.auto_approval_settings) <= 65536))
                    AND (char_length(new.client_session) <= 255)
                    AND ((char_length(new.folder) >= 1) AND (char_length(new.folder) <= 255))
                    AND (new.max_messages > 0)
                    AND (new.max_tokens > 0)
                    AND ((jsonb_typeof(new.metadata) = 'object'::text) AND (pg_column_size(new.metadata) <= 65536))
                    AND (char_length(new.system_prompt) <= 100000)
                    AND ((new.temperature >= (0)::double precision) AND (new.temperature <= (2)::double precision))
                    AND (char_length(new.title) <= 500)) IS NOT FALSE THEN
                    RETURN NEW;
                END IF;
            END IF;
            RAISE check_violation USING TABLE = 'conversations', MESSAGE = 'a value is not allowed', CONSTRAINT = CASE
            WHEN NOT ((jsonb_typeof(new.auto_approval_settings) = 'object'::text) AND (pg_column_size(new.auto_approval_settings) <= 65536)) THEN 'conversations_auto_approval_settings_size'
            WHEN NOT (char_length(new.client_session) <= 255) THEN 'conversations_client_session_length'
            WHEN NOT (new.context_window > 0) THEN 'conversations_context_window_range'
            WHEN NOT ((char_length(new.folder) >= 1) AND (char_length(new.folder) <= 255)) THEN 'conversations_folder_length'
            WHEN NOT (new.max_messages > 0) THEN 'conversations_max_messages_range'
            WHEN NOT (new.max_tokens > 0) THEN 'conversations_max_tokens_range'
            WHEN NOT ((jsonb_typeof(new.metadata) = 'object'::text) AND (pg_column_size(new.metadata) <= 65536)) THEN 'conversations_metadata_size'
            WHEN NOT ((char_length(new.model) >= 1) AND (char_length(new.model) <= 100)) THEN 'conversations_model_length'
            WHEN NOT ((char_length(new.provider) >= 1) AND (char_length(new.provider) <= 50)) THEN 'conversations_provider_length'
            WHEN NOT (char_length(new.system_prompt) <= 100000) THEN 'conversations_system_prompt_length'
            WHEN NOT ((new.temperature >= (0)::double precision) AND (new.temperature <= (2)::double precision)) THEN 'conversations_temperature_range'
            WHEN NOT (char_length(new.title) <= 500) THEN 'conversations_title_length'
            END;
        END
        $$;

ALTER FUNCTION parley.conversations_rules() OWNER TO parley_owner;

-- comment FUNCTION conversations_rules()

COMMENT ON FUNCTION parley.conversations_rules() IS 'Made by SELECT rules_at_once(''conversations'', spare_others => ''t'');';

-- function data_key_keep(text, bytea)

CREATE FUNCTION parley.data_key_keep(wrapped_by text, new_wrapped bytea) RETURNS TABLE(key_id text, wrapped bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF tenant() IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO key_encryption_keys (id) VALUES (wrapped_by) ON CONFLICT DO NOTHING;
    -- Waits for a command that drops the key, and makes it wait for this transaction.
    PERFORM FROM key_encryption_keys AS e WHERE e.id = wrapped_by AND e.dropped_at IS NULL FOR SHARE;
    IF FOUND THEN
        INSERT INTO data_keys (user_id, key_id, wrapped) VALUES (tenant(), wrapped_by, new_wrapped) ON CONFLICT DO NOTHING;
    END IF;
    RETURN QUERY SELECT k.key_id, k.wrapped FROM data_keys AS k WHERE k.user_id = tenant();
END
$$;

ALTER FUNCTION parley.data_key_keep(wrapped_by text, new_wrapped bytea) OWNER TO parley_owner;

-- function data_key_of()

CREATE FUNCTION parley.data_key_of() RETURNS TABLE(key_id text, wrapped bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY SELECT k.key_id, k.wrapped FROM data_keys AS k WHERE k.user_id = tenant();
END
$$;

ALTER FUNCTION parley.data_key_of() OWNER TO parley_owner;

-- function data_keys_rewrap(uuid[], bytea[], text, bytea[])

CREATE FUNCTION parley.data_keys_rewrap(user_ids uuid[], old_wrapped bytea[], newest text, new_wrapped bytea[]) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
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

ALTER FUNCTION parley.data_keys_rewrap(user_ids uuid[], old_wrapped bytea[], newest text, new_wrapped bytea[]) OWNER TO parley_owner;

-- function delete_for_good(text)

CREATE FUNCTION parley.delete_for_good(table_name text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('DROP TRIGGER IF EXISTS purged ON %I', table_name);
    EXECUTE format('DROP INDEX IF EXISTS %I', table_name || '_trash');
    EXECUTE format('DROP POLICY IF EXISTS finding ON %I', table_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER deleted_for_good BEFORE UPDATE OF deleted_at ON %I FOR EACH ROW '
        'WHEN (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL) EXECUTE FUNCTION refuse_restored()', table_name);
END
$$;

ALTER FUNCTION parley.delete_for_good(table_name text) OWNER TO parley_owner;

-- function end_abandoned_work()

CREATE FUNCTION parley.end_abandoned_work() RETURNS TABLE(ended_user_id uuid, ended_kind text, ended_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    caller jsonb;
    at timestamptz := clock_timestamp();
    lease leases;
    most_attempts CONSTANT integer := 3;
    named text;
    reason text;
BEGIN
    SELECT f.user_id INTO ended_user_id
    FROM leases AS l
    JOIN feeds AS f ON f.user_id = l.user_id
    WHERE l.until < at
    ORDER BY l.until
    LIMIT 1
    FOR UPDATE OF f SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    caller := act_for(ended_user_id);
    FOR lease IN
        SELECT l.* FROM leases AS l
        WHERE l.user_id = ended_user_id AND l.until < at
        ORDER BY l.work_id, l.kind
        LIMIT 100
    LOOP
        -- Waits for an append in progress. If it renews the lease, the message goes on.
        PERFORM FROM messages AS m WHERE m.user_id = ended_user_id AND m.id = lease.work_id FOR NO KEY UPDATE;
        PERFORM FROM message_growths AS g
        WHERE g.user_id = ended_user_id AND g.message_id = lease.work_id
        FOR UPDATE;
        BEGIN
            DELETE FROM leases AS l
            WHERE l.user_id = ended_user_id AND l.work_id = lease.work_id AND l.kind = lease.kind AND l.until < at;
            CONTINUE WHEN NOT FOUND;
            ended_kind := lease.kind;
            ended_id := lease.work_id;
            IF ended_kind = 'messages' THEN
                UPDATE messages AS m SET status = 'failed', finish_reason = 'lease_expired'
                WHERE m.user_id = ended_user_id AND m.id = ended_id AND m.status = 'streaming';
            ELSIF ended_kind = 'tool_approvals' THEN
                UPDATE tool_executions AS t SET status = 'cancelled', status_reason = 'Nobody approved it in time.'
                WHERE t.user_id = ended_user_id AND t.id = ended_id AND t.status = 'pending';
            ELSE
                SELECT t.worker INTO named FROM tool_executions AS t WHERE t.user_id = ended_user_id AND t.id = ended_id;
                reason := format(
                    'The worker%s did not renew this execution within %s seconds%s.', ' ' || named,
                    trim_scale(extract(epoch FROM lease.length)),
                    CASE WHEN named IS NOT NULL THEN format(' (attempt %s of %s)', lease.attempt, most_attempts) END);
                IF named IS NOT NULL AND lease.attempt < most_attempts THEN
                    UPDATE tool_executions AS t SET status = 'approved', status_reason = reason
                    WHERE t.user_id = ended_user_id AND t.id = ended_id AND t.status = 'executing';
                ELSE
                    UPDATE tool_executions AS t SET status = 'failed', error_message = reason, status_reason = reason
                    WHERE t.user_id = ended_user_id AND t.id = ended_id AND t.status = 'executing';
                END IF;
            END IF;
            RETURN NEXT;
        EXCEPTION WHEN integrity_constraint_violation THEN
            -- The row breaks a rule that was added later. It must not block other abandoned work.
            RAISE WARNING 'cannot end abandoned work: % %: %', lease.kind, lease.work_id, SQLERRM;
            UPDATE leases AS l SET until = at + l.length
            WHERE l.user_id = ended_user_id AND l.work_id = lease.work_id AND l.kind = lease.kind;
        END;
    END LOOP;
    PERFORM stamp_again(caller);
END
$$;

ALTER FUNCTION parley.end_abandoned_work() OWNER TO parley_owner;

-- function exports_expire(interval, integer)

CREATE FUNCTION parley.exports_expire(keep interval, most integer) RETURNS TABLE(expired_parts integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    export record;
BEGIN
    IF NOT is_background_work() THEN
        RETURN;
    END IF;
    -- The feed's lock keeps the job from being queued again meanwhile.
    SELECT j.user_id, j.id INTO export
    FROM export_parts AS p
    JOIN jobs AS j ON j.user_id = p.user_id AND j.id = p.job_id
    JOIN feeds AS f ON f.user_id = j.user_id
    WHERE p.position = 0 AND j.finished_at IS NOT NULL
        AND (j.status <> 'done' OR j.finished_at < clock_timestamp() - greatest(keep, '7 days'))
    ORDER BY j.finished_at
    LIMIT 1
    FOR UPDATE OF f SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM export_parts AS p
    WHERE p.user_id = export.user_id AND p.job_id = export.id AND p.position = ANY (ARRAY(
        SELECT o.position FROM export_parts AS o
        WHERE o.user_id = export.user_id AND o.job_id = export.id
        ORDER BY o.position DESC
        LIMIT most));
    GET DIAGNOSTICS expired_parts = ROW_COUNT;
    RETURN NEXT;
END
$$;

ALTER FUNCTION parley.exports_expire(keep interval, most integer) OWNER TO parley_owner;

-- function feed_agent_tokens()

CREATE FUNCTION parley.feed_agent_tokens() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'agent_tokens', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'agent_tokens', NEW.id, lower(TG_OP), jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_agent_tokens() OWNER TO parley_owner;

-- comment FUNCTION feed_agent_tokens()

COMMENT ON FUNCTION parley.feed_agent_tokens() IS 'Made by SELECT feed_function(''agent_tokens'', ''{}'');';

-- function feed_audit_entries()

CREATE FUNCTION parley.feed_audit_entries() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'audit_entries', OLD.id, 'purge', jsonb_build_object('action', OLD.action), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'audit_entries', NEW.id, lower(TG_OP), jsonb_build_object('action', NEW.action), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_audit_entries() OWNER TO parley_owner;

-- comment FUNCTION feed_audit_entries()

COMMENT ON FUNCTION parley.feed_audit_entries() IS 'Made by SELECT feed_function(''audit_entries'', ''{action}'');';

-- function feed_auto_approval_rules()

CREATE FUNCTION parley.feed_auto_approval_rules() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'auto_approval_rules', OLD.id, 'purge', jsonb_build_object('conversation_id', OLD.conversation_id), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'auto_approval_rules', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object('conversation_id', NEW.conversation_id), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.conversation_id IS DISTINCT FROM NEW.conversation_id)
                    THEN jsonb_build_object('conversation_id', OLD.conversation_id) END);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_auto_approval_rules() OWNER TO parley_owner;

-- comment FUNCTION feed_auto_approval_rules()

COMMENT ON FUNCTION parley.feed_auto_approval_rules() IS 'Made by SELECT feed_function(''auto_approval_rules'', ''{conversation_id}'');';

-- function feed_auto_approval_settings()

CREATE FUNCTION parley.feed_auto_approval_settings() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'auto_approval_settings', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'auto_approval_settings', NEW.id, lower(TG_OP), jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_auto_approval_settings() OWNER TO parley_owner;

-- comment FUNCTION feed_auto_approval_settings()

COMMENT ON FUNCTION parley.feed_auto_approval_settings() IS 'Made by SELECT feed_function(''auto_approval_settings'', ''{}'');';

-- function feed_context_optimization_messages()

CREATE FUNCTION parley.feed_context_optimization_messages() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'context_optimization_messages', OLD.id, 'purge', jsonb_build_object('context_optimization_id', OLD.context_optimization_id, 'message_id', OLD.message_id), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'context_optimization_messages', NEW.id, lower(TG_OP), jsonb_build_object('context_optimization_id', NEW.context_optimization_id, 'message_id', NEW.message_id), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.context_optimization_id IS DISTINCT FROM NEW.context_optimization_id OR OLD.message_id IS DISTINCT FROM NEW.message_id)
                    THEN jsonb_build_object('context_optimization_id', OLD.context_optimization_id, 'message_id', OLD.message_id) END);
            NEW.version := next_version;
            
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_context_optimization_messages() OWNER TO parley_owner;

-- comment FUNCTION feed_context_optimization_messages()

COMMENT ON FUNCTION parley.feed_context_optimization_messages() IS 'Made by SELECT feed_function(''context_optimization_messages'', ''{context_optimization_id,message_id}'');';

-- function feed_context_optimizations()

CREATE FUNCTION parley.feed_context_optimizations() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'context_optimizations', OLD.id, 'purge', jsonb_build_object('conversation_id', OLD.conversation_id), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'context_optimizations', NEW.id, lower(TG_OP), jsonb_build_object('conversation_id', NEW.conversation_id), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.conversation_id IS DISTINCT FROM NEW.conversation_id)
                    THEN jsonb_build_object('conversation_id', OLD.conversation_id) END);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_context_optimizations() OWNER TO parley_owner;

-- comment FUNCTION feed_context_optimizations()

COMMENT ON FUNCTION parley.feed_context_optimizations() IS 'Made by SELECT feed_function(''context_optimizations'', ''{conversation_id}'');';

-- function feed_conversation_tags()

CREATE FUNCTION parley.feed_conversation_tags() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'conversation_tags', OLD.id, 'purge', jsonb_build_object('conversation_id', OLD.conversation_id, 'tag_id', OLD.tag_id), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'conversation_tags', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object('conversation_id', NEW.conversation_id, 'tag_id', NEW.tag_id), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.conversation_id IS DISTINCT FROM NEW.conversation_id OR OLD.tag_id IS DISTINCT FROM NEW.tag_id)
                    THEN jsonb_build_object('conversation_id', OLD.conversation_id, 'tag_id', OLD.tag_id) END);
            NEW.version := next_version;
            
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_conversation_tags() OWNER TO parley_owner;

-- comment FUNCTION feed_conversation_tags()

COMMENT ON FUNCTION parley.feed_conversation_tags() IS 'Made by SELECT feed_function(''conversation_tags'', ''{conversation_id,tag_id}'');';

-- function feed_conversations()

CREATE FUNCTION parley.feed_conversations() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'conversations', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'conversations', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_conversations() OWNER TO parley_owner;

-- comment FUNCTION feed_conversations()

COMMENT ON FUNCTION parley.feed_conversations() IS 'Made by SELECT feed_function(''conversations'', ''{}'');';

-- function feed_function(text, text[])

CREATE FUNCTION parley.feed_function(table_name text, carry text[]) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    has_deleted_at boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = 'deleted_at');
    has_updated_at boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = 'updated_at');
    ids text[] := ARRAY(
        SELECT name
        FROM unnest(carry) WITH ORDINALITY AS c (name, position)
        JOIN pg_attribute ON attrelid = table_name::regclass AND attname = name AND atttypid = 'uuid'::regtype
        ORDER BY position);
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, %2$L, OLD.id, 'purge', jsonb_build_object(%3$s), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at%7$s)
            VALUES (NEW.user_id, next_version, %2$L, NEW.id, %5$s, jsonb_build_object(%4$s), at%8$s);
            NEW.version := next_version;
            %6$s
            RETURN NEW;
        END
        $body$
        $function$,
        'feed_' || table_name,
        table_name,
        carried('OLD', carry),
        carried('NEW', carry),
        CASE WHEN has_deleted_at THEN $op$CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END$op$
            ELSE 'lower(TG_OP)' END,
        CASE WHEN has_updated_at THEN 'NEW.updated_at := at;' END,
        CASE WHEN ids <> '{}' THEN ', old_data' END,
        CASE WHEN ids <> '{}' THEN format(
            $old$,
                CASE WHEN TG_OP = 'UPDATE' AND (%s)
                    THEN jsonb_build_object(%s) END$old$,
            (SELECT string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', id), ' OR ') FROM unnest(ids) AS id),
            carried('OLD', ids)) END);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', 'feed_' || table_name,
        format('Made by SELECT feed_function(%L, %L);', table_name, carry));
END
$_$;

ALTER FUNCTION parley.feed_function(table_name text, carry text[]) OWNER TO parley_owner;

-- function feed_jobs()

CREATE FUNCTION parley.feed_jobs() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'jobs', OLD.id, 'purge', jsonb_build_object('kind', OLD.kind, 'status', OLD.status), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'jobs', NEW.id, lower(TG_OP), jsonb_build_object('kind', NEW.kind, 'status', NEW.status), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_jobs() OWNER TO parley_owner;

-- comment FUNCTION feed_jobs()

COMMENT ON FUNCTION parley.feed_jobs() IS 'Made by SELECT feed_function(''jobs'', ''{kind,status}'');';

-- function feed_known_tools()

CREATE FUNCTION parley.feed_known_tools() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'known_tools', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'known_tools', NEW.id, lower(TG_OP), jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_known_tools() OWNER TO parley_owner;

-- comment FUNCTION feed_known_tools()

COMMENT ON FUNCTION parley.feed_known_tools() IS 'Made by SELECT feed_function(''known_tools'', ''{}'');';

-- function feed_lock()

CREATE FUNCTION parley.feed_lock() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    PERFORM FROM feeds WHERE user_id = tenant() FOR UPDATE;
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.feed_lock() OWNER TO parley_owner;

-- function feed_message_feedback()

CREATE FUNCTION parley.feed_message_feedback() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'message_feedback', OLD.id, 'purge', jsonb_build_object('conversation_id', OLD.conversation_id, 'message_id', OLD.message_id), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'message_feedback', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object('conversation_id', NEW.conversation_id, 'message_id', NEW.message_id), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.conversation_id IS DISTINCT FROM NEW.conversation_id OR OLD.message_id IS DISTINCT FROM NEW.message_id)
                    THEN jsonb_build_object('conversation_id', OLD.conversation_id, 'message_id', OLD.message_id) END);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_message_feedback() OWNER TO parley_owner;

-- comment FUNCTION feed_message_feedback()

COMMENT ON FUNCTION parley.feed_message_feedback() IS 'Made by SELECT feed_function(''message_feedback'', ''{conversation_id,message_id}'');';

-- function feed_message_reactions()

CREATE FUNCTION parley.feed_message_reactions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'message_reactions', OLD.id, 'purge', jsonb_build_object('conversation_id', OLD.conversation_id, 'message_id', OLD.message_id), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'message_reactions', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object('conversation_id', NEW.conversation_id, 'message_id', NEW.message_id), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.conversation_id IS DISTINCT FROM NEW.conversation_id OR OLD.message_id IS DISTINCT FROM NEW.message_id)
                    THEN jsonb_build_object('conversation_id', OLD.conversation_id, 'message_id', OLD.message_id) END);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_message_reactions() OWNER TO parley_owner;

-- comment FUNCTION feed_message_reactions()

COMMENT ON FUNCTION parley.feed_message_reactions() IS 'Made by SELECT feed_function(''message_reactions'', ''{conversation_id,message_id}'');';

-- function feed_messages()

CREATE FUNCTION parley.feed_messages() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'messages', OLD.id, 'purge', jsonb_build_object('conversation_id', OLD.conversation_id), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'messages', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object('conversation_id', NEW.conversation_id), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.conversation_id IS DISTINCT FROM NEW.conversation_id)
                    THEN jsonb_build_object('conversation_id', OLD.conversation_id) END);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_messages() OWNER TO parley_owner;

-- comment FUNCTION feed_messages()

COMMENT ON FUNCTION parley.feed_messages() IS 'Made by SELECT feed_function(''messages'', ''{conversation_id}'');';

-- function feed_missing(uuid)

CREATE FUNCTION parley.feed_missing(owner_id uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = format('user %s has no feed', owner_id);
END
$$;

ALTER FUNCTION parley.feed_missing(owner_id uuid) OWNER TO parley_owner;

-- function feed_plan_subscriptions()

CREATE FUNCTION parley.feed_plan_subscriptions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'plan_subscriptions', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'plan_subscriptions', NEW.id, lower(TG_OP), jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_plan_subscriptions() OWNER TO parley_owner;

-- comment FUNCTION feed_plan_subscriptions()

COMMENT ON FUNCTION parley.feed_plan_subscriptions() IS 'Made by SELECT feed_function(''plan_subscriptions'', ''{}'');';

-- function feed_provider_configs()

CREATE FUNCTION parley.feed_provider_configs() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'provider_configs', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'provider_configs', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_provider_configs() OWNER TO parley_owner;

-- comment FUNCTION feed_provider_configs()

COMMENT ON FUNCTION parley.feed_provider_configs() IS 'Made by SELECT feed_function(''provider_configs'', ''{}'');';

-- function feed_provider_keys()

CREATE FUNCTION parley.feed_provider_keys() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'provider_keys', OLD.id, 'purge', jsonb_build_object('provider_config_id', OLD.provider_config_id), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'provider_keys', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object('provider_config_id', NEW.provider_config_id), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.provider_config_id IS DISTINCT FROM NEW.provider_config_id)
                    THEN jsonb_build_object('provider_config_id', OLD.provider_config_id) END);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_provider_keys() OWNER TO parley_owner;

-- comment FUNCTION feed_provider_keys()

COMMENT ON FUNCTION parley.feed_provider_keys() IS 'Made by SELECT feed_function(''provider_keys'', ''{provider_config_id}'');';

-- function feed_prune(interval, integer)

CREATE FUNCTION parley.feed_prune(keep interval, most integer) RETURNS TABLE(pruned_user_id uuid, pruned_changes integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    SET lock_timeout TO '500ms'
    AS $$
DECLARE
    too_old timestamptz := clock_timestamp() - greatest(keep, '1 day');
    until bigint;
    remaining_at timestamptz;
BEGIN
    IF NOT is_background_work() THEN
        RETURN;
    END IF;
    SELECT f.user_id, f.pruned INTO pruned_user_id, until
    FROM feed_ages AS a
    JOIN feeds AS f ON f.user_id = a.user_id
    WHERE a.oldest_at < too_old
    ORDER BY a.oldest_at
    LIMIT 1
    FOR UPDATE OF f SKIP LOCKED;
    IF NOT FOUND THEN
        BEGIN
            SELECT f.user_id, f.pruned INTO pruned_user_id, until
            FROM feed_ages AS a
            JOIN feeds AS f ON f.user_id = a.user_id
            WHERE a.oldest_at < too_old
            ORDER BY a.oldest_at
            LIMIT 1
            FOR UPDATE OF f;
        EXCEPTION WHEN lock_not_available THEN
            RETURN;
        END;
        IF pruned_user_id IS NULL THEN
            RETURN;
        END IF;
    END IF;
    -- Starts after the last version removed: before it, the index is full of entries that are not vacuumed yet.
    SELECT coalesce(min(c.version) FILTER (WHERE c.at >= too_old) - 1, max(c.version), until), count(*)
    INTO until, pruned_changes
    FROM (
        SELECT version, at FROM changes
        WHERE user_id = pruned_user_id AND version > until
        ORDER BY version
        LIMIT most
    ) AS c;
    DELETE FROM changes WHERE user_id = pruned_user_id AND version <= until;
    GET DIAGNOSTICS pruned_changes = ROW_COUNT;
    IF pruned_changes > 0 THEN
        UPDATE feeds SET pruned = until WHERE user_id = pruned_user_id;
    END IF;
    -- Without a change, the next one will be younger than this moment: its writer waits for the lock that is held here.
    SELECT c.at INTO remaining_at
    FROM changes AS c
    WHERE c.user_id = pruned_user_id AND c.version > until
    ORDER BY c.version
    LIMIT 1;
    UPDATE feed_ages SET oldest_at = coalesce(remaining_at, clock_timestamp()) WHERE user_id = pruned_user_id;
    RETURN NEXT;
END
$$;

ALTER FUNCTION parley.feed_prune(keep interval, most integer) OWNER TO parley_owner;

-- function feed_sessions()

CREATE FUNCTION parley.feed_sessions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'sessions', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'sessions', NEW.id, lower(TG_OP), jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_sessions() OWNER TO parley_owner;

-- comment FUNCTION feed_sessions()

COMMENT ON FUNCTION parley.feed_sessions() IS 'Made by SELECT feed_function(''sessions'', ''{}'');';

-- function feed_spares(text, text[])

CREATE FUNCTION parley.feed_spares(table_name text, sums text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    others text := (
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (sums));
    -- Inserts into some tables append to the feed in another way, with this trigger for what comes without a version.
    fills_versions boolean := EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = table_name::regclass AND tgname = 'zz_feed_one');
BEGIN
    PERFORM grant_columns(
        table_name, 'INSERT', rolled_up(table_name) || CASE WHEN fills_versions THEN '{version}'::text[] ELSE '{}' END);
    PERFORM grant_columns(table_name, 'UPDATE', rolled_up(table_name) || sums);
    PERFORM add_feed_lock(table_name, sparing_statements(table_name, 'feed_lock', others));
    PERFORM add_feed(table_name, sparing_statements(table_name, 'zz_feed', others));
END
$$;

ALTER FUNCTION parley.feed_spares(table_name text, sums text[]) OWNER TO parley_owner;

-- function feed_tags()

CREATE FUNCTION parley.feed_tags() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'tags', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'tags', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_tags() OWNER TO parley_owner;

-- comment FUNCTION feed_tags()

COMMENT ON FUNCTION parley.feed_tags() IS 'Made by SELECT feed_function(''tags'', ''{}'');';

-- function feed_tenants()

CREATE FUNCTION parley.feed_tenants() RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT string_to_array(concat_ws(',',
        nullif(current_setting('app.user_id', true), ''), nullif(current_setting('app.feed_user_ids', true), '')), ',')::uuid[]
$$;

ALTER FUNCTION parley.feed_tenants() OWNER TO parley_owner;

-- function feed_tool_executions()

CREATE FUNCTION parley.feed_tool_executions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'tool_executions', OLD.id, 'purge', jsonb_build_object('conversation_id', OLD.conversation_id, 'status', OLD.status), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'tool_executions', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object('conversation_id', NEW.conversation_id, 'status', NEW.status), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.conversation_id IS DISTINCT FROM NEW.conversation_id)
                    THEN jsonb_build_object('conversation_id', OLD.conversation_id) END);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_tool_executions() OWNER TO parley_owner;

-- comment FUNCTION feed_tool_executions()

COMMENT ON FUNCTION parley.feed_tool_executions() IS 'Made by SELECT feed_function(''tool_executions'', ''{conversation_id,status}'');';

-- function feed_tool_transitions()

CREATE FUNCTION parley.feed_tool_transitions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'tool_transitions', OLD.id, 'purge', jsonb_build_object('tool_execution_id', OLD.tool_execution_id, 'conversation_id', OLD.conversation_id, 'from_status', OLD.from_status, 'to_status', OLD.to_status), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'tool_transitions', NEW.id, lower(TG_OP), jsonb_build_object('tool_execution_id', NEW.tool_execution_id, 'conversation_id', NEW.conversation_id, 'from_status', NEW.from_status, 'to_status', NEW.to_status), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.tool_execution_id IS DISTINCT FROM NEW.tool_execution_id OR OLD.conversation_id IS DISTINCT FROM NEW.conversation_id)
                    THEN jsonb_build_object('tool_execution_id', OLD.tool_execution_id, 'conversation_id', OLD.conversation_id) END);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_tool_transitions() OWNER TO parley_owner;

-- comment FUNCTION feed_tool_transitions()

COMMENT ON FUNCTION parley.feed_tool_transitions() IS 'Made by SELECT feed_function(''tool_transitions'', ''{tool_execution_id,conversation_id,from_status,to_status}'');';

-- function feed_usage_days()

CREATE FUNCTION parley.feed_usage_days() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'usage_days', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'usage_days', NEW.id, lower(TG_OP), jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_usage_days() OWNER TO parley_owner;

-- comment FUNCTION feed_usage_days()

COMMENT ON FUNCTION parley.feed_usage_days() IS 'Made by SELECT feed_function(''usage_days'', ''{}'');';

-- function feed_usage_logs()

CREATE FUNCTION parley.feed_usage_logs() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'usage_logs', OLD.id, 'purge', jsonb_build_object('conversation_id', OLD.conversation_id), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at, old_data)
            VALUES (NEW.user_id, next_version, 'usage_logs', NEW.id, lower(TG_OP), jsonb_build_object('conversation_id', NEW.conversation_id), at,
                CASE WHEN TG_OP = 'UPDATE' AND (OLD.conversation_id IS DISTINCT FROM NEW.conversation_id)
                    THEN jsonb_build_object('conversation_id', OLD.conversation_id) END);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_usage_logs() OWNER TO parley_owner;

-- comment FUNCTION feed_usage_logs()

COMMENT ON FUNCTION parley.feed_usage_logs() IS 'Made by SELECT feed_function(''usage_logs'', ''{conversation_id}'');';

-- function feed_usage_quotas()

CREATE FUNCTION parley.feed_usage_quotas() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'usage_quotas', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'usage_quotas', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_usage_quotas() OWNER TO parley_owner;

-- comment FUNCTION feed_usage_quotas()

COMMENT ON FUNCTION parley.feed_usage_quotas() IS 'Made by SELECT feed_function(''usage_quotas'', ''{}'');';

-- function feed_usage_reservations()

CREATE FUNCTION parley.feed_usage_reservations() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'usage_reservations', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'usage_reservations', NEW.id, lower(TG_OP), jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_usage_reservations() OWNER TO parley_owner;

-- comment FUNCTION feed_usage_reservations()

COMMENT ON FUNCTION parley.feed_usage_reservations() IS 'Made by SELECT feed_function(''usage_reservations'', ''{}'');';

-- function feed_user_settings()

CREATE FUNCTION parley.feed_user_settings() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'user_settings', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'user_settings', NEW.id, lower(TG_OP), jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_user_settings() OWNER TO parley_owner;

-- comment FUNCTION feed_user_settings()

COMMENT ON FUNCTION parley.feed_user_settings() IS 'Made by SELECT feed_function(''user_settings'', ''{}'');';

-- function feed_users()

CREATE FUNCTION parley.feed_users() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, 'users', OLD.id, 'purge', jsonb_build_object(), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, 'users', NEW.id, CASE
                    WHEN TG_OP = 'INSERT' THEN 'insert'
                    WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update'
                    WHEN NEW.deleted_at IS NULL THEN 'restore'
                    ELSE 'delete' END, jsonb_build_object(), at);
            NEW.version := next_version;
            NEW.updated_at := at;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.feed_users() OWNER TO parley_owner;

-- comment FUNCTION feed_users()

COMMENT ON FUNCTION parley.feed_users() IS 'Made by SELECT feed_function(''users'', ''{}'');';

-- function fill_from(text, text, text[])

CREATE FUNCTION parley.fill_from(table_name text, key text, columns text[]) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    link record;
BEGIN
    SELECT * INTO link FROM links_of(table_name) AS l WHERE l.key = fill_from.key;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% needs a foreign key on %: SELECT add_link(…) first', table_name, key;
    END IF;
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql
        AS $body$
        BEGIN
            IF (%2$s) THEN
                SELECT %3$s INTO %4$s FROM %5$s AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.%6$I;
                IF NOT FOUND THEN
                    RAISE foreign_key_violation USING CONSTRAINT = %7$L, TABLE = %8$L,
                        MESSAGE = 'the linked row does not exist';
                END IF;
            END IF;
            RETURN NEW;
        END
        $body$
        $function$,
        table_name || '_fill',
        (SELECT string_agg(format('NEW.%I IS NULL', c), ' OR ') FROM unnest(columns) AS c),
        (SELECT string_agg(format('coalesce(NEW.%1$I, p.%1$I)', c), ', ') FROM unnest(columns) AS c),
        (SELECT string_agg(format('NEW.%I', c), ', ') FROM unnest(columns) AS c),
        link.parent_table, key, link.constraint_name, table_name);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', table_name || '_fill',
        format('Made by SELECT fill_from(%L, %L, %L);', table_name, key, columns));
    -- Triggers fire in the order of their names: before `links`, which checks what this one has set.
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER fill BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        table_name, table_name || '_fill');
END
$_$;

ALTER FUNCTION parley.fill_from(table_name text, key text, columns text[]) OWNER TO parley_owner;

-- function grant_columns(text, text, text[])

CREATE FUNCTION parley.grant_columns(table_name text, privilege text, without text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF without <> '{}' AND has_any_column_privilege('parley_runtime', table_name, privilege) THEN
        EXECUTE format('REVOKE %s ON %I FROM parley_runtime', privilege, table_name);
        EXECUTE format(
            'GRANT %s (%s) ON %I TO parley_runtime', privilege,
            (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
            FROM pg_attribute
            WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (without)),
            table_name);
    END IF;
END
$$;

ALTER FUNCTION parley.grant_columns(table_name text, privilege text, without text[]) OWNER TO parley_owner;

-- function has_provider_key(uuid)

CREATE FUNCTION parley.has_provider_key(whose uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM provider_keys AS k
        WHERE k.user_id = whose AND k.is_active AND k.deleted_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()));
END
$$;

ALTER FUNCTION parley.has_provider_key(whose uuid) OWNER TO parley_owner;

-- function has_secret(jsonb)

CREATE FUNCTION parley.has_secret(value jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    WITH RECURSIVE inside (name, value) AS (
        SELECT NULL::text, has_secret.value
        UNION ALL
        SELECT below.name, below.value
        FROM inside AS i
        CROSS JOIN LATERAL (
            SELECT o.key, o.value
            FROM jsonb_each(CASE jsonb_typeof(i.value) WHEN 'object' THEN i.value ELSE '{}' END) AS o
            UNION ALL
            SELECT NULL, a.value
            FROM jsonb_array_elements(CASE jsonb_typeof(i.value) WHEN 'array' THEN i.value ELSE '[]' END) AS a (value)
        ) AS below (name, value)
    )
    SELECT coalesce(
        bool_or(
            parley.looks_secret(i.name)
            OR (jsonb_typeof(i.value) = 'string' AND parley.holds_credential(i.value #>> '{}'))
            OR (i.value ? 'value' AND parley.looks_secret(i.value ->> 'name'))),
        false)
    FROM inside AS i
$$;

ALTER FUNCTION parley.has_secret(value jsonb) OWNER TO parley_owner;

-- function has_trash(text)

CREATE FUNCTION parley.has_trash(table_name text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$ SELECT EXISTS (SELECT FROM trash_tables() AS t WHERE t.name = table_name) $$;

ALTER FUNCTION parley.has_trash(table_name text) OWNER TO parley_owner;

-- function holds_credential(text)

CREATE FUNCTION parley.holds_credential(text text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT text ~* '(^|[:=,;{"''])\s*(bearer|basic)\s+\S'
        OR text ~* '(^|[^a-z0-9])(sk-[a-z0-9_-]{10}|(gsk|hf|gh[a-z]|github_pat|xai|xox[a-z])[_-][a-z0-9_-]{16})'
        OR text ~ '(^|[^A-Za-z0-9])(AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{20}|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.)'
        OR text ~ '-----BEGIN [A-Z ]*PRIVATE KEY'
        OR text ~ '://[^/?#\s@]*:[^/?#\s]+@'
        OR EXISTS (
            SELECT
            FROM regexp_matches(text, '(?n)(?:^|[?&;,{])[\s"'']*([A-Za-z0-9_.-]+)[\s"'']*[:=]\s*\S', 'g') AS named (found)
            WHERE parley.looks_secret(found[1]))
$$;

ALTER FUNCTION parley.holds_credential(text text) OWNER TO parley_owner;

-- function is_background_work()

CREATE FUNCTION parley.is_background_work() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT coalesce(current_setting('app.work', true), '') = 'on' $$;

ALTER FUNCTION parley.is_background_work() OWNER TO parley_owner;

-- function is_deletable(text)

CREATE FUNCTION parley.is_deletable(table_name text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = table_name::regclass AND attname = 'deleted_at' AND NOT attisdropped)
$$;

ALTER FUNCTION parley.is_deletable(table_name text) OWNER TO parley_owner;

-- function is_emoji(text)

CREATE FUNCTION parley.is_emoji(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
    SELECT value ~ (
        '^(?:[\U0001F1E6-\U0001F1FF]{2}|[0-9#*]\uFE0F?\u20E3|' || element || '(?:\u200D' || element || ')*)$')
    FROM (VALUES (
        '[\u00A9\u00AE\u203C\u2049\u2122\u2139\u2190-\u21FF\u2300-\u23FF\u24C2\u25A0-\u27BF\u2934\u2935\u2B00-\u2BFF'
        '\u3030\u303D\u3297\u3299\U0001F000-\U0001F1E5\U0001F200-\U0001F3FA\U0001F400-\U0001FAFF]'
        '(?:[\U0001F3FB-\U0001F3FF]|\uFE0F\u20E3?|[\U000E0020-\U000E007E]+\U000E007F)?'
    )) AS e (element)
$_$;

ALTER FUNCTION parley.is_emoji(value text) OWNER TO parley_owner;

-- table plan_quotas

CREATE TABLE parley.plan_quotas (
    id uuid DEFAULT parley.uuid7() NOT NULL,
    plan_type text NOT NULL,
    unit text NOT NULL,
    period text NOT NULL,
    provider text,
    model text,
    automation text,
    counts_own_key boolean DEFAULT false NOT NULL,
    "limit" numeric NOT NULL,
    mode text DEFAULT 'hard'::text NOT NULL,
    CONSTRAINT plan_quotas_automation_length CHECK (((char_length(automation) >= 1) AND (char_length(automation) <= 100))),
    CONSTRAINT plan_quotas_limit_range CHECK (("limit" > (0)::numeric)),
    CONSTRAINT plan_quotas_limit_whole CHECK (((unit = 'usd'::text) OR ("limit" <= (0)::numeric) OR ("limit" = trunc("limit")))),
    CONSTRAINT plan_quotas_mode_known CHECK ((mode = ANY (ARRAY['soft'::text, 'hard'::text]))),
    CONSTRAINT plan_quotas_model_length CHECK (((char_length(model) >= 1) AND (char_length(model) <= 100))),
    CONSTRAINT plan_quotas_period_known CHECK ((period = ANY (ARRAY['hour'::text, 'day'::text, 'month'::text, 'total'::text]))),
    CONSTRAINT plan_quotas_plan_type_known CHECK ((plan_type = ANY (ARRAY['free'::text, 'pro'::text, 'enterprise'::text]))),
    CONSTRAINT plan_quotas_provider_length CHECK (((char_length(provider) >= 1) AND (char_length(provider) <= 50))),
    CONSTRAINT plan_quotas_unit_bytes CHECK (((unit <> 'bytes'::text) OR ((provider IS NULL) AND (model IS NULL) AND (automation IS NULL)))),
    CONSTRAINT plan_quotas_unit_known CHECK ((unit = ANY (ARRAY['tokens'::text, 'usd'::text, 'requests'::text, 'bytes'::text])))
);

ALTER TABLE ONLY parley.plan_quotas FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.plan_quotas OWNER TO parley_owner;

-- table usage_quotas

CREATE TABLE parley.usage_quotas (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    unit text NOT NULL,
    period text NOT NULL,
    provider text,
    model text,
    automation text,
    "limit" numeric NOT NULL,
    mode text DEFAULT 'hard'::text NOT NULL,
    counts_own_key boolean DEFAULT false NOT NULL,
    set_by text DEFAULT 'user'::text NOT NULL,
    warned_at timestamp with time zone,
    exceeded_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    request_hash bigint,
    CONSTRAINT usage_quotas_automation_length CHECK (((char_length(automation) >= 1) AND (char_length(automation) <= 100))),
    CONSTRAINT usage_quotas_limit_range CHECK (("limit" > (0)::numeric)),
    CONSTRAINT usage_quotas_limit_whole CHECK (((unit = 'usd'::text) OR ("limit" <= (0)::numeric) OR ("limit" = trunc("limit")))),
    CONSTRAINT usage_quotas_mode_known CHECK ((mode = ANY (ARRAY['soft'::text, 'hard'::text]))),
    CONSTRAINT usage_quotas_model_length CHECK (((char_length(model) >= 1) AND (char_length(model) <= 100))),
    CONSTRAINT usage_quotas_period_known CHECK ((period = ANY (ARRAY['hour'::text, 'day'::text, 'month'::text, 'total'::text]))),
    CONSTRAINT usage_quotas_provider_length CHECK (((char_length(provider) >= 1) AND (char_length(provider) <= 50))),
    CONSTRAINT usage_quotas_set_by_known CHECK ((set_by = ANY (ARRAY['user'::text, 'system'::text]))),
    CONSTRAINT usage_quotas_unit_bytes CHECK (((unit <> 'bytes'::text) OR ((provider IS NULL) AND (model IS NULL) AND (automation IS NULL)))),
    CONSTRAINT usage_quotas_unit_known CHECK ((unit = ANY (ARRAY['tokens'::text, 'usd'::text, 'requests'::text, 'bytes'::text])))
);

ALTER TABLE ONLY parley.usage_quotas FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.usage_quotas OWNER TO parley_owner;

-- comment COLUMN usage_quotas.provider

COMMENT ON COLUMN parley.usage_quotas.provider IS 'Counts usage of this provider only. Null counts all, as for model and automation.';

-- comment COLUMN usage_quotas.set_by

COMMENT ON COLUMN parley.usage_quotas.set_by IS 'system: it belongs to the plan, and the user cannot change it.';

-- comment COLUMN usage_quotas.request_hash

COMMENT ON COLUMN parley.usage_quotas.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment CONSTRAINT usage_quotas_automation_length ON usage_quotas

COMMENT ON CONSTRAINT usage_quotas_automation_length ON parley.usage_quotas IS 'An automation name has 1 to 100 characters.';

-- comment CONSTRAINT usage_quotas_limit_range ON usage_quotas

COMMENT ON CONSTRAINT usage_quotas_limit_range ON parley.usage_quotas IS 'A limit must be greater than 0.';

-- comment CONSTRAINT usage_quotas_limit_whole ON usage_quotas

COMMENT ON CONSTRAINT usage_quotas_limit_whole ON parley.usage_quotas IS 'A limit of tokens, requests or bytes is a whole number.';

-- comment CONSTRAINT usage_quotas_model_length ON usage_quotas

COMMENT ON CONSTRAINT usage_quotas_model_length ON parley.usage_quotas IS 'A model name has 1 to 100 characters.';

-- comment CONSTRAINT usage_quotas_provider_length ON usage_quotas

COMMENT ON CONSTRAINT usage_quotas_provider_length ON parley.usage_quotas IS 'A provider name has 1 to 50 characters.';

-- comment CONSTRAINT usage_quotas_unit_bytes ON usage_quotas

COMMENT ON CONSTRAINT usage_quotas_unit_bytes ON parley.usage_quotas IS 'Bytes belong to no provider, model or automation.';

-- function is_same_quota(parley.usage_quotas, parley.plan_quotas)

CREATE FUNCTION parley.is_same_quota(quota parley.usage_quotas, of_plan parley.plan_quotas) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT (quota.unit, quota.period, quota.counts_own_key) = (of_plan.unit, of_plan.period, of_plan.counts_own_key)
        AND quota.provider IS NOT DISTINCT FROM of_plan.provider
        AND canonical_name(quota.model) IS NOT DISTINCT FROM canonical_name(of_plan.model)
        AND quota.automation IS NOT DISTINCT FROM of_plan.automation
$$;

ALTER FUNCTION parley.is_same_quota(quota parley.usage_quotas, of_plan parley.plan_quotas) OWNER TO parley_owner;

-- function job_move_is_legal(text, text)

CREATE FUNCTION parley.job_move_is_legal(from_status text, to_status text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT (from_status, to_status) IN (
        ('queued', 'running'), ('queued', 'failed'), ('queued', 'cancelled'),
        ('running', 'queued'), ('running', 'done'), ('running', 'failed'), ('running', 'cancelled'),
        ('failed', 'queued'))
$$;

ALTER FUNCTION parley.job_move_is_legal(from_status text, to_status text) OWNER TO parley_owner;

-- function jobs_audit_exported()

CREATE FUNCTION parley.jobs_audit_exported() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'exported', 'jobs', coalesce(NEW.id, OLD.id), '{}');
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.jobs_audit_exported() OWNER TO parley_owner;

-- comment FUNCTION jobs_audit_exported()

COMMENT ON FUNCTION parley.jobs_audit_exported() IS 'Made by SELECT add_audit(''jobs'', ''exported'', ''{insert}'', of => ''{}'', shown => NULL, condition => ''NEW.kind = ''''export'''''', each => NULL, inserted => NULL);';

-- function jobs_expire(interval, integer)

CREATE FUNCTION parley.jobs_expire(after interval, most integer) RETURNS TABLE(expired_user_id uuid, expired integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            too_old timestamptz := clock_timestamp() - greatest(after, '30 days');
            caller jsonb;
        BEGIN
            IF NOT is_background_work() THEN
                RETURN;
            END IF;
            SELECT f.user_id INTO expired_user_id
            FROM jobs AS t
            JOIN feeds AS f ON f.user_id = t.user_id
            WHERE (finished_at) < too_old
            ORDER BY (finished_at)
            LIMIT 1
            FOR UPDATE OF f SKIP LOCKED;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            caller := act_for(expired_user_id);
            DELETE FROM jobs AS r
            WHERE r.user_id = expired_user_id AND r.id = ANY (ARRAY(
                SELECT t.id FROM jobs AS t
                WHERE t.user_id = expired_user_id AND (finished_at) < too_old
                LIMIT most));
            GET DIAGNOSTICS expired = ROW_COUNT;
            PERFORM stamp_again(caller);
            RETURN NEXT;
        END
        $$;

ALTER FUNCTION parley.jobs_expire(after interval, most integer) OWNER TO parley_owner;

-- comment FUNCTION jobs_expire(after interval, most integer)

COMMENT ON FUNCTION parley.jobs_expire(after interval, most integer) IS 'Made by SELECT add_expiry(''jobs'', ''finished_at'', ''30 days'');';

-- function jobs_limit_exports()

CREATE FUNCTION parley.jobs_limit_exports() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    most CONSTANT integer := 3;
    recent timestamptz[];
BEGIN
    IF EXISTS (
        SELECT FROM jobs AS j
        WHERE j.user_id = NEW.user_id AND j.kind = 'export' AND j.status IN ('queued', 'running')
    ) THEN
        RAISE unique_violation USING CONSTRAINT = 'jobs_export_unfinished', TABLE = 'jobs',
            MESSAGE = 'an export of this account is not finished yet';
    END IF;
    SELECT array_agg(j.created_at ORDER BY j.created_at) INTO recent
    FROM jobs AS j
    WHERE j.user_id = NEW.user_id AND j.kind = 'export' AND j.status <> 'failed'
        AND j.created_at > clock_timestamp() - interval '24 hours';
    IF cardinality(recent) >= most THEN
        RAISE check_violation USING CONSTRAINT = 'jobs_exports', TABLE = 'jobs',
            MESSAGE = format(
                'an account can be exported %s times in 24 hours: try again after %s', most, to_char(
                    (recent[cardinality(recent) - most + 1] + interval '24 hours') AT TIME ZONE 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.jobs_limit_exports() OWNER TO parley_owner;

-- function jobs_move()

CREATE FUNCTION parley.jobs_move() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'queued' THEN
            RAISE check_violation USING CONSTRAINT = 'jobs_status_first', TABLE = 'jobs', MESSAGE = 'a new job must be queued';
        END IF;
        -- Jobs of all users wait in one line.
        IF (
            SELECT count(*) FROM jobs AS j WHERE j.user_id = NEW.user_id AND j.status IN ('queued', 'running')
        ) >= 100 THEN
            RAISE check_violation USING CONSTRAINT = 'jobs_status_limit', TABLE = 'jobs',
                MESSAGE = 'at most 100 jobs can be unfinished: wait for some, or cancel them';
        END IF;
        NEW.started_at := NULL;
        NEW.finished_at := NULL;
        NEW.error := NULL;
        RETURN NEW;
    END IF;
    IF (NEW.kind, NEW.parameters) IS DISTINCT FROM (OLD.kind, OLD.parameters) THEN
        RAISE check_violation USING CONSTRAINT = 'jobs_kind_fixed', TABLE = 'jobs',
            MESSAGE = 'what a job is about cannot be changed';
    END IF;
    NEW.started_at := OLD.started_at;
    NEW.finished_at := OLD.finished_at;
    IF NEW.status <> OLD.status THEN
        IF NOT job_move_is_legal(OLD.status, NEW.status) THEN
            RAISE check_violation USING CONSTRAINT = 'jobs_status_move', TABLE = 'jobs',
                MESSAGE = format('the status of a job cannot change from %s to %s', OLD.status, NEW.status);
        END IF;
        CASE NEW.status
            WHEN 'queued' THEN NEW.finished_at := NULL;
            WHEN 'running' THEN NEW.started_at := at;
            ELSE NEW.finished_at := at;
        END CASE;
        IF NEW.status <> 'failed' THEN
            NEW.error := NULL;
        END IF;
    ELSIF OLD.finished_at IS NOT NULL AND (NEW.done, NEW.total, NEW.error, NEW.attempts)
        IS DISTINCT FROM (OLD.done, OLD.total, OLD.error, OLD.attempts) THEN
        RAISE check_violation USING CONSTRAINT = 'jobs_status_final', TABLE = 'jobs',
            MESSAGE = format('a job that is %s cannot be changed', OLD.status);
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.jobs_move() OWNER TO parley_owner;

-- function jobs_waiting(interval)

CREATE FUNCTION parley.jobs_waiting(longer_than interval) RETURNS TABLE(job_user_id uuid, job_id uuid, job_kind text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY
    SELECT j.user_id, j.id, j.kind
    FROM jobs AS j
    WHERE is_background_work()
        AND j.status IN ('queued', 'running')
        AND j.updated_at < clock_timestamp() - longer_than
        AND NOT EXISTS (
            SELECT FROM parley_work.pgqueuer AS q
            WHERE q.dedupe_key = concat_ws(' ', j.user_id, j.id) AND q.status IN ('queued', 'picked'))
    ORDER BY j.updated_at
    LIMIT 1000;
END
$$;

ALTER FUNCTION parley.jobs_waiting(longer_than interval) OWNER TO parley_owner;

-- function join_function(text, text, text, text, text)

CREATE FUNCTION parley.join_function(table_name text, first_key text, first_table text, second_key text, second_table text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    name text := 'change_' || table_name;
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I(joined_id uuid, ids uuid[], how text)
        RETURNS TABLE (user_id uuid, is_deleted boolean, missing bigint[]) LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        #variable_conflict use_column
        DECLARE
            at timestamptz;
        BEGIN
            PERFORM FROM feeds AS f WHERE f.user_id = tenant() FOR UPDATE;
            at := clock_timestamp();
            user_id := tenant();
            is_deleted := (SELECT %5$s FROM %3$I AS p WHERE p.user_id = tenant() AND p.id = joined_id);
            missing := ARRAY(
                SELECT given.position - 1
                FROM unnest(ids) WITH ORDINALITY AS given (id, position)
                WHERE NOT EXISTS (SELECT FROM %4$I AS p WHERE p.user_id = tenant() AND p.id = given.id%6$s)
                ORDER BY given.position);
            RETURN NEXT;
            IF is_deleted IS DISTINCT FROM false OR missing <> '{}' THEN
                RETURN;
            END IF;
            IF how <> 'add' THEN
                PERFORM %8$I(ARRAY(
                    SELECT j.id
                    FROM %2$I AS j
                    WHERE j.user_id = tenant() AND j.%7$I = joined_id
                        AND (j.%9$I = ANY (ids)) = (how = 'remove')));
            END IF;
            IF how <> 'remove' THEN
                INSERT INTO %2$I (user_id, %7$I, %9$I, created_at)
                SELECT tenant(), joined_id, given.id, at + (given.position - 1) * interval '1 microsecond'
                FROM unnest(ids) WITH ORDINALITY AS given (id, position)
                WHERE given.position = array_position(ids, given.id) AND NOT EXISTS (
                    SELECT FROM %2$I AS j
                    WHERE j.user_id = tenant() AND j.%7$I = joined_id AND j.%9$I = given.id)
                ORDER BY given.position;
            END IF;
        END
        $body$
        $function$,
        name, table_name, first_table, second_table,
        CASE WHEN is_deletable(first_table) THEN 'p.deleted_at IS NOT NULL' ELSE 'false' END,
        CASE WHEN is_deletable(second_table) THEN ' AND p.deleted_at IS NULL' ELSE '' END,
        first_key, 'remove_' || table_name, second_key);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %I(uuid, uuid[], text) TO parley_runtime', name);
    EXECUTE format(
        'COMMENT ON FUNCTION %I(uuid, uuid[], text) IS %L', name,
        format(
            'Made by SELECT join_function(%L, %L, %L, %L, %L);',
            table_name, first_key, first_table, second_key, second_table));
END
$_$;

ALTER FUNCTION parley.join_function(table_name text, first_key text, first_table text, second_key text, second_table text) OWNER TO parley_owner;

-- function join_table(text, text, text, text, text, text)

CREATE FUNCTION parley.join_table(table_name text, first_key text, first_table text, second_key text, second_table text, counted_in text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    is_marked boolean := is_deletable(first_table);
    told text[] := ARRAY[first_key] || CASE WHEN counted_in IS NULL THEN ARRAY[second_key] ELSE '{}' END;
BEGIN
    EXECUTE format(
        'CREATE TABLE %1$I (user_id uuid, id uuid DEFAULT uuid7(), %2$I uuid NOT NULL, %3$I uuid NOT NULL, '
        'PRIMARY KEY (user_id, id), CONSTRAINT %4$I UNIQUE (user_id, %2$I, %3$I))',
        table_name, first_key, second_key, table_name || '_key');
    PERFORM tenant_table(
        table_name, carry => ARRAY[first_key, second_key], privileges => 'SELECT, INSERT',
        without => '{updated_at,request_hash}' || CASE WHEN is_marked THEN '{}' ELSE '{deleted_at}'::text[] END);
    PERFORM add_link(table_name, first_key, first_table, order_by => format('created_at, %I', second_key));
    PERFORM add_link(table_name, second_key, second_table, order_by => format('created_at, %I', first_key));
    IF is_marked THEN
        PERFORM keep_links(table_name, within => ARRAY[first_key]);
    END IF;
    PERFORM add_removal(table_name);
    PERFORM add_touch(table_name, told, '{insert,delete}');
    IF counted_in IS NOT NULL THEN
        PERFORM add_rollup(second_table, counted_in, of => table_name, by => second_key);
    END IF;
    PERFORM join_function(table_name, first_key, first_table, second_key, second_table);
END
$_$;

ALTER FUNCTION parley.join_table(table_name text, first_key text, first_table text, second_key text, second_table text, counted_in text) OWNER TO parley_owner;

-- function keep_canonical(text, text[])

CREATE FUNCTION parley.keep_canonical(table_name text, columns text[]) RETURNS void
    LANGUAGE plpgsql
    AS $_$
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
        AS $body$
        BEGIN%2$s
            RETURN NEW;
        END
        $body$
        $function$,
        table_name || '_canonical', (
            SELECT string_agg(format(E'\n            NEW.%1$I := canonical_name(NEW.%1$I);', c), '' ORDER BY position)
            FROM unnest(columns) WITH ORDINALITY AS t (c, position)));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', table_name || '_canonical',
        format('Made by SELECT keep_canonical(%L, %L);', table_name, columns));
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER canonical BEFORE INSERT OR UPDATE OF %s ON %I FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %I()',
        quoted_names(columns), table_name, (
            SELECT string_agg(format('NEW.%1$I <> canonical_name(NEW.%1$I)', c), ' OR ' ORDER BY position)
            FROM unnest(columns) WITH ORDINALITY AS t (c, position)),
        table_name || '_canonical');
END
$_$;

ALTER FUNCTION parley.keep_canonical(table_name text, columns text[]) OWNER TO parley_owner;

-- function keep_links(text, text[], boolean, boolean)

CREATE FUNCTION parley.keep_links(table_name text, within text[] DEFAULT '{}'::text[], marked boolean DEFAULT true, on_insert boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    link record;
    of_new text := '';
    of_changed text := '';
    of_any text := '';
    new_keys text[] := '{}';
    old_keys text[] := '{}';
BEGIN
    -- Rows that only triggers write need no check.
    IF NOT has_any_column_privilege('parley_runtime', table_name, 'INSERT, UPDATE') THEN
        RETURN;
    END IF;
    FOR link IN SELECT * FROM links_of(table_name) LOOP
        IF link.can_be_deleted OR link.is_circular THEN
            new_keys := new_keys || link.new_key;
            old_keys := old_keys || link.old_key;
            of_new := of_new || format(
                $test$
                    WHEN %s AND NOT EXISTS (SELECT FROM %s AS p WHERE %s) THEN %L$test$,
                link.is_set, link.parent_table, link.is_there, link.constraint_name);
            -- A required link that is null is refused as such, after this trigger.
            of_changed := of_changed || format(
                $test$
                IF %1$s AND NEW.%8$I IS NOT NULL AND (%2$s) IS DISTINCT FROM (%3$s) THEN
                    PERFORM FROM %4$s AS p WHERE %5$s;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = %6$L, TABLE = %7$L,
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;$test$,
                link.is_set, link.new_key, link.old_key, link.parent_table, link.is_there, link.constraint_name,
                table_name, link.key);
        END IF;
        -- A new row can only be linked to rows that exist before it, so it closes no cycle.
        IF link.is_circular THEN
            of_changed := of_changed || format(
                $test$
                IF EXISTS (
                    WITH RECURSIVE above (id) AS (
                        SELECT NEW.%1$I
                        UNION
                        SELECT t.%1$I FROM above JOIN %2$s AS t ON t.user_id = NEW.user_id AND t.id = above.id)
                    SELECT FROM above WHERE id = NEW.id
                ) THEN
                    RAISE check_violation USING CONSTRAINT = %3$L, TABLE = %4$L, MESSAGE = %5$L;
                END IF;$test$,
                link.key, link.parent_table, format('%s_%s_circle', table_name, link.key), table_name,
                format('this %s would be its own ancestor', singular(table_name)));
        END IF;
        IF link.key = ANY (within) THEN
            of_any := of_any || format(
                $test$
            IF %1$s AND %2$s current_user <> 'parley_owner' THEN
                PERFORM FROM %3$s AS p WHERE %4$s;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = %5$L, TABLE = %6$L, MESSAGE = %7$L;
                END IF;
            END IF;$test$,
                link.is_set, CASE WHEN marked THEN 'OLD.deleted_at IS NOT NULL AND' ELSE '' END,
                link.parent_table, link.is_there, table_name || '_id_within', table_name,
                format('this %s cannot be changed while its %s is deleted', singular(table_name), singular(link.parent)));
            IF marked THEN
                PERFORM mark_with(link.parent, format('%s.%s', table_name, link.key));
            END IF;
        END IF;
    END LOOP;
    IF of_new = '' THEN
        RETURN;
    END IF;
    -- Runs as the role that writes: row-level security shows that role the rows of every user whose rows it may write.
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql
        AS $body$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE%2$s
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = %3$L,
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (%4$s) IS DISTINCT FROM (%5$s) THEN%6$s
            END IF;%7$s
            RETURN NEW;
        END
        $body$
        $function$,
        table_name || '_links', of_new, table_name, array_to_string(new_keys, ', '), array_to_string(old_keys, ', '),
        of_changed, of_any);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', table_name || '_links',
        format(
            'Made by SELECT keep_links(%L, within => %L, marked => %L, on_insert => %L);',
            table_name, within, marked, on_insert));
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER links BEFORE %s ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        CASE WHEN on_insert THEN 'INSERT OR UPDATE' ELSE 'UPDATE' END, table_name, table_name || '_links');
END
$_$;

ALTER FUNCTION parley.keep_links(table_name text, within text[], marked boolean, on_insert boolean) OWNER TO parley_owner;

-- function key_encryption_key_drop(text)

CREATE FUNCTION parley.key_encryption_key_drop(old_id text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
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

ALTER FUNCTION parley.key_encryption_key_drop(old_id text) OWNER TO parley_owner;

-- function known_tools_audit_settings_changed()

CREATE FUNCTION parley.known_tools_audit_settings_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'settings_changed', 'known_tools', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.risk IS DISTINCT FROM NEW.risk
                    THEN jsonb_build_object('risk', jsonb_build_array(OLD.risk, NEW.risk)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.known_tools_audit_settings_changed() OWNER TO parley_owner;

-- comment FUNCTION known_tools_audit_settings_changed()

COMMENT ON FUNCTION parley.known_tools_audit_settings_changed() IS 'Made by SELECT add_audit(''known_tools'', ''settings_changed'', ''{update}'', of => ''{risk}'', shown => NULL, condition => NULL, each => NULL, inserted => NULL);';

-- function lease_length()

CREATE FUNCTION parley.lease_length() RETURNS interval
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT make_interval(secs => coalesce(nullif(current_setting('app.lease_seconds', true), '')::double precision, 120))
$$;

ALTER FUNCTION parley.lease_length() OWNER TO parley_owner;

-- table tool_executions

CREATE TABLE parley.tool_executions (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid,
    tool_name text NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    result jsonb,
    status text DEFAULT 'pending'::text NOT NULL,
    status_reason text,
    approval_requested_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    approved_at timestamp with time zone,
    executed_at timestamp with time zone,
    completed_at timestamp with time zone,
    execution_time_ms bigint,
    cost_usd numeric,
    error_message text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    request_hash bigint,
    estimated_cost_usd numeric,
    expires_at timestamp with time zone,
    known_tool_id uuid NOT NULL,
    approval_reason text,
    approval_rule_id uuid,
    reserved_usd numeric,
    worker text,
    attempt integer DEFAULT 0 NOT NULL,
    lease_seconds integer,
    lease_until timestamp with time zone,
    CONSTRAINT tool_executions_approval_reason_known CHECK ((approval_reason = ANY (ARRAY['person'::text, 'read_only'::text, 'low_risk'::text, 'rule'::text, 'denied_by_rule'::text]))),
    CONSTRAINT tool_executions_cost_usd_range CHECK (((cost_usd >= (0)::numeric) AND (cost_usd <= (1000000)::numeric))),
    CONSTRAINT tool_executions_error_message_length CHECK ((char_length(error_message) <= 20000)),
    CONSTRAINT tool_executions_estimated_cost_usd_range CHECK (((estimated_cost_usd >= (0)::numeric) AND (estimated_cost_usd <= (1000000)::numeric))),
    CONSTRAINT tool_executions_lease_seconds_range CHECK (((lease_seconds >= 5) AND (lease_seconds <= 3600))),
    CONSTRAINT tool_executions_parameters_size CHECK ((pg_column_size(parameters) <= 262144)),
    CONSTRAINT tool_executions_result_size CHECK ((pg_column_size(result) <= 1048576)),
    CONSTRAINT tool_executions_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'executing'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT tool_executions_tool_name_length CHECK (((char_length(tool_name) >= 1) AND (char_length(tool_name) <= 100))),
    CONSTRAINT tool_executions_worker_length CHECK (((char_length(worker) >= 1) AND (char_length(worker) <= 100)))
);

ALTER TABLE ONLY parley.tool_executions FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.tool_executions OWNER TO parley_owner;

-- comment COLUMN tool_executions.status_reason

COMMENT ON COLUMN parley.tool_executions.status_reason IS 'The reason for a change of status, written with it. A trigger moves it to the history, so it always reads null.';

-- comment COLUMN tool_executions.request_hash

COMMENT ON COLUMN parley.tool_executions.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment COLUMN tool_executions.approval_rule_id

COMMENT ON COLUMN parley.tool_executions.approval_rule_id IS 'Has no foreign key, because what a rule decided stays when the rule is removed for good.';

-- comment COLUMN tool_executions.reserved_usd

COMMENT ON COLUMN parley.tool_executions.reserved_usd IS 'What an execution that was approved automatically counts in the hour''s sum until its cost is known; null for others.';

-- comment COLUMN tool_executions.worker

COMMENT ON COLUMN parley.tool_executions.worker IS 'What runs it, or ran it to its end; null if it was not named or does not run.';

-- comment COLUMN tool_executions.attempt

COMMENT ON COLUMN parley.tool_executions.attempt IS 'How often it was started.';

-- comment COLUMN tool_executions.lease_seconds

COMMENT ON COLUMN parley.tool_executions.lease_seconds IS 'The length of its lease; null for that of the server.';

-- comment COLUMN tool_executions.lease_until

COMMENT ON COLUMN parley.tool_executions.lease_until IS 'The end of its lease as it was at the start: see leased_until().';

-- comment CONSTRAINT tool_executions_cost_usd_range ON tool_executions

COMMENT ON CONSTRAINT tool_executions_cost_usd_range ON parley.tool_executions IS 'The cost must be between 0 and 1000000.';

-- comment CONSTRAINT tool_executions_error_message_length ON tool_executions

COMMENT ON CONSTRAINT tool_executions_error_message_length ON parley.tool_executions IS 'An error message has at most 20000 characters.';

-- comment CONSTRAINT tool_executions_estimated_cost_usd_range ON tool_executions

COMMENT ON CONSTRAINT tool_executions_estimated_cost_usd_range ON parley.tool_executions IS 'The cost must be between 0 and 1000000.';

-- comment CONSTRAINT tool_executions_lease_seconds_range ON tool_executions

COMMENT ON CONSTRAINT tool_executions_lease_seconds_range ON parley.tool_executions IS 'A lease lasts 5 to 3600 seconds.';

-- comment CONSTRAINT tool_executions_parameters_size ON tool_executions

COMMENT ON CONSTRAINT tool_executions_parameters_size ON parley.tool_executions IS 'Parameters have at most 256 KiB.';

-- comment CONSTRAINT tool_executions_result_size ON tool_executions

COMMENT ON CONSTRAINT tool_executions_result_size ON parley.tool_executions IS 'A result has at most 1 MiB.';

-- comment CONSTRAINT tool_executions_tool_name_length ON tool_executions

COMMENT ON CONSTRAINT tool_executions_tool_name_length ON parley.tool_executions IS 'A tool name has 1 to 100 characters.';

-- comment CONSTRAINT tool_executions_worker_length ON tool_executions

COMMENT ON CONSTRAINT tool_executions_worker_length ON parley.tool_executions IS 'The name of a worker has 1 to 100 characters.';

-- function leased_until(parley.tool_executions)

CREATE FUNCTION parley.leased_until(execution parley.tool_executions) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN execution.status = 'executing' THEN (
        SELECT l.until FROM leases AS l
        WHERE l.user_id = execution.user_id AND l.work_id = execution.id AND l.kind = 'tool_executions') END
$$;

ALTER FUNCTION parley.leased_until(execution parley.tool_executions) OWNER TO parley_owner;

-- function leave_inserts(text, text)

CREATE FUNCTION parley.leave_inserts(table_name text, trigger_name text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE (
        SELECT regexp_replace(
            regexp_replace(pg_get_triggerdef(oid), '^CREATE', 'CREATE OR REPLACE'), ' BEFORE INSERT OR ', ' BEFORE ')
        FROM pg_trigger
        WHERE tgrelid = table_name::regclass AND tgname = trigger_name);
END
$$;

ALTER FUNCTION parley.leave_inserts(table_name text, trigger_name text) OWNER TO parley_owner;

-- function links_of(text)

CREATE FUNCTION parley.links_of(table_name text) RETURNS TABLE(constraint_name text, parent text, parent_table text, key text, can_be_deleted boolean, is_circular boolean, is_set text, new_key text, old_key text, is_there text)
    LANGUAGE sql STABLE
    AS $$
    SELECT
        con.conname, parent.relname, format('%s.%I', con.connamespace::regnamespace, parent.relname), pairs.key,
        can_be_deleted, con.conrelid = con.confrelid, pairs.is_set, pairs.new_key, pairs.old_key,
        pairs.matches || CASE WHEN can_be_deleted THEN ' AND p.deleted_at IS NULL' ELSE '' END
    FROM pg_constraint AS con
    JOIN pg_class AS parent ON parent.oid = con.confrelid
    -- Links to users are not checked: signing in proves that the user exists.
    CROSS JOIN LATERAL (
        SELECT parent.relname <> 'users' AND EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = parent.oid AND attname = 'deleted_at')
    ) AS d (can_be_deleted)
    CROSS JOIN LATERAL (
        SELECT
            max(held.attname) FILTER (WHERE named.attname = 'id'),
            coalesce(
                string_agg(format('NEW.%I IS NOT NULL', held.attname), ' AND ') FILTER (WHERE NOT held.attnotnull), 'true'),
            string_agg(format('NEW.%I', held.attname), ', ' ORDER BY held.attnum),
            string_agg(format('OLD.%I', held.attname), ', ' ORDER BY held.attnum),
            string_agg(format('p.%I = NEW.%I', named.attname, held.attname), ' AND ' ORDER BY held.attnum)
        FROM unnest(con.conkey, con.confkey) AS pair (held, named)
        JOIN pg_attribute AS held ON held.attrelid = con.conrelid AND held.attnum = pair.held
        JOIN pg_attribute AS named ON named.attrelid = con.confrelid AND named.attnum = pair.named
    ) AS pairs (key, is_set, new_key, old_key, matches)
    WHERE con.conrelid = table_name::regclass AND con.contype = 'f'
    ORDER BY cardinality(con.conkey), con.conname
$$;

ALTER FUNCTION parley.links_of(table_name text) OWNER TO parley_owner;

-- function login_create(text, text, text)

CREATE FUNCTION parley.login_create(email text, username text, password_hash text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$ INSERT INTO logins VALUES (lower(email), lower(username), tenant(), password_hash) $$;

ALTER FUNCTION parley.login_create(email text, username text, password_hash text) OWNER TO parley_owner;

-- function login_find(text)

CREATE FUNCTION parley.login_find(name text) RETURNS TABLE(user_id uuid, password_hash text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
    SELECT l.user_id, l.password_hash FROM logins AS l WHERE l.email = lower(name)
    UNION ALL
    SELECT l.user_id, l.password_hash FROM logins AS l WHERE l.username = lower(name)
    LIMIT 1
$$;

ALTER FUNCTION parley.login_find(name text) OWNER TO parley_owner;

-- function login_rehash(text)

CREATE FUNCTION parley.login_rehash(new_hash text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
BEGIN
    IF (new_hash ~ '^\$argon2id\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]{43,}$') IS NOT TRUE THEN
        RAISE invalid_parameter_value USING MESSAGE = 'this is no hash of a password';
    END IF;
    PERFORM set_config('app.rehashing', 'on', true);
    UPDATE logins SET password_hash = new_hash WHERE user_id = tenant();
    PERFORM set_config('app.rehashing', '', true);
END
$_$;

ALTER FUNCTION parley.login_rehash(new_hash text) OWNER TO parley_owner;

-- function logins_audit_password_changed()

CREATE FUNCTION parley.logins_audit_password_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'password_changed', 'users', coalesce(NEW.user_id, OLD.user_id), '{}');
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.logins_audit_password_changed() OWNER TO parley_owner;

-- comment FUNCTION logins_audit_password_changed()

COMMENT ON FUNCTION parley.logins_audit_password_changed() IS 'Made by SELECT add_audit(''logins'', ''password_changed'', ''{update}'', of => ''{password_hash}'', shown => ''{}'', condition => ''coalesce(current_setting(''''app.rehashing'''', true), '''''''') <> ''''on'''''', each => NULL, inserted => NULL);';

-- function looks_secret(text)

CREATE FUNCTION parley.looks_secret(name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
    SELECT coalesce(
        words ~ ('(^|[^a-z])((api|access|auth|client|private|secret|signing|subscription)?[^a-z]*'
            '(keys?|secrets?|token|password|passwords|passwd|pwd|passphrase|authorization|credentials?|cookies?)|'
            '(api|access|auth|refresh|session|bearer)[^a-z]*tokens|bearer|[a-z]*(apikeys|secret|token|password)|'
            '[a-z]*(?<!don|hoc|hot|jac|joc|lac|mon|tur|whis)key)([^a-z]|$)'),
        false)
    FROM (SELECT lower(regexp_replace(name, '([a-z0-9])([A-Z])', '\1_\2', 'g'))) AS n (words)
$_$;

ALTER FUNCTION parley.looks_secret(name text) OWNER TO parley_owner;

-- function mark_deleted()

CREATE FUNCTION parley.mark_deleted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
DECLARE
    within text;
    outer_mark text := current_setting('app.marking', true);
BEGIN
    IF OLD.deleted_at IS NOT DISTINCT FROM NEW.deleted_at THEN
        RETURN NULL;
    END IF;
    FOREACH within IN ARRAY TG_ARGV LOOP
        -- The roll-ups of this row stay, see rollup_function().
        PERFORM set_config('app.marking', within, true);
        EXECUTE format(
            'UPDATE %I SET deleted_at = $1 WHERE user_id = $2 AND %I = $3 AND deleted_at %s',
            split_part(within, '.', 1), split_part(within, '.', 2),
            CASE WHEN OLD.deleted_at IS NULL THEN 'IS NULL' ELSE '= $4' END)
        USING NEW.deleted_at, NEW.user_id, NEW.id, OLD.deleted_at;
    END LOOP;
    PERFORM set_config('app.marking', coalesce(outer_mark, ''), true);
    RETURN NULL;
END
$_$;

ALTER FUNCTION parley.mark_deleted() OWNER TO parley_owner;

-- function mark_with(text, text)

CREATE FUNCTION parley.mark_with(parent text, child text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    children text[] := (
        SELECT string_to_array(encode(tgargs, 'escape'), '\000')
        FROM pg_trigger
        WHERE tgrelid = parent::regclass AND tgname = 'mark');
BEGIN
    children := array_remove(array_remove(children, ''), child) || child;
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER mark AFTER UPDATE OF deleted_at ON %I FOR EACH ROW EXECUTE FUNCTION mark_deleted(%s)',
        parent, (SELECT string_agg(quote_literal(one), ', ') FROM unnest(children) AS one));
END
$$;

ALTER FUNCTION parley.mark_with(parent text, child text) OWNER TO parley_owner;

-- function message_append(uuid, uuid, integer, text)

CREATE FUNCTION parley.message_append(owner_id uuid, growing_id uuid, at_offset integer, addition text, OUT outcome text, OUT length integer) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    largest_tail CONSTANT integer := 1024;
    head record;
    known text;
    is_due boolean;
BEGIN
    -- The usual case: text for the end of the message, and room for it in the tail.
    UPDATE message_growths AS g
    SET length = g.length + char_length(addition), tail = g.tail || addition
    WHERE g.user_id = owner_id AND g.message_id = growing_id AND g.length = at_offset
        AND octet_length(g.tail) + octet_length(addition) <= largest_tail
    RETURNING g.length, g.renew_at < clock_timestamp() INTO length, is_due;
    IF FOUND THEN
        IF is_due THEN
            PERFORM message_renew(owner_id, growing_id);
        END IF;
        outcome := 'appended';
        RETURN;
    END IF;
    SELECT g.length, g.tail INTO head
    FROM message_growths AS g
    WHERE g.user_id = owner_id AND g.message_id = growing_id
    FOR UPDATE;
    IF NOT FOUND THEN
        -- The first append. Locking the message keeps it from ending meanwhile, and other appends from being first.
        PERFORM FROM messages AS m
        WHERE m.user_id = owner_id AND m.id = growing_id AND m.status = 'streaming' AND m.deleted_at IS NULL
        FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            outcome := 'closed';
            RETURN;
        END IF;
        INSERT INTO message_growths (user_id, message_id, length)
        SELECT m.user_id, m.id, char_length(m.content)
        FROM messages AS m
        WHERE m.user_id = owner_id AND m.id = growing_id
        ON CONFLICT DO NOTHING;
        SELECT g.length, g.tail INTO head
        FROM message_growths AS g
        WHERE g.user_id = owner_id AND g.message_id = growing_id
        FOR UPDATE;
    END IF;
    length := head.length;
    IF at_offset > head.length THEN
        outcome := 'gap';
        RETURN;
    ELSIF at_offset < head.length THEN
        SELECT left(
            right(m.content, greatest(char_length(m.content) - at_offset, 0))
                || message_grown(owner_id, growing_id, at_offset),
            char_length(addition)) INTO known
        FROM messages AS m
        WHERE m.user_id = owner_id AND m.id = growing_id;
        IF NOT starts_with(addition, known) THEN
            outcome := 'differs';
            RETURN;
        END IF;
    END IF;
    PERFORM message_renew(owner_id, growing_id);
    outcome := 'appended';
    length := at_offset + char_length(addition);
    addition := substr(addition, head.length - at_offset + 1);
    IF addition = '' THEN
        RETURN;
    END IF;
    IF octet_length(head.tail) + octet_length(addition) > largest_tail THEN
        INSERT INTO message_pieces (user_id, message_id, until, text)
        SELECT owner_id, growing_id, head.length, head.tail
        WHERE head.tail <> '';
        head.tail := '';
    END IF;
    IF octet_length(addition) > largest_tail THEN
        INSERT INTO message_pieces (user_id, message_id, until, text) VALUES (owner_id, growing_id, length, addition);
        addition := '';
    END IF;
    UPDATE message_growths AS g
    SET length = message_append.length, tail = head.tail || addition
    WHERE g.user_id = owner_id AND g.message_id = growing_id;
END
$$;

ALTER FUNCTION parley.message_append(owner_id uuid, growing_id uuid, at_offset integer, addition text, OUT outcome text, OUT length integer) OWNER TO parley_owner;

-- function message_feedback_fill()

CREATE FUNCTION parley.message_feedback_fill() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            IF (NEW.conversation_id IS NULL) THEN
                SELECT coalesce(NEW.conversation_id, p.conversation_id) INTO NEW.conversation_id FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.message_id;
                IF NOT FOUND THEN
                    RAISE foreign_key_violation USING CONSTRAINT = 'message_feedback_message_id_exists', TABLE = 'message_feedback',
                        MESSAGE = 'the linked row does not exist';
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.message_feedback_fill() OWNER TO parley_owner;

-- comment FUNCTION message_feedback_fill()

COMMENT ON FUNCTION parley.message_feedback_fill() IS 'Made by SELECT fill_from(''message_feedback'', ''message_id'', ''{conversation_id}'');';

-- function message_feedback_links()

CREATE FUNCTION parley.message_feedback_links() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE
                    WHEN true AND NOT EXISTS (SELECT FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL) THEN 'message_feedback_conversation_id_exists'
                    WHEN true AND NOT EXISTS (SELECT FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL) THEN 'message_feedback_message_id_exists'
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = 'message_feedback',
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (NEW.user_id, NEW.conversation_id, NEW.user_id, NEW.conversation_id, NEW.message_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id, OLD.user_id, OLD.conversation_id, OLD.message_id) THEN
                IF true AND NEW.conversation_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id) THEN
                    PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'message_feedback_conversation_id_exists', TABLE = 'message_feedback',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
                IF true AND NEW.message_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id, NEW.message_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id, OLD.message_id) THEN
                    PERFORM FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'message_feedback_message_id_exists', TABLE = 'message_feedback',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
            END IF;
            IF true AND OLD.deleted_at IS NOT NULL AND current_user <> 'parley_owner' THEN
                PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = 'message_feedback_id_within', TABLE = 'message_feedback', MESSAGE = 'this message feedback cannot be changed while its conversation is deleted';
                END IF;
            END IF;
            IF true AND OLD.deleted_at IS NOT NULL AND current_user <> 'parley_owner' THEN
                PERFORM FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = 'message_feedback_id_within', TABLE = 'message_feedback', MESSAGE = 'this message feedback cannot be changed while its message is deleted';
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.message_feedback_links() OWNER TO parley_owner;

-- comment FUNCTION message_feedback_links()

COMMENT ON FUNCTION parley.message_feedback_links() IS 'Made by SELECT keep_links(''message_feedback'', within => ''{conversation_id,message_id}'', marked => ''t'', on_insert => ''t'');';

-- function message_feedback_rollup_conversation()

CREATE FUNCTION parley.message_feedback_rollup_conversation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            deltas refcursor;
            delta record;
        BEGIN
            -- A parent that is deleted or restored together with these rows keeps its roll-ups.
            IF current_setting('app.marking', true) = 'message_feedback.conversation_id' THEN
                RETURN NULL;
            ELSIF TG_OP = 'INSERT' THEN
                OPEN deltas FOR
                SELECT d.*
                FROM (
                    SELECT r.user_id, r.parent_id, sum(r.negative_feedback) AS negative_feedback, sum(r.neutral_feedback) AS neutral_feedback, sum(r.positive_feedback) AS positive_feedback
                    FROM (
                        SELECT t.user_id, t.conversation_id AS parent_id, coalesce((type = 'negative')::integer, 0) AS negative_feedback, coalesce((type = 'neutral')::integer, 0) AS neutral_feedback, coalesce((type = 'positive')::integer, 0) AS positive_feedback
                        FROM new_rows AS t
                        WHERE t.conversation_id IS NOT NULL AND (t.deleted_at IS NULL OR t.deleted_at = (SELECT p.deleted_at FROM conversations AS p WHERE p.user_id = t.user_id AND p.id = t.conversation_id))
                    ) AS r
                    GROUP BY r.user_id, r.parent_id
                    HAVING sum(r.negative_feedback) <> 0 OR sum(r.neutral_feedback) <> 0 OR sum(r.positive_feedback) <> 0
                ) AS d
                ORDER BY d.parent_id;
            ELSIF TG_OP = 'DELETE' THEN
                OPEN deltas FOR
                SELECT d.*
                FROM (
                    SELECT r.user_id, r.parent_id, sum(r.negative_feedback) AS negative_feedback, sum(r.neutral_feedback) AS neutral_feedback, sum(r.positive_feedback) AS positive_feedback
                    FROM (
                        SELECT t.user_id, t.conversation_id AS parent_id, -coalesce((type = 'negative')::integer, 0) AS negative_feedback, -coalesce((type = 'neutral')::integer, 0) AS neutral_feedback, -coalesce((type = 'positive')::integer, 0) AS positive_feedback
                        FROM old_rows AS t
                        WHERE t.conversation_id IS NOT NULL AND (t.deleted_at IS NULL OR t.deleted_at = (SELECT p.deleted_at FROM conversations AS p WHERE p.user_id = t.user_id AND p.id = t.conversation_id))
                    ) AS r
                    GROUP BY r.user_id, r.parent_id
                    HAVING sum(r.negative_feedback) <> 0 OR sum(r.neutral_feedback) <> 0 OR sum(r.positive_feedback) <> 0
                ) AS d
                ORDER BY d.parent_id;
            ELSE
                OPEN deltas FOR
                SELECT d.*
                FROM (
                    SELECT r.user_id, r.parent_id, sum(r.negative_feedback) AS negative_feedback, sum(r.neutral_feedback) AS neutral_feedback, sum(r.positive_feedback) AS positive_feedback
                    FROM (
                        SELECT t.user_id, t.conversation_id AS parent_id, coalesce((type = 'negative')::integer, 0) AS negative_feedback, coalesce((type = 'neutral')::integer, 0) AS neutral_feedback, coalesce((type = 'positive')::integer, 0) AS positive_feedback
                        FROM new_rows AS t
                        WHERE t.conversation_id IS NOT NULL AND (t.deleted_at IS NULL OR t.deleted_at = (SELECT p.deleted_at FROM conversations AS p WHERE p.user_id = t.user_id AND p.id = t.conversation_id))
                        UNION ALL
                        SELECT t.user_id, t.conversation_id AS parent_id, -coalesce((type = 'negative')::integer, 0) AS negative_feedback, -coalesce((type = 'neutral')::integer, 0) AS neutral_feedback, -coalesce((type = 'positive')::integer, 0) AS positive_feedback
                        FROM old_rows AS t
                        WHERE t.conversation_id IS NOT NULL AND (t.deleted_at IS NULL OR t.deleted_at = (SELECT p.deleted_at FROM conversations AS p WHERE p.user_id = t.user_id AND p.id = t.conversation_id))
                    ) AS r
                    GROUP BY r.user_id, r.parent_id
                    HAVING sum(r.negative_feedback) <> 0 OR sum(r.neutral_feedback) <> 0 OR sum(r.positive_feedback) <> 0
                ) AS d
                ORDER BY d.parent_id;
            END IF;
            LOOP
                FETCH deltas INTO delta;
                EXIT WHEN NOT FOUND;
                UPDATE conversations AS p
                SET negative_feedback = p.negative_feedback + delta.negative_feedback,
                    neutral_feedback = p.neutral_feedback + delta.neutral_feedback,
                    positive_feedback = p.positive_feedback + delta.positive_feedback
                WHERE p.user_id = delta.user_id AND p.id = delta.parent_id
                    AND (delta.negative_feedback <> 0 OR delta.neutral_feedback <> 0 OR delta.positive_feedback <> 0);
                IF NOT FOUND AND delta.user_id IS DISTINCT FROM tenant() THEN
                    RAISE insufficient_privilege USING
                        MESSAGE = format('to change message_feedback of user %s, set app.user_id to this user', delta.user_id);
                END IF;
            END LOOP;
            CLOSE deltas;
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.message_feedback_rollup_conversation() OWNER TO parley_owner;

-- comment FUNCTION message_feedback_rollup_conversation()

COMMENT ON FUNCTION parley.message_feedback_rollup_conversation() IS 'Made by SELECT rollup_function(''message_feedback'', ''conversation_id'', ''conversations'', ''{"neutral_feedback": {"sum": "(type = ''''neutral'''')::integer"}, "negative_feedback": {"sum": "(type = ''''negative'''')::integer"}, "positive_feedback": {"sum": "(type = ''''positive'''')::integer"}}'');';

-- function message_feedback_write()

CREATE FUNCTION parley.message_feedback_write() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    PERFORM FROM messages AS m WHERE m.user_id = NEW.user_id AND m.id = NEW.message_id AND m.role = 'assistant';
    IF NOT FOUND THEN
        RAISE check_violation USING CONSTRAINT = 'message_feedback_message_id_role', TABLE = 'message_feedback',
            MESSAGE = 'only messages of the assistant can have feedback';
    END IF;
    NEW.session_id := actor_session();
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.message_feedback_write() OWNER TO parley_owner;

-- function message_grown(uuid, uuid, integer)

CREATE FUNCTION parley.message_grown(owner_id uuid, growing_id uuid, from_offset integer) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN concat(
        (SELECT string_agg(right(p.text, p.until - from_offset), '' ORDER BY p.until)
         FROM message_pieces AS p
         WHERE p.user_id = owner_id AND p.message_id = growing_id AND p.until > from_offset),
        (SELECT right(g.tail, greatest(g.length - from_offset, 0))
         FROM message_growths AS g
         WHERE g.user_id = owner_id AND g.message_id = growing_id));
END
$$;

ALTER FUNCTION parley.message_grown(owner_id uuid, growing_id uuid, from_offset integer) OWNER TO parley_owner;

-- function message_reactions_fill()

CREATE FUNCTION parley.message_reactions_fill() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            IF (NEW.conversation_id IS NULL) THEN
                SELECT coalesce(NEW.conversation_id, p.conversation_id) INTO NEW.conversation_id FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.message_id;
                IF NOT FOUND THEN
                    RAISE foreign_key_violation USING CONSTRAINT = 'message_reactions_message_id_exists', TABLE = 'message_reactions',
                        MESSAGE = 'the linked row does not exist';
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.message_reactions_fill() OWNER TO parley_owner;

-- comment FUNCTION message_reactions_fill()

COMMENT ON FUNCTION parley.message_reactions_fill() IS 'Made by SELECT fill_from(''message_reactions'', ''message_id'', ''{conversation_id}'');';

-- function message_reactions_links()

CREATE FUNCTION parley.message_reactions_links() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE
                    WHEN true AND NOT EXISTS (SELECT FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL) THEN 'message_reactions_conversation_id_exists'
                    WHEN true AND NOT EXISTS (SELECT FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL) THEN 'message_reactions_message_id_exists'
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = 'message_reactions',
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (NEW.user_id, NEW.conversation_id, NEW.user_id, NEW.conversation_id, NEW.message_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id, OLD.user_id, OLD.conversation_id, OLD.message_id) THEN
                IF true AND NEW.conversation_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id) THEN
                    PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'message_reactions_conversation_id_exists', TABLE = 'message_reactions',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
                IF true AND NEW.message_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id, NEW.message_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id, OLD.message_id) THEN
                    PERFORM FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'message_reactions_message_id_exists', TABLE = 'message_reactions',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
            END IF;
            IF true AND OLD.deleted_at IS NOT NULL AND current_user <> 'parley_owner' THEN
                PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = 'message_reactions_id_within', TABLE = 'message_reactions', MESSAGE = 'this message reaction cannot be changed while its conversation is deleted';
                END IF;
            END IF;
            IF true AND OLD.deleted_at IS NOT NULL AND current_user <> 'parley_owner' THEN
                PERFORM FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = 'message_reactions_id_within', TABLE = 'message_reactions', MESSAGE = 'this message reaction cannot be changed while its message is deleted';
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.message_reactions_links() OWNER TO parley_owner;

-- comment FUNCTION message_reactions_links()

COMMENT ON FUNCTION parley.message_reactions_links() IS 'Made by SELECT keep_links(''message_reactions'', within => ''{conversation_id,message_id}'', marked => ''t'', on_insert => ''t'');';

-- function message_reactions_message_id_most()

CREATE FUNCTION parley.message_reactions_message_id_most() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND EXISTS (SELECT FROM (SELECT OLD.*) AS t WHERE (true) AND deleted_at IS NULL) AND OLD.message_id IS NOT DISTINCT FROM NEW.message_id
                OR NOT EXISTS (SELECT FROM (SELECT NEW.*) AS t WHERE (true) AND deleted_at IS NULL)
            THEN
                RETURN NULL;
            END IF;
            IF (SELECT count(*) FROM message_reactions AS t WHERE t.user_id = NEW.user_id AND t.message_id = NEW.message_id AND (true) AND deleted_at IS NULL) > 20 THEN
                RAISE check_violation USING CONSTRAINT = 'message_reactions_message_id_most', TABLE = 'message_reactions', MESSAGE = 'A message has at most 20 reactions';
            END IF;
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.message_reactions_message_id_most() OWNER TO parley_owner;

-- comment FUNCTION message_reactions_message_id_most()

COMMENT ON FUNCTION parley.message_reactions_message_id_most() IS 'Made by SELECT add_most(''message_reactions'', ''20'', ''A message has at most 20 reactions.'', ''true'', ''message_id'');';

-- function message_reactions_write()

CREATE FUNCTION parley.message_reactions_write() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    NEW.actor := actor();
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.message_reactions_write() OWNER TO parley_owner;

-- function message_renew(uuid, uuid)

CREATE FUNCTION parley.message_renew(owner_id uuid, growing_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    allowed interval;
BEGIN
    PERFORM FROM message_growths AS g
    WHERE g.user_id = owner_id AND g.message_id = growing_id AND g.renew_at < clock_timestamp();
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE leases AS l SET until = clock_timestamp() + l.length
    WHERE l.user_id = owner_id AND l.work_id = growing_id AND l.kind = 'messages'
    RETURNING l.length INTO allowed;
    UPDATE message_growths AS g SET renew_at = clock_timestamp() + allowed / 4
    WHERE g.user_id = owner_id AND g.message_id = growing_id AND allowed IS NOT NULL;
END
$$;

ALTER FUNCTION parley.message_renew(owner_id uuid, growing_id uuid) OWNER TO parley_owner;

-- function messages_enter()

CREATE FUNCTION parley.messages_enter() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    at timestamptz := clock_timestamp();
    since timestamptz;
    is_full boolean;
BEGIN
    -- messages_insert_all() has done all this. The runtime role cannot set `seq`.
    IF NEW.seq IS NOT NULL THEN
        RETURN NEW;
    END IF;
    UPDATE feeds
    SET version = version + 2,
        latest_since = CASE
            WHEN latest_conversation_id = NEW.conversation_id THEN latest_since
            ELSE greatest(at, latest_since + interval '1 microsecond') END,
        latest_conversation_id = NEW.conversation_id
    WHERE user_id = NEW.user_id
    RETURNING version, latest_since INTO NEW.version, since;
    -- None of these columns fires the feed's triggers, and only `active_since` is indexed.
    UPDATE conversations
    SET last_seq = last_seq + 1,
        message_count = message_count + 1,
        last_message_id = NEW.id,
        last_message_at = NEW.created_at,
        active_at = NEW.created_at,
        active_since = since,
        message_tokens = message_tokens + coalesce(NEW.token_count, 0),
        response_count = response_count + (NEW.processing_ms IS NOT NULL)::integer,
        response_ms = response_ms + coalesce(NEW.processing_ms, 0),
        updated_at = at,
        version = NEW.version - 1
    WHERE user_id = NEW.user_id AND id = NEW.conversation_id AND deleted_at IS NULL
    RETURNING last_seq, updated_at, message_count > max_messages AND NOT is_archived
    INTO NEW.seq, NEW.updated_at, is_full;
    IF NOT FOUND THEN
        IF NEW.version IS NULL THEN
            PERFORM feed_missing(NEW.user_id);
        END IF;
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_conversation_id_exists', TABLE = 'messages',
            MESSAGE = 'the conversation does not exist or is deleted';
    END IF;
    INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
    VALUES
        (NEW.user_id, NEW.version - 1, 'conversations', NEW.conversation_id, 'update', '{}', at),
        (NEW.user_id, NEW.version, 'messages', NEW.id, 'insert',
            jsonb_build_object('conversation_id', NEW.conversation_id), at);
    -- One condition for everything rare: a connection prepares each expression again in every transaction.
    IF is_full OR NEW.parent_id IS NOT NULL OR NEW.status = 'streaming' THEN
        IF NEW.parent_id IS NOT NULL THEN
            PERFORM FROM messages AS m
            WHERE m.user_id = NEW.user_id AND m.conversation_id = NEW.conversation_id AND m.id = NEW.parent_id
                AND m.deleted_at IS NULL;
            IF NOT FOUND THEN
                RAISE foreign_key_violation USING CONSTRAINT = 'messages_parent_id_exists', TABLE = 'messages',
                    MESSAGE = 'the parent does not exist or is deleted';
            END IF;
        END IF;
        IF NEW.status = 'streaming' THEN
            -- The id may be taken. The INSERT of the message reports that itself.
            INSERT INTO leases (user_id, work_id, kind, length, until)
            VALUES (NEW.user_id, NEW.id, 'messages', lease_length(), at + lease_length())
            ON CONFLICT DO NOTHING;
        END IF;
        IF is_full THEN
            -- Happens once, and is a change of its own in the feed.
            UPDATE conversations
            SET is_archived = true, is_auto_archived = true
            WHERE user_id = NEW.user_id AND id = NEW.conversation_id;
        END IF;
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.messages_enter() OWNER TO parley_owner;

-- function messages_gather()

CREATE FUNCTION parley.messages_gather() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF NEW.deleted_at IS NOT NULL AND NEW.status = 'streaming' THEN
        NEW.status := 'cancelled';
    END IF;
    -- Waits for an append in progress, so that the statements below see all of it.
    PERFORM FROM message_growths AS g
    WHERE g.user_id = OLD.user_id AND g.message_id = OLD.id
    FOR UPDATE;
    IF FOUND THEN
        IF NEW.content <> OLD.content THEN
            RAISE check_violation USING CONSTRAINT = 'messages_content_growing', TABLE = 'messages',
                MESSAGE = 'the content of this message cannot be changed while text is being appended to it';
        END IF;
        IF NEW.status <> 'streaming' THEN
            NEW.content := content_so_far(OLD);
            DELETE FROM message_growths AS g WHERE g.user_id = OLD.user_id AND g.message_id = OLD.id;
        END IF;
    END IF;
    IF NEW.status = 'streaming' THEN
        UPDATE leases AS l SET until = clock_timestamp() + l.length
        WHERE l.user_id = OLD.user_id AND l.work_id = OLD.id AND l.kind = 'messages';
    ELSE
        DELETE FROM leases AS l WHERE l.user_id = OLD.user_id AND l.work_id = OLD.id AND l.kind = 'messages';
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.messages_gather() OWNER TO parley_owner;

-- function messages_guard()

CREATE FUNCTION parley.messages_guard() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE check_violation USING CONSTRAINT = 'messages_status_final', TABLE = 'messages',
        MESSAGE = format('the status of a message cannot change from %s to %s', OLD.status, NEW.status);
END
$$;

ALTER FUNCTION parley.messages_guard() OWNER TO parley_owner;

-- function messages_insert_all(jsonb)

CREATE FUNCTION parley.messages_insert_all(proposed jsonb) RETURNS SETOF parley.messages
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    at timestamptz := clock_timestamp();
    first_version bigint;
    since timestamptz;
    touched bigint := (SELECT count(DISTINCT one ->> 'conversation_id') FROM jsonb_array_elements(proposed) AS one);
    latest uuid := proposed -> -1 ->> 'conversation_id';
    made messages[];
BEGIN
    UPDATE feeds
    SET version = version + jsonb_array_length(proposed) + touched,
        latest_since = CASE
            WHEN touched = 1 AND latest_conversation_id = latest THEN latest_since
            -- Conversations that become active together differ by a microsecond.
            ELSE greatest(at, latest_since) + touched * interval '1 microsecond' END,
        latest_conversation_id = latest
    WHERE user_id = tenant()
    RETURNING version - jsonb_array_length(proposed) - touched, latest_since INTO first_version, since;
    IF first_version IS NULL THEN
        PERFORM feed_missing(tenant());
    END IF;
    WITH new AS MATERIALIZED (
        SELECT
            r.*, coalesce(id, uuid7()) AS new_id, at + (ordinality - 1) * interval '1 microsecond' AS created,
            row_number() OVER (PARTITION BY conversation_id ORDER BY ordinality) AS number
        FROM jsonb_populate_recordset(NULL::messages, proposed) WITH ORDINALITY AS r
    ), sums AS (
        SELECT
            conversation_id, count(*) AS messages, sum(token_count) AS tokens, count(processing_ms) AS responses,
            sum(processing_ms) AS milliseconds, max(created) AS last_created,
            (array_agg(new_id ORDER BY ordinality DESC))[1] AS last_id,
            row_number() OVER (ORDER BY max(ordinality)) AS number
        FROM new
        GROUP BY conversation_id
    ), entered AS (
        -- None of these columns fires the feed's triggers, and only `active_since` is indexed.
        UPDATE conversations AS c
        SET last_seq = last_seq + s.messages,
            message_count = message_count + s.messages,
            last_message_id = s.last_id,
            last_message_at = s.last_created,
            active_at = s.last_created,
            active_since = since - (touched - s.number) * interval '1 microsecond',
            message_tokens = message_tokens + coalesce(s.tokens, 0),
            response_count = response_count + s.responses,
            response_ms = response_ms + coalesce(s.milliseconds, 0),
            updated_at = at,
            version = first_version + s.number
        FROM sums AS s
        WHERE c.user_id = tenant() AND c.id = s.conversation_id AND c.deleted_at IS NULL
        RETURNING c.id, c.last_seq - s.messages AS last_seq, c.version
    ), told AS (
        INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
        SELECT tenant(), version, 'conversations', id, 'update', '{}', at
        FROM entered
    ), inserted AS (
        INSERT INTO messages AS m (
            user_id, id, conversation_id, seq, parent_id, role, content, status, token_count, model, finish_reason,
            processing_ms, relevance_score, images, files, provider_metadata, created_at, updated_at, version,
            request_hash)
        SELECT
            tenant(), new.new_id, new.conversation_id, entered.last_seq + new.number, new.parent_id,
            new.role, new.content, coalesce(new.status, 'complete'), new.token_count, new.model, new.finish_reason,
            new.processing_ms, new.relevance_score, coalesce(new.images, '[]'), coalesce(new.files, '[]'),
            coalesce(new.provider_metadata, '{}'), new.created, at, first_version + touched + new.ordinality,
            new.request_hash
        FROM new
        -- A message without a conversation gets no number, and messages_enter() refuses it.
        LEFT JOIN entered ON entered.id = new.conversation_id
        ORDER BY new.ordinality
        RETURNING m
    )
    SELECT array_agg(m) INTO made FROM inserted;
    INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
    SELECT tenant(), m.version, 'messages', m.id, 'insert', jsonb_build_object('conversation_id', m.conversation_id), at
    FROM unnest(made) AS m;
    IF EXISTS (
        SELECT FROM unnest(made) AS m
        WHERE m.parent_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM messages AS p
            WHERE p.user_id = m.user_id AND p.conversation_id = m.conversation_id AND p.id = m.parent_id
                AND p.deleted_at IS NULL AND p.version < m.version)
    ) THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_parent_id_exists', TABLE = 'messages',
            MESSAGE = 'the parent does not exist or is deleted';
    END IF;
    INSERT INTO leases (user_id, work_id, kind, length, until)
    SELECT m.user_id, m.id, 'messages', lease_length(), at + lease_length()
    FROM unnest(made) AS m
    WHERE m.status = 'streaming';
    UPDATE conversations AS c
    SET is_archived = true, is_auto_archived = true
    WHERE c.user_id = tenant() AND c.id IN (SELECT conversation_id FROM unnest(made))
        AND c.message_count > c.max_messages AND NOT c.is_archived;
    RETURN QUERY SELECT * FROM unnest(made);
END
$$;

ALTER FUNCTION parley.messages_insert_all(proposed jsonb) OWNER TO parley_owner;

-- function messages_links()

CREATE FUNCTION parley.messages_links() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE
                    WHEN true AND NOT EXISTS (SELECT FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL) THEN 'messages_conversation_id_exists'
                    WHEN NEW.parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.parent_id AND p.deleted_at IS NULL) THEN 'messages_parent_id_exists'
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = 'messages',
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (NEW.user_id, NEW.conversation_id, NEW.user_id, NEW.conversation_id, NEW.parent_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id, OLD.user_id, OLD.conversation_id, OLD.parent_id) THEN
                IF true AND NEW.conversation_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id) THEN
                    PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'messages_conversation_id_exists', TABLE = 'messages',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
                IF NEW.parent_id IS NOT NULL AND NEW.parent_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id, NEW.parent_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id, OLD.parent_id) THEN
                    PERFORM FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.parent_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'messages_parent_id_exists', TABLE = 'messages',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
                IF EXISTS (
                    WITH RECURSIVE above (id) AS (
                        SELECT NEW.parent_id
                        UNION
                        SELECT t.parent_id FROM above JOIN parley.messages AS t ON t.user_id = NEW.user_id AND t.id = above.id)
                    SELECT FROM above WHERE id = NEW.id
                ) THEN
                    RAISE check_violation USING CONSTRAINT = 'messages_parent_id_circle', TABLE = 'messages', MESSAGE = 'this message would be its own ancestor';
                END IF;
            END IF;
            IF true AND  current_user <> 'parley_owner' THEN
                PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = 'messages_id_within', TABLE = 'messages', MESSAGE = 'this message cannot be changed while its conversation is deleted';
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.messages_links() OWNER TO parley_owner;

-- comment FUNCTION messages_links()

COMMENT ON FUNCTION parley.messages_links() IS 'Made by SELECT keep_links(''messages'', within => ''{conversation_id}'', marked => ''f'', on_insert => ''f'');';

-- function messages_recount()

CREATE FUNCTION parley.messages_recount() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    was integer := (OLD.deleted_at IS NULL)::integer;
    is_now integer := (NEW.deleted_at IS NULL)::integer;
BEGIN
    UPDATE conversations AS c
    SET message_count = c.message_count + is_now - was,
        message_tokens = c.message_tokens
            + is_now * coalesce(NEW.token_count, 0) - was * coalesce(OLD.token_count, 0),
        response_count = c.response_count
            + is_now * (NEW.processing_ms IS NOT NULL)::integer - was * (OLD.processing_ms IS NOT NULL)::integer,
        response_ms = c.response_ms
            + is_now * coalesce(NEW.processing_ms, 0) - was * coalesce(OLD.processing_ms, 0),
        (last_message_id, last_message_at) = (
            SELECT m.id, m.created_at
            FROM messages AS m
            WHERE m.user_id = NEW.user_id AND m.conversation_id = NEW.conversation_id AND m.deleted_at IS NULL
            ORDER BY m.seq DESC
            LIMIT 1),
        -- The value stays the same, but setting it fires the feed's triggers.
        is_archived = c.is_archived
    WHERE c.user_id = NEW.user_id AND c.id = NEW.conversation_id;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('to change messages of user %s, set app.user_id to this user', NEW.user_id);
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.messages_recount() OWNER TO parley_owner;

-- function messages_rules()

CREATE FUNCTION parley.messages_rules() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            IF (true
                AND ((new.role <> ALL (ARRAY['user'::text, 'system'::text])) OR (new.content ~ '[^[:space:]]'::text) OR ((new.images || new.files) <> '[]'::jsonb))
                AND (char_length(new.content) <= 262144)
                AND (new.role = ANY (ARRAY['user'::text, 'assistant'::text, 'system'::text, 'tool'::text]))) IS NOT FALSE THEN
                IF true
                    AND NEW.files = '[]'::jsonb
                    AND NEW.finish_reason IS NULL
                    AND NEW.images = '[]'::jsonb
                    AND NEW.model IS NULL
                    AND NEW.processing_ms IS NULL
                    AND NEW.provider_metadata = '{}'::jsonb
                    AND NEW.relevance_score IS NULL
                    AND NEW.status = 'complete'::text
                    AND NEW.token_count IS NULL THEN
                    RETURN NEW;
                END IF;
                IF (true
                    AND ((jsonb_typeof(new.files) = 'array'::text) AND (pg_column_size(new.files) <= 65536))
                    AND ((char_length(new.finish_reason) >= 1) AND (char_length(new.finish_reason) <= 50))
                    AND ((jsonb_typeof(new.images) = 'array'::text) AND (pg_column_size(new.images) <= 65536))
                    AND ((char_length(new.model) >= 1) AND (char_length(new.model) <= 100))
                    AND (new.processing_ms >= 0)
                    AND ((jsonb_typeof(new.provider_metadata) = 'object'::text) AND (pg_column_size(new.provider_metadata) <= 65536))
                    AND ((new.relevance_score >= (0)::double precision) AND (new.relevance_score <= (1)::double precision))
                    AND (new.status = ANY (ARRAY['complete'::text, 'streaming'::text, 'failed'::text, 'cancelled'::text]))
                    AND (new.token_count >= 0)) IS NOT FALSE THEN
                    RETURN NEW;
                END IF;
            END IF;
            RAISE check_violation USING TABLE = 'messages', MESSAGE = 'a value is not allowed', CONSTRAINT = CASE
            WHEN NOT ((new.role <> ALL (ARRAY['user'::text, 'system'::text])) OR (new.content ~ '[^[:space:]]'::text) OR ((new.images || new.files) <> '[]'::jsonb)) THEN 'messages_content_blank'
            WHEN NOT (char_length(new.content) <= 262144) THEN 'messages_content_length'
            WHEN NOT ((jsonb_typeof(new.files) = 'array'::text) AND (pg_column_size(new.files) <= 65536)) THEN 'messages_files_size'
            WHEN NOT ((char_length(new.finish_reason) >= 1) AND (char_length(new.finish_reason) <= 50)) THEN 'messages_finish_reason_length'
            WHEN NOT ((jsonb_typeof(new.images) = 'array'::text) AND (pg_column_size(new.images) <= 65536)) THEN 'messages_images_size'
            WHEN NOT ((char_length(new.model) >= 1) AND (char_length(new.model) <= 100)) THEN 'messages_model_length'
            WHEN NOT (new.processing_ms >= 0) THEN 'messages_processing_ms_range'
            WHEN NOT ((jsonb_typeof(new.provider_metadata) = 'object'::text) AND (pg_column_size(new.provider_metadata) <= 65536)) THEN 'messages_provider_metadata_size'
            WHEN NOT ((new.relevance_score >= (0)::double precision) AND (new.relevance_score <= (1)::double precision)) THEN 'messages_relevance_score_range'
            WHEN NOT (new.role = ANY (ARRAY['user'::text, 'assistant'::text, 'system'::text, 'tool'::text])) THEN 'messages_role_known'
            WHEN NOT (new.status = ANY (ARRAY['complete'::text, 'streaming'::text, 'failed'::text, 'cancelled'::text])) THEN 'messages_status_known'
            WHEN NOT (new.token_count >= 0) THEN 'messages_token_count_range'
            END;
        END
        $$;

ALTER FUNCTION parley.messages_rules() OWNER TO parley_owner;

-- comment FUNCTION messages_rules()

COMMENT ON FUNCTION parley.messages_rules() IS 'Made by SELECT rules_at_once(''messages'', spare_others => ''f'');';

-- function model_price(text, text, timestamp with time zone, bigint)

CREATE FUNCTION parley.model_price(provider text, model text, at timestamp with time zone, input_tokens bigint DEFAULT 0) RETURNS TABLE(llm_model_id uuid, valid_from timestamp with time zone, input_usd_per_million numeric, output_usd_per_million numeric, cache_read_usd_per_million numeric, cache_write_usd_per_million numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    price llm_model_prices := model_price_at(provider, model, at);
BEGIN
    IF price.id IS NOT NULL THEN
        RETURN QUERY SELECT price.llm_model_id, price.valid_from, p.* FROM price_for_input(price, input_tokens) AS p;
    END IF;
END
$$;

ALTER FUNCTION parley.model_price(provider text, model text, at timestamp with time zone, input_tokens bigint) OWNER TO parley_owner;

-- table llm_model_prices

CREATE TABLE parley.llm_model_prices (
    id uuid DEFAULT parley.uuid7() NOT NULL,
    llm_model_id uuid NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    input_usd_per_million numeric NOT NULL,
    output_usd_per_million numeric NOT NULL,
    cache_read_usd_per_million numeric,
    cache_write_usd_per_million numeric,
    tier_list jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT llm_model_prices_cache_read_usd_per_million_range CHECK (((cache_read_usd_per_million >= (0)::numeric) AND (cache_read_usd_per_million <= (1000000)::numeric))),
    CONSTRAINT llm_model_prices_cache_write_usd_per_million_range CHECK (((cache_write_usd_per_million >= (0)::numeric) AND (cache_write_usd_per_million <= (1000000)::numeric))),
    CONSTRAINT llm_model_prices_input_usd_per_million_range CHECK (((input_usd_per_million >= (0)::numeric) AND (input_usd_per_million <= (1000000)::numeric))),
    CONSTRAINT llm_model_prices_output_usd_per_million_range CHECK (((output_usd_per_million >= (0)::numeric) AND (output_usd_per_million <= (1000000)::numeric)))
);

ALTER TABLE parley.llm_model_prices OWNER TO parley_owner;

-- comment TABLE llm_model_prices

COMMENT ON TABLE parley.llm_model_prices IS 'Reference data: the same for all users.';

-- comment COLUMN llm_model_prices.tier_list

COMMENT ON COLUMN parley.llm_model_prices.tier_list IS 'Other prices for calls with more input: objects with above (tokens), input, output, cacheRead and cacheWrite.';

-- comment CONSTRAINT llm_model_prices_cache_read_usd_per_million_range ON llm_model_prices

COMMENT ON CONSTRAINT llm_model_prices_cache_read_usd_per_million_range ON parley.llm_model_prices IS 'The price must be between 0 and 1000000.';

-- comment CONSTRAINT llm_model_prices_cache_write_usd_per_million_range ON llm_model_prices

COMMENT ON CONSTRAINT llm_model_prices_cache_write_usd_per_million_range ON parley.llm_model_prices IS 'The price must be between 0 and 1000000.';

-- comment CONSTRAINT llm_model_prices_input_usd_per_million_range ON llm_model_prices

COMMENT ON CONSTRAINT llm_model_prices_input_usd_per_million_range ON parley.llm_model_prices IS 'The price must be between 0 and 1000000.';

-- comment CONSTRAINT llm_model_prices_output_usd_per_million_range ON llm_model_prices

COMMENT ON CONSTRAINT llm_model_prices_output_usd_per_million_range ON parley.llm_model_prices IS 'The price must be between 0 and 1000000.';

-- function model_price_at(text, text, timestamp with time zone)

CREATE FUNCTION parley.model_price_at(provider text, model text, at timestamp with time zone) RETURNS parley.llm_model_prices
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    model_id uuid := natural_id(provider, model);
    price llm_model_prices;
BEGIN
    FOR attempt IN 1..2 LOOP
        SELECT p.* INTO price
        FROM llm_model_prices AS p
        WHERE p.llm_model_id = model_id AND p.valid_from <= model_price_at.at
        ORDER BY p.valid_from DESC
        LIMIT 1;
        EXIT WHEN FOUND;
        model_id := named_model(provider, model);
    END LOOP;
    RETURN price;
END
$$;

ALTER FUNCTION parley.model_price_at(provider text, model text, at timestamp with time zone) OWNER TO parley_owner;

-- function model_prices_apply()

CREATE FUNCTION parley.model_prices_apply() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    changed integer := 0;
BEGIN
    IF is_background_work() THEN
        UPDATE llm_models AS m
        SET input_usd_per_million = p.input_usd_per_million, output_usd_per_million = p.output_usd_per_million
        FROM (
            SELECT DISTINCT ON (llm_model_id) *
            FROM llm_model_prices
            WHERE valid_from <= clock_timestamp()
            ORDER BY llm_model_id, valid_from DESC
        ) AS p
        WHERE p.llm_model_id = m.id
            AND (m.input_usd_per_million, m.output_usd_per_million)
                IS DISTINCT FROM (p.input_usd_per_million, p.output_usd_per_million);
        GET DIAGNOSTICS changed = ROW_COUNT;
    END IF;
    RETURN changed;
END
$$;

ALTER FUNCTION parley.model_prices_apply() OWNER TO parley_owner;

-- function named_model(text, text)

CREATE FUNCTION parley.named_model(provider text, model text) RETURNS uuid
    LANGUAGE plpgsql STABLE
    AS $_$
BEGIN
    RETURN (
        SELECT m.id
        FROM unnest(ARRAY[model, nullif(regexp_replace(model, '[-@]\d{4}-?\d{2}-?\d{2}$', ''), model)])
            WITH ORDINALITY AS n (name, position)
        JOIN llm_models AS m ON m.provider = named_model.provider
            AND (lower(m.model_id) = lower(n.name) OR lower(n.name) ~ m.name_pattern)
        ORDER BY n.position, m.model_id <> n.name, m.is_retired, m.model_id COLLATE "C"
        LIMIT 1);
END
$_$;

ALTER FUNCTION parley.named_model(provider text, model text) OWNER TO parley_owner;

-- function natural_id(text[])

CREATE FUNCTION parley.natural_id(VARIADIC parts text[]) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
SELECT encode(set_byte(set_byte(hash, 6, get_byte(hash, 6) & 15 | 128), 8, get_byte(hash, 8) & 63 | 128), 'hex')::uuid
FROM (SELECT substring(sha256(convert_to(array_to_string(parts, chr(31)), 'UTF8')) FROM 1 FOR 16) AS hash) AS made
WHERE array_position(parts, NULL) IS NULL
$$;

ALTER FUNCTION parley.natural_id(VARIADIC parts text[]) OWNER TO parley_owner;

-- function object_list_mistake(jsonb, integer, jsonb)

CREATE FUNCTION parley.object_list_mistake(list jsonb, most integer, members jsonb) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    names text[];
    item jsonb;
    name text;
BEGIN
    IF list = '[]' THEN
        RETURN NULL;
    ELSIF jsonb_typeof(list) <> 'array' OR pg_column_size(list) > 65536 THEN
        RETURN '{}';
    ELSIF jsonb_array_length(list) > most THEN
        RETURN '{}';
    END IF;
    names := ARRAY(SELECT jsonb_object_keys(members));
    FOR n IN 0 .. jsonb_array_length(list) - 1 LOOP
        item := list -> n;
        IF jsonb_typeof(item) <> 'object' THEN
            RETURN ARRAY[n::text];
        END IF;
        FOREACH name IN ARRAY names LOOP
            IF char_length(item ->> name) > (members ->> name)::integer THEN
                RETURN ARRAY[n::text, name];
            END IF;
        END LOOP;
    END LOOP;
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.object_list_mistake(list jsonb, most integer, members jsonb) OWNER TO parley_owner;

-- function one_per_user(text, text[])

CREATE FUNCTION parley.one_per_user(table_name text, carry text[] DEFAULT '{}'::text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM tenant_table(
        table_name, carry => carry, without => '{deleted_at,request_hash}', privileges => 'SELECT, UPDATE');
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I UNIQUE (user_id)', table_name, table_name || '_user_id_key');
    -- For users_complete() and other functions of the owner, which name the user.
    EXECUTE format('CREATE POLICY reading ON %I FOR SELECT TO parley_owner USING (true)', table_name);
    EXECUTE format('CREATE POLICY completing ON %I FOR INSERT TO parley_owner WITH CHECK (true)', table_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER complete AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION users_complete(%s)', (
            SELECT string_agg(quote_literal(one), ', ')
            FROM (
                SELECT unnest(string_to_array(encode(tgargs, 'escape'), '\000'))
                FROM pg_trigger
                WHERE tgrelid = 'users'::regclass AND tgname = 'complete'
                UNION
                SELECT table_name
            ) AS completed (one)
            WHERE one <> ''));
    EXECUTE format('INSERT INTO %I (user_id) SELECT user_id FROM users ORDER BY user_id', table_name);
END
$$;

ALTER FUNCTION parley.one_per_user(table_name text, carry text[]) OWNER TO parley_owner;

-- function plan_in_force(uuid)

CREATE FUNCTION parley.plan_in_force(account uuid) RETURNS TABLE(plan text, status text)
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN QUERY
    SELECT CASE WHEN s.status = 'cancelled' THEN 'free' ELSE s.plan_type END, s.status
    FROM plan_subscriptions AS s
    WHERE s.user_id = account
    ORDER BY
        s.status = 'cancelled',
        array_position('{free,pro,enterprise}', s.plan_type) DESC,
        array_position('{past_due,trialing,active}', s.status) DESC
    LIMIT 1;
END
$$;

ALTER FUNCTION parley.plan_in_force(account uuid) OWNER TO parley_owner;

-- function plan_quotas_apply(uuid, text)

CREATE FUNCTION parley.plan_quotas_apply(account uuid, plan text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM usage_quotas AS q
    WHERE q.user_id = account AND q.set_by = 'system' AND NOT EXISTS (
        SELECT FROM plan_quotas AS p WHERE p.plan_type = plan AND is_same_quota(q, p));
    UPDATE usage_quotas AS q
    SET "limit" = p."limit", mode = p.mode
    FROM plan_quotas AS p
    WHERE q.user_id = account AND q.set_by = 'system' AND p.plan_type = plan AND is_same_quota(q, p)
        AND (q."limit", q.mode) <> (p."limit", p.mode);
    INSERT INTO usage_quotas (user_id, unit, period, provider, model, automation, counts_own_key, "limit", mode, set_by)
    SELECT account, p.unit, p.period, p.provider, p.model, p.automation, p.counts_own_key, p."limit", p.mode, 'system'
    FROM plan_quotas AS p
    WHERE p.plan_type = plan AND NOT EXISTS (
        SELECT FROM usage_quotas AS q WHERE q.user_id = account AND q.set_by = 'system' AND is_same_quota(q, p));
END
$$;

ALTER FUNCTION parley.plan_quotas_apply(account uuid, plan text) OWNER TO parley_owner;

-- function plan_quotas_apply_to_users(text[], uuid, integer)

CREATE FUNCTION parley.plan_quotas_apply_to_users(plans text[], after_id uuid, most integer) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
DECLARE
    account record;
    last_id uuid;
BEGIN
    FOR account IN
        SELECT u.user_id FROM users AS u WHERE u.user_id > after_id ORDER BY u.user_id LIMIT most
    LOOP
        last_id := account.user_id;
        PERFORM act_for(account.user_id);
        PERFORM FROM feeds WHERE user_id = account.user_id FOR UPDATE;
        -- The plan may have changed before the feed was locked.
        PERFORM plan_quotas_apply(u.user_id, u.plan_type)
        FROM users AS u
        WHERE u.user_id = account.user_id AND u.plan_type = ANY (plans);
    END LOOP;
    RETURN last_id;
END
$$;

ALTER FUNCTION parley.plan_quotas_apply_to_users(plans text[], after_id uuid, most integer) OWNER TO parley_owner;

-- function plan_quotas_canonical()

CREATE FUNCTION parley.plan_quotas_canonical() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            NEW.provider := canonical_name(NEW.provider);
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.plan_quotas_canonical() OWNER TO parley_owner;

-- comment FUNCTION plan_quotas_canonical()

COMMENT ON FUNCTION parley.plan_quotas_canonical() IS 'Made by SELECT keep_canonical(''plan_quotas'', ''{provider}'');';

-- function plan_set(uuid, text, text)

CREATE FUNCTION parley.plan_set(account uuid, plan text, status text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE users AS u
    SET plan_type = coalesce(plan_set.plan, p.plan, 'free'),
        plan_status = CASE WHEN plan_set.plan IS NULL THEN coalesce(p.status, 'active') ELSE plan_set.status END,
        is_plan_set = plan_set.plan IS NOT NULL
    FROM (SELECT) AS always
    LEFT JOIN plan_in_force(account) AS p ON true
    WHERE u.user_id = account;
END
$$;

ALTER FUNCTION parley.plan_set(account uuid, plan text, status text) OWNER TO parley_owner;

-- function plan_subscription_state(text, text, timestamp with time zone, uuid, text, text, text, timestamp with time zone, timestamp with time zone, timestamp with time zone)

CREATE FUNCTION parley.plan_subscription_state(said_by text, event text, event_at timestamp with time zone, account uuid, subscription text, plan text, new_status text, period_start timestamp with time zone, period_end timestamp with time zone, ends_at timestamp with time zone) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    caller jsonb;
    known plan_subscriptions;
    outcome text := 'written';
BEGIN
    IF NOT is_background_work() THEN
        RETURN NULL;
    END IF;
    PERFORM FROM feeds WHERE user_id = account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    DELETE FROM webhook_events
    WHERE (provider, event_id) IN (
        SELECT old.provider, old.event_id
        FROM webhook_events AS old
        WHERE old.seen_at < clock_timestamp() - interval '30 days'
        ORDER BY old.seen_at
        LIMIT 100
        FOR UPDATE SKIP LOCKED);
    INSERT INTO webhook_events (provider, event_id) VALUES (said_by, event) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'repeated';
    END IF;
    caller := act_for(account);
    SELECT * INTO known
    FROM plan_subscriptions AS s
    WHERE s.user_id = account AND s.provider = said_by AND s.external_id = subscription;
    IF NOT FOUND THEN
        INSERT INTO plan_subscriptions (
            user_id, provider, external_id, plan_type, status, current_period_start, current_period_end, cancel_at, stated_at)
        VALUES (account, said_by, subscription, plan, new_status, period_start, period_end, ends_at, event_at);
    ELSIF known.stated_at > event_at THEN
        outcome := 'outdated';
    ELSE
        UPDATE plan_subscriptions
        SET plan_type = plan, status = new_status, current_period_start = period_start, current_period_end = period_end,
            cancel_at = ends_at, stated_at = event_at
        WHERE user_id = account AND id = known.id;
    END IF;
    PERFORM stamp_again(caller);
    RETURN outcome;
END
$$;

ALTER FUNCTION parley.plan_subscription_state(said_by text, event text, event_at timestamp with time zone, account uuid, subscription text, plan text, new_status text, period_start timestamp with time zone, period_end timestamp with time zone, ends_at timestamp with time zone) OWNER TO parley_owner;

-- function plan_subscriptions_apply()

CREATE FUNCTION parley.plan_subscriptions_apply() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    UPDATE users AS u
    SET plan_type = p.plan, plan_status = p.status
    FROM plan_in_force(NEW.user_id) AS p
    WHERE u.user_id = NEW.user_id AND NOT u.is_plan_set AND (u.plan_type, u.plan_status) <> (p.plan, p.status);
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.plan_subscriptions_apply() OWNER TO parley_owner;

-- function price_for_input(parley.llm_model_prices, bigint)

CREATE FUNCTION parley.price_for_input(price parley.llm_model_prices, input_tokens bigint) RETURNS TABLE(input_usd_per_million numeric, output_usd_per_million numeric, cache_read_usd_per_million numeric, cache_write_usd_per_million numeric)
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN QUERY
    SELECT
        coalesce(t.input, price.input_usd_per_million),
        coalesce(t.output, price.output_usd_per_million),
        coalesce(t."cacheRead", price.cache_read_usd_per_million),
        coalesce(t."cacheWrite", price.cache_write_usd_per_million)
    FROM (VALUES (1)) AS one
    LEFT JOIN LATERAL (
        SELECT tier.*
        FROM jsonb_to_recordset(price.tier_list)
            AS tier (above bigint, input numeric, output numeric, "cacheRead" numeric, "cacheWrite" numeric)
        WHERE tier.above < price_for_input.input_tokens
        ORDER BY tier.above DESC
        LIMIT 1
    ) AS t ON true;
END
$$;

ALTER FUNCTION parley.price_for_input(price parley.llm_model_prices, input_tokens bigint) OWNER TO parley_owner;

-- function provider_configs_audit_settings_changed()

CREATE FUNCTION parley.provider_configs_audit_settings_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'settings_changed', 'provider_configs', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.base_url IS DISTINCT FROM NEW.base_url
                    THEN jsonb_build_object('base_url', jsonb_build_array(OLD.base_url, NEW.base_url)) ELSE '{}' END ||
                CASE WHEN OLD.is_active IS DISTINCT FROM NEW.is_active
                    THEN jsonb_build_object('is_active', jsonb_build_array(OLD.is_active, NEW.is_active)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.provider_configs_audit_settings_changed() OWNER TO parley_owner;

-- comment FUNCTION provider_configs_audit_settings_changed()

COMMENT ON FUNCTION parley.provider_configs_audit_settings_changed() IS 'Made by SELECT add_audit(''provider_configs'', ''settings_changed'', ''{insert,update}'', of => ''{base_url,is_active}'', shown => NULL, condition => NULL, each => NULL, inserted => ''NEW.base_url IS NOT NULL'');';

-- function provider_configs_is_default_taken()

CREATE FUNCTION parley.provider_configs_is_default_taken() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            UPDATE provider_configs AS t SET is_default = false
            WHERE t.user_id = NEW.user_id AND t.id <> NEW.id AND t.is_default AND t.deleted_at IS NULL;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.provider_configs_is_default_taken() OWNER TO parley_owner;

-- comment FUNCTION provider_configs_is_default_taken()

COMMENT ON FUNCTION parley.provider_configs_is_default_taken() IS 'Made by SELECT add_only_one(''provider_configs'', ''is_default'', ''There is already a default configuration.'', NULL);';

-- function provider_key_in_use(uuid)

CREATE FUNCTION parley.provider_key_in_use(config_id uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    RETURN (
        SELECT k.id
        FROM provider_keys AS k
        WHERE k.user_id = tenant() AND k.provider_config_id = config_id AND k.deleted_at IS NULL AND k.is_active
            AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
        ORDER BY k.is_default DESC, k.created_at DESC, k.id DESC
        LIMIT 1);
END
$$;

ALTER FUNCTION parley.provider_key_in_use(config_id uuid) OWNER TO parley_owner;

-- function provider_key_used(uuid, integer)

CREATE FUNCTION parley.provider_key_used(used_id uuid, generation integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
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

ALTER FUNCTION parley.provider_key_used(used_id uuid, generation integer) OWNER TO parley_owner;

-- function provider_keys_audit_key_created()

CREATE FUNCTION parley.provider_keys_audit_key_created() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'key_created', 'provider_keys', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.last_four IS DISTINCT FROM NEW.last_four
                    THEN jsonb_build_object('last_four', jsonb_build_array(OLD.last_four, NEW.last_four)) ELSE '{}' END ||
                CASE WHEN OLD.expires_at IS DISTINCT FROM NEW.expires_at
                    THEN jsonb_build_object('expires_at', jsonb_build_array(OLD.expires_at, NEW.expires_at)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.provider_keys_audit_key_created() OWNER TO parley_owner;

-- comment FUNCTION provider_keys_audit_key_created()

COMMENT ON FUNCTION parley.provider_keys_audit_key_created() IS 'Made by SELECT add_audit(''provider_keys'', ''key_created'', ''{insert,update}'', of => ''{sealed_key,sealed_key_generation}'', shown => ''{last_four,expires_at}'', condition => NULL, each => NULL, inserted => NULL);';

-- function provider_keys_audit_key_deleted()

CREATE FUNCTION parley.provider_keys_audit_key_deleted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'key_deleted', 'provider_keys', coalesce(NEW.id, OLD.id), '{}');
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.provider_keys_audit_key_deleted() OWNER TO parley_owner;

-- comment FUNCTION provider_keys_audit_key_deleted()

COMMENT ON FUNCTION parley.provider_keys_audit_key_deleted() IS 'Made by SELECT add_audit(''provider_keys'', ''key_deleted'', ''{update}'', of => ''{deleted_at}'', shown => ''{}'', condition => NULL, each => NULL, inserted => NULL);';

-- function provider_keys_audit_key_used()

CREATE FUNCTION parley.provider_keys_audit_key_used() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'key_used', 'provider_keys', coalesce(NEW.id, OLD.id), '{}');
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.provider_keys_audit_key_used() OWNER TO parley_owner;

-- comment FUNCTION provider_keys_audit_key_used()

COMMENT ON FUNCTION parley.provider_keys_audit_key_used() IS 'Made by SELECT add_audit(''provider_keys'', ''key_used'', ''{update}'', of => ''{last_used_at}'', shown => ''{}'', condition => NULL, each => ''day'', inserted => NULL);';

-- function provider_keys_audit_settings_changed()

CREATE FUNCTION parley.provider_keys_audit_settings_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'settings_changed', 'provider_keys', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.is_active IS DISTINCT FROM NEW.is_active
                    THEN jsonb_build_object('is_active', jsonb_build_array(OLD.is_active, NEW.is_active)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.provider_keys_audit_settings_changed() OWNER TO parley_owner;

-- comment FUNCTION provider_keys_audit_settings_changed()

COMMENT ON FUNCTION parley.provider_keys_audit_settings_changed() IS 'Made by SELECT add_audit(''provider_keys'', ''settings_changed'', ''{update}'', of => ''{is_active}'', shown => NULL, condition => NULL, each => NULL, inserted => NULL);';

-- function provider_keys_fill()

CREATE FUNCTION parley.provider_keys_fill() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            IF (NEW.provider IS NULL) THEN
                SELECT coalesce(NEW.provider, p.provider) INTO NEW.provider FROM parley.provider_configs AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.provider_config_id;
                IF NOT FOUND THEN
                    RAISE foreign_key_violation USING CONSTRAINT = 'provider_keys_provider_config_id_exists', TABLE = 'provider_keys',
                        MESSAGE = 'the linked row does not exist';
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.provider_keys_fill() OWNER TO parley_owner;

-- comment FUNCTION provider_keys_fill()

COMMENT ON FUNCTION parley.provider_keys_fill() IS 'Made by SELECT fill_from(''provider_keys'', ''provider_config_id'', ''{provider}'');';

-- function provider_keys_is_default_taken()

CREATE FUNCTION parley.provider_keys_is_default_taken() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            UPDATE provider_keys AS t SET is_default = false
            WHERE t.user_id = NEW.user_id AND t.id <> NEW.id AND t.is_default AND t.deleted_at IS NULL AND t.provider_config_id = NEW.provider_config_id;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.provider_keys_is_default_taken() OWNER TO parley_owner;

-- comment FUNCTION provider_keys_is_default_taken()

COMMENT ON FUNCTION parley.provider_keys_is_default_taken() IS 'Made by SELECT add_only_one(''provider_keys'', ''is_default'', ''The configuration already has a default key.'', ''provider_config_id'');';

-- function provider_keys_leave_flag()

CREATE FUNCTION parley.provider_keys_leave_flag() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF NOT has_provider_key(NEW.user_id) THEN
        UPDATE users SET uses_own_api_key = false WHERE user_id = NEW.user_id AND uses_own_api_key;
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.provider_keys_leave_flag() OWNER TO parley_owner;

-- function provider_keys_links()

CREATE FUNCTION parley.provider_keys_links() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE
                    WHEN true AND NOT EXISTS (SELECT FROM parley.provider_configs AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.provider_config_id AND p.deleted_at IS NULL) THEN 'provider_keys_provider_config_id_exists'
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = 'provider_keys',
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (NEW.user_id, NEW.provider_config_id) IS DISTINCT FROM (OLD.user_id, OLD.provider_config_id) THEN
                IF true AND NEW.provider_config_id IS NOT NULL AND (NEW.user_id, NEW.provider_config_id) IS DISTINCT FROM (OLD.user_id, OLD.provider_config_id) THEN
                    PERFORM FROM parley.provider_configs AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.provider_config_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'provider_keys_provider_config_id_exists', TABLE = 'provider_keys',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
            END IF;
            IF true AND OLD.deleted_at IS NOT NULL AND current_user <> 'parley_owner' THEN
                PERFORM FROM parley.provider_configs AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.provider_config_id AND p.deleted_at IS NULL;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = 'provider_keys_id_within', TABLE = 'provider_keys', MESSAGE = 'this provider key cannot be changed while its provider config is deleted';
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.provider_keys_links() OWNER TO parley_owner;

-- comment FUNCTION provider_keys_links()

COMMENT ON FUNCTION parley.provider_keys_links() IS 'Made by SELECT keep_links(''provider_keys'', within => ''{provider_config_id}'', marked => ''t'', on_insert => ''t'');';

-- function provider_keys_renew()

CREATE FUNCTION parley.provider_keys_renew() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    NEW.last_used_at := NULL;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.provider_keys_renew() OWNER TO parley_owner;

-- function provider_keys_sealed_key_keep()

CREATE FUNCTION parley.provider_keys_sealed_key_keep() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            IF TG_WHEN = 'AFTER' THEN
                DELETE FROM sealed_secrets AS s
                WHERE s.user_id = OLD.user_id AND s.row_id = OLD.id AND s.purpose = 'provider_keys.sealed_key';
                RETURN NULL;
            END IF;
            NEW.sealed_key_generation := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE OLD.sealed_key_generation + 1 END;
            INSERT INTO sealed_secrets AS s (user_id, row_id, purpose, sealed)
            VALUES (NEW.user_id, NEW.id, 'provider_keys.sealed_key', NEW.sealed_key)
            ON CONFLICT ON CONSTRAINT sealed_secrets_pkey DO UPDATE SET sealed = EXCLUDED.sealed;
            NEW.sealed_key := NULL;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.provider_keys_sealed_key_keep() OWNER TO parley_owner;

-- comment FUNCTION provider_keys_sealed_key_keep()

COMMENT ON FUNCTION parley.provider_keys_sealed_key_keep() IS 'Made by SELECT add_secret(''provider_keys'', ''sealed_key'');';

-- function purge_begin(text, uuid)

CREATE FUNCTION parley.purge_begin(table_name text, row_id uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
DECLARE
    is_deleted boolean;
BEGIN
    IF NOT has_trash(table_name) THEN
        RETURN false;
    END IF;
    -- The feed's lock comes first, as for every writer, so that the row is not restored at the same time.
    PERFORM FROM feeds WHERE user_id = tenant() FOR UPDATE;
    EXECUTE format('SELECT deleted_at IS NOT NULL FROM %I WHERE user_id = tenant() AND id = $1', table_name)
    INTO is_deleted USING row_id;
    IF is_deleted THEN
        INSERT INTO purges (user_id, entity, entity_id) VALUES (tenant(), table_name, row_id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN coalesce(is_deleted, false);
END
$_$;

ALTER FUNCTION parley.purge_begin(table_name text, row_id uuid) OWNER TO parley_owner;

-- function purge_next(integer)

CREATE FUNCTION parley.purge_next(most integer) RETURNS TABLE(purged_entity text, purged_id uuid, removed integer, is_done boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
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
$_$;

ALTER FUNCTION parley.purge_next(most integer) OWNER TO parley_owner;

-- function purge_rows(text, uuid[], integer)

CREATE FUNCTION parley.purge_rows(table_name text, ids uuid[], most integer) RETURNS integer
    LANGUAGE plpgsql
    AS $_$
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
$_$;

ALTER FUNCTION parley.purge_rows(table_name text, ids uuid[], most integer) OWNER TO parley_owner;

-- function purges_audit_purged()

CREATE FUNCTION parley.purges_audit_purged() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'purged', coalesce(NEW.entity, OLD.entity), coalesce(NEW.entity_id, OLD.entity_id), '{}');
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.purges_audit_purged() OWNER TO parley_owner;

-- comment FUNCTION purges_audit_purged()

COMMENT ON FUNCTION parley.purges_audit_purged() IS 'Made by SELECT add_audit(''purges'', ''purged'', ''{insert}'', of => ''{}'', shown => NULL, condition => NULL, each => NULL, inserted => NULL);';

-- function quiet_table(text, text, text[], text)

CREATE FUNCTION parley.quiet_table(table_name text, told_by text DEFAULT NULL::text, without text[] DEFAULT '{}'::text[], privileges text DEFAULT 'SELECT, INSERT, UPDATE'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    parent text := (SELECT l.parent FROM links_of(table_name) AS l WHERE l.key = told_by);
BEGIN
    IF told_by IS NOT NULL AND parent IS NULL THEN
        RAISE EXCEPTION '%.% is not a link: call add_link() for it first', table_name, told_by;
    END IF;
    PERFORM add_usual_columns(table_name, without);
    PERFORM secure_rows(table_name);
    EXECUTE format('GRANT %s ON %I TO parley_runtime', privileges, table_name);
    PERFORM add_feed_lock(table_name);
    EXECUTE format(
        'CREATE TRIGGER zz_quiet BEFORE INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION quiet_version(%L)',
        table_name, (told_by IS NOT NULL)::integer);
    PERFORM keep_links(table_name);
    PERFORM add_trash(name) FROM trash_tables() WHERE name = table_name;
    IF told_by IS NOT NULL THEN
        PERFORM add_touch(table_name, ARRAY[told_by], '{insert,update,delete}');
    END IF;
END
$$;

ALTER FUNCTION parley.quiet_table(table_name text, told_by text, without text[], privileges text) OWNER TO parley_owner;

-- function quiet_version()

CREATE FUNCTION parley.quiet_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    SELECT f.version + TG_ARGV[0]::integer INTO NEW.version FROM feeds AS f WHERE f.user_id = NEW.user_id;
    IF NEW.version IS NULL THEN
        PERFORM feed_missing(NEW.user_id);
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.quiet_version() OWNER TO parley_owner;

-- function quoted_names(text[])

CREATE FUNCTION parley.quoted_names(names text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT string_agg(quote_ident(name), ', ' ORDER BY position) FROM unnest(names) WITH ORDINALITY AS n (name, position) $$;

ALTER FUNCTION parley.quoted_names(names text[]) OWNER TO parley_owner;

-- function raise_epoch()

CREATE FUNCTION parley.raise_epoch() RETURNS integer
    LANGUAGE sql
    AS $$ UPDATE feeds SET epoch = epoch + 1 WHERE user_id = tenant() RETURNING epoch $$;

ALTER FUNCTION parley.raise_epoch() OWNER TO parley_owner;

-- function reference_table(text)

CREATE FUNCTION parley.reference_table(table_name text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute
        WHERE attrelid = table_name::regclass AND attname = 'user_id' AND NOT attisdropped)
    THEN
        RAISE EXCEPTION '% has a user_id: use tenant_table(), or remove the column', table_name;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = table_name::regclass AND i.indisprimary AND i.indnatts = 1 AND a.attname = 'id')
    THEN
        RAISE EXCEPTION '% needs id uuid PRIMARY KEY in its CREATE TABLE', table_name;
    END IF;
    EXECUTE format('GRANT SELECT ON %I TO parley_runtime', table_name);
    EXECUTE format('COMMENT ON TABLE %I IS %L', table_name, 'Reference data: the same for all users.');
END
$$;

ALTER FUNCTION parley.reference_table(table_name text) OWNER TO parley_owner;

-- function refuse_agents()

CREATE FUNCTION parley.refuse_agents() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF current_user = 'parley_owner' THEN
        RETURN NEW;
    END IF;
    RAISE insufficient_privilege USING TABLE = TG_TABLE_NAME, MESSAGE = format('an agent cannot write %s', TG_TABLE_NAME);
END
$$;

ALTER FUNCTION parley.refuse_agents() OWNER TO parley_owner;

-- function refuse_audit(text, text, text, text[], text[], text[], text)

CREATE FUNCTION parley.refuse_audit(name text, action text, table_name text, kinds text[], watched text[], told text[], each text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    wrong text;
    is_known boolean;
BEGIN
    EXECUTE (
        SELECT format('SELECT %s FROM (SELECT $1 AS action) AS proposed', pg_get_expr(conbin, conrelid))
        FROM pg_constraint
        WHERE conrelid = 'audit_entries'::regclass AND conname = 'audit_entries_action_known'
    ) INTO is_known USING action;
    IF NOT is_known THEN
        RAISE EXCEPTION 'the audit knows no action %', action
            USING HINT = 'Add it to the CHECK of audit_entries, and to AuditAction in resolvers/accounts/audit.py.';
    ELSIF length(name) > 63 THEN
        RAISE EXCEPTION 'the name % is longer than the 63 bytes that PostgreSQL keeps', name;
    ELSIF kinds = '{}' OR NOT kinds <@ '{insert,update,delete}' THEN
        RAISE EXCEPTION 'the audit of % tells of insert, update or delete, not of %', table_name, kinds;
    ELSIF 'update' = ANY (kinds) AND watched = '{}' THEN
        RAISE EXCEPTION 'the audit of % would tell of every update: name the columns, of => {…}', table_name;
    ELSIF each IS NOT NULL AND (kinds <> '{update}' OR cardinality(watched) <> 1) THEN
        RAISE EXCEPTION 'the audit of % once each % needs one column, which an update sets to a time', table_name, each;
    END IF;
    SELECT attname INTO wrong
    FROM pg_attribute
    WHERE attrelid = table_name::regclass AND attname = ANY (told)
        AND (atttypid = 'bytea'::regtype OR attname ~ '(^|_)(password|secret|sealed|hash)(_|$)')
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the audit of % would show the secret %: leave it out of `shown`', table_name, wrong;
    END IF;
END
$_$;

ALTER FUNCTION parley.refuse_audit(name text, action text, table_name text, kinds text[], watched text[], told text[], each text) OWNER TO parley_owner;

-- function refuse_past()

CREATE FUNCTION parley.refuse_past() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
DECLARE
    has_it boolean;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        has_it := to_jsonb(NEW) -> TG_ARGV[0] = to_jsonb(OLD) -> TG_ARGV[0];
    ELSE
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE user_id = $1 AND id = $2)', TG_TABLE_NAME)
        INTO has_it USING NEW.user_id, NEW.id;
    END IF;
    IF has_it THEN
        RETURN NEW;
    END IF;
    RAISE invalid_parameter_value USING CONSTRAINT = format('%s_%s_future', TG_TABLE_NAME, TG_ARGV[0]),
        TABLE = TG_TABLE_NAME, MESSAGE = 'this must be a time in the future';
END
$_$;

ALTER FUNCTION parley.refuse_past() OWNER TO parley_owner;

-- function refuse_purged()

CREATE FUNCTION parley.refuse_purged() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF EXISTS (
        SELECT FROM purges AS p
        WHERE p.user_id = NEW.user_id AND p.entity = TG_TABLE_NAME AND p.entity_id = NEW.id
    ) THEN
        RAISE check_violation USING CONSTRAINT = TG_TABLE_NAME || '_id_purged', TABLE = TG_TABLE_NAME,
            MESSAGE = format('this %s is being removed permanently', singular(TG_TABLE_NAME));
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.refuse_purged() OWNER TO parley_owner;

-- function refuse_restored()

CREATE FUNCTION parley.refuse_restored() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF pg_trigger_depth() > 1 THEN
        RETURN NULL;
    END IF;
    RAISE check_violation USING CONSTRAINT = TG_TABLE_NAME || '_id_deleted', TABLE = TG_TABLE_NAME,
        MESSAGE = format('a deleted %s cannot be restored', singular(TG_TABLE_NAME));
END
$$;

ALTER FUNCTION parley.refuse_restored() OWNER TO parley_owner;

-- function refuse_rollup(text, text, text, text, text, text, text)

CREATE FUNCTION parley.refuse_rollup(parent text, column_name text, child text, key text, sum text, last text, in_order text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_variable
DECLARE
    rollup text := format('the roll-up %s.%s of %s', parent, column_name, child);
    held record;
BEGIN
    IF sum IS NOT NULL AND last IS NOT NULL THEN
        RAISE EXCEPTION '% is a sum and a last value: name one of the two', rollup;
    END IF;
    SELECT attnotnull, attgenerated, atttypid, coalesce(pg_get_expr(adbin, adrelid), '') AS standard INTO held
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = parent::regclass AND attname = column_name AND NOT attisdropped;
    IF NOT FOUND OR held.attgenerated <> '' THEN
        RAISE EXCEPTION '% needs an ordinary column: ALTER TABLE % ADD COLUMN % … first', rollup, parent, column_name;
    ELSIF last IS NULL AND NOT (held.attnotnull AND held.standard ~ '^0(::|$)') THEN
        RAISE EXCEPTION '% may be null before the first row: declare the column NOT NULL DEFAULT 0', rollup;
    ELSIF last IS NULL AND held.atttypid IN ('real'::regtype, 'double precision'::regtype) THEN
        RAISE EXCEPTION '% would drift, because sums of this type are not exact: make the column numeric', rollup;
    ELSIF last IS NOT NULL AND held.attnotnull THEN
        RAISE EXCEPTION '% is null while there is no row: drop NOT NULL from the column', rollup;
    ELSIF EXISTS (SELECT FROM rollups() AS r WHERE (r.parent, r.column_name) = (parent, column_name)
        AND (r.child, r.key) <> (child, key) AND (last IS NOT NULL OR r.definition ? 'last')) THEN
        RAISE EXCEPTION '% is already a roll-up of another table or key, and only counts and sums can share one: '
            'use another column', rollup;
    END IF;
    IF (parent, key) <> ('users', 'user_id') AND NOT EXISTS (
        SELECT FROM links_of(child) AS l WHERE (l.parent, l.key) = (parent, key)) THEN
        RAISE EXCEPTION '% needs a foreign key: SELECT add_link(%, %, %) first',
            rollup, quote_literal(child), quote_literal(key), quote_literal(parent);
    END IF;
    IF last IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = child::regclass AND attname = in_order AND attnotnull) THEN
        RAISE EXCEPTION '% is ordered by %, which must be a column that is NOT NULL', rollup, in_order;
    END IF;
    IF last IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_index
        CROSS JOIN LATERAL (
            SELECT string_agg(pg_get_indexdef(indexrelid, position, false), ', ' ORDER BY position)
            FROM generate_series(1, indnkeyatts) AS position
        ) AS i (columns)
        WHERE indrelid = child::regclass AND indisvalid
            AND i.columns || ',' LIKE concat_ws(', ', 'user_id', nullif(key, 'user_id'), in_order) || ',%'
            AND coalesce(pg_get_expr(indpred, indrelid), '') IN ('', '(deleted_at IS NULL)', format('(%I IS NOT NULL)', key))
    ) THEN
        RAISE EXCEPTION '% would read all rows of a parent: CREATE INDEX ON % (%, id)',
            rollup, child, concat_ws(', ', 'user_id', nullif(key, 'user_id'), in_order);
    END IF;
    EXECUTE format('SELECT %s FROM %I AS t LIMIT 0', coalesce(sum, last, '1'), child);
END
$_$;

ALTER FUNCTION parley.refuse_rollup(parent text, column_name text, child text, key text, sum text, last text, in_order text) OWNER TO parley_owner;

-- function remove_conversation_tags(uuid[])

CREATE FUNCTION parley.remove_conversation_tags(ids uuid[]) RETURNS SETOF uuid
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$ DELETE FROM conversation_tags AS t WHERE t.user_id = tenant() AND t.id = ANY (ids) RETURNING t.id $$;

ALTER FUNCTION parley.remove_conversation_tags(ids uuid[]) OWNER TO parley_owner;

-- comment FUNCTION remove_conversation_tags(ids uuid[])

COMMENT ON FUNCTION parley.remove_conversation_tags(ids uuid[]) IS 'Made by SELECT add_removal(''conversation_tags'');';

-- function remove_message_feedback(uuid[])

CREATE FUNCTION parley.remove_message_feedback(ids uuid[]) RETURNS SETOF uuid
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$ DELETE FROM message_feedback AS t WHERE t.user_id = tenant() AND t.id = ANY (ids) RETURNING t.id $$;

ALTER FUNCTION parley.remove_message_feedback(ids uuid[]) OWNER TO parley_owner;

-- comment FUNCTION remove_message_feedback(ids uuid[])

COMMENT ON FUNCTION parley.remove_message_feedback(ids uuid[]) IS 'Made by SELECT add_removal(''message_feedback'');';

-- function remove_message_reactions(uuid[])

CREATE FUNCTION parley.remove_message_reactions(ids uuid[]) RETURNS SETOF uuid
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$ DELETE FROM message_reactions AS t WHERE t.user_id = tenant() AND t.id = ANY (ids) RETURNING t.id $$;

ALTER FUNCTION parley.remove_message_reactions(ids uuid[]) OWNER TO parley_owner;

-- comment FUNCTION remove_message_reactions(ids uuid[])

COMMENT ON FUNCTION parley.remove_message_reactions(ids uuid[]) IS 'Made by SELECT add_removal(''message_reactions'');';

-- function rolled_up(text)

CREATE FUNCTION parley.rolled_up(table_name text) RETURNS text[]
    LANGUAGE sql STABLE
    AS $$ SELECT coalesce(array_agg(r.column_name), '{}') FROM rollups() AS r WHERE r.parent = table_name $$;

ALTER FUNCTION parley.rolled_up(table_name text) OWNER TO parley_owner;

-- function rollup_counts(text, text, text)

CREATE FUNCTION parley.rollup_counts(parent text, child text, parent_deleted_at text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE
        WHEN NOT is_deletable(child) THEN 'true'
        WHEN NOT is_deletable(parent) THEN 't.deleted_at IS NULL'
        ELSE format('(t.deleted_at IS NULL OR t.deleted_at = %s)', parent_deleted_at) END
$$;

ALTER FUNCTION parley.rollup_counts(parent text, child text, parent_deleted_at text) OWNER TO parley_owner;

-- function rollup_function(text, text, text, jsonb)

CREATE FUNCTION parley.rollup_function(child text, key text, parent text, columns jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_variable
DECLARE
    stem text := 'rollup_' || regexp_replace(key, '_id$', '');
    name text := child || '_' || stem;
    sums text[] := ARRAY(SELECT c.key FROM jsonb_each(columns) AS c WHERE c.value ? 'sum' ORDER BY 1);
    lasts text[] := ARRAY(SELECT c.key FROM jsonb_each(columns) AS c WHERE c.value ? 'last' ORDER BY 1);
    of_new text := rollup_rows('new_rows', '', child, key, parent, columns);
    of_old text := rollup_rows('old_rows', '-', child, key, parent, columns);
    deltas text;
BEGIN
    IF length(name) > 63 THEN
        RAISE EXCEPTION 'the name % is longer than the 63 bytes that PostgreSQL keeps: shorten the column %', name, key;
    END IF;
    deltas := format(
        $query$
                SELECT d.*%s
                FROM (
                    SELECT r.user_id, r.parent_id%s
                    FROM (<rows>
                    ) AS r
                    GROUP BY r.user_id, r.parent_id%s
                ) AS d%s
                ORDER BY d.parent_id$query$,
        (SELECT string_agg(format(', %I.last AS %I', c || '_row', c), '') FROM unnest(lasts) AS c),
        (SELECT string_agg(format(', sum(r.%1$I) AS %1$I', c), '') FROM unnest(sums) AS c),
        -- The last row may be another one although all sums stay the same.
        CASE WHEN lasts = '{}' THEN
            (SELECT E'\n                    HAVING ' || string_agg(format('sum(r.%I) <> 0', c), ' OR ') FROM unnest(sums) AS c)
        END,
        (SELECT string_agg(rollup_last(child, key, parent, c, columns -> c), '') FROM unnest(lasts) AS c));
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        DECLARE
            deltas refcursor;
            delta record;
        BEGIN
            -- A parent that is deleted or restored together with these rows keeps its roll-ups.
            IF current_setting('app.marking', true) = %2$L THEN
                RETURN NULL;
            ELSIF TG_OP = 'INSERT' THEN
                OPEN deltas FOR%3$s;
            ELSIF TG_OP = 'DELETE' THEN
                OPEN deltas FOR%4$s;
            ELSE
                OPEN deltas FOR%5$s;
            END IF;
            LOOP
                FETCH deltas INTO delta;
                EXIT WHEN NOT FOUND;
                UPDATE %6$I AS p
                SET %7$s
                WHERE p.user_id = delta.user_id AND p.id = delta.parent_id
                    AND (%8$s);
                IF NOT FOUND AND delta.user_id IS DISTINCT FROM tenant() THEN
                    RAISE insufficient_privilege USING
                        MESSAGE = format('to change %9$s of user %%s, set app.user_id to this user', delta.user_id);
                END IF;
            END LOOP;
            CLOSE deltas;
            RETURN NULL;
        END
        $body$
        $function$,
        name, format('%s.%s', child, key), replace(deltas, '<rows>', of_new), replace(deltas, '<rows>', of_old),
        replace(deltas, '<rows>', of_new || E'\n                        UNION ALL' || of_old), parent,
        (SELECT string_agg(x, E',\n                    ') FROM (
            SELECT format('%1$I = p.%1$I + delta.%1$I', c) FROM unnest(sums) AS c
            UNION ALL SELECT format('%1$I = delta.%1$I', c) FROM unnest(lasts) AS c) AS s (x)),
        (SELECT string_agg(x, ' OR ') FROM (
            SELECT format('delta.%I <> 0', c) FROM unnest(sums) AS c
            UNION ALL SELECT format('p.%1$I IS DISTINCT FROM delta.%1$I', c) FROM unnest(lasts) AS c) AS s (x)),
        child);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name,
        format('Made by SELECT rollup_function(%L, %L, %L, %L);', child, key, parent, columns));
    PERFORM statement_triggers(child, stem, name, '{insert,update,delete}');
    PERFORM tell_of(parent, sums || lasts);
    PERFORM grant_columns(parent, 'INSERT', rolled_up(parent) || columns_without('INSERT', parent));
    PERFORM grant_columns(parent, 'UPDATE', rolled_up(parent) || columns_without('UPDATE', parent));
END
$_$;

ALTER FUNCTION parley.rollup_function(child text, key text, parent text, columns jsonb) OWNER TO parley_owner;

-- function rollup_last(text, text, text, text, jsonb)

CREATE FUNCTION parley.rollup_last(child text, key text, parent text, column_name text, definition jsonb) RETURNS text
    LANGUAGE sql STABLE
    AS $_$
    SELECT format(
        E'\n                LEFT JOIN LATERAL (%s) AS %I ON true',
        CASE WHEN is_deletable(child) AND is_deletable(parent) THEN
            -- Two searches, because one with OR could use neither index.
            format(
                'SELECT b.last FROM ((%s) UNION ALL (%s)) AS b ORDER BY b.in_order DESC, b.id DESC LIMIT 1',
                replace(newest, '<counts>', 't.deleted_at IS NULL'),
                replace(newest, '<counts>', format(
                    't.deleted_at = (SELECT p.deleted_at FROM %I AS p WHERE p.user_id = d.user_id AND p.id = d.parent_id)',
                    parent)))
        ELSE replace(newest, '<counts>', CASE WHEN is_deletable(child) THEN 't.deleted_at IS NULL' ELSE 'true' END) END,
        column_name || '_row')
    FROM (SELECT format(
        'SELECT %s AS last, t.%I AS in_order, t.id FROM %I AS t'
        ' WHERE t.user_id = d.user_id AND t.%I = d.parent_id AND <counts> ORDER BY t.%2$I DESC, t.id DESC LIMIT 1',
        definition ->> 'last', definition ->> 'in_order', child, key)) AS n (newest)
$_$;

ALTER FUNCTION parley.rollup_last(child text, key text, parent text, column_name text, definition jsonb) OWNER TO parley_owner;

-- function rollup_recount(text, text, text, jsonb)

CREATE FUNCTION parley.rollup_recount(parent text, child text, key text, definition jsonb) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE
        WHEN definition ? 'sum' THEN format(
            '(SELECT coalesce(sum(%s), 0) FROM %I AS t WHERE t.user_id = p.user_id AND t.%I = p.id AND %s)',
            definition ->> 'sum', child, key, rollup_counts(parent, child, 'p.deleted_at'))
        ELSE format(
            '(SELECT %s FROM %I AS t WHERE t.user_id = p.user_id AND t.%I = p.id AND %s'
            ' ORDER BY t.%I DESC, t.id DESC LIMIT 1)',
            definition ->> 'last', child, key, rollup_counts(parent, child, 'p.deleted_at'), definition ->> 'in_order') END
$$;

ALTER FUNCTION parley.rollup_recount(parent text, child text, key text, definition jsonb) OWNER TO parley_owner;

-- function rollup_rows(text, text, text, text, text, jsonb)

CREATE FUNCTION parley.rollup_rows(transition text, sign text, child text, key text, parent text, columns jsonb) RETURNS text
    LANGUAGE sql STABLE
    AS $_$
    SELECT format(
        $query$
                        SELECT t.user_id, t.%1$I AS parent_id%2$s
                        FROM %3$s AS t
                        WHERE t.%1$I IS NOT NULL AND %4$s$query$,
        key,
        (SELECT string_agg(format(', %scoalesce(%s, 0) AS %I', sign, c.value ->> 'sum', c.key), '' ORDER BY c.key)
        FROM jsonb_each(columns) AS c
        WHERE c.value ? 'sum'),
        transition,
        rollup_counts(parent, child, format(
            '(SELECT p.deleted_at FROM %I AS p WHERE p.user_id = t.user_id AND p.id = t.%I)', parent, key)))
$_$;

ALTER FUNCTION parley.rollup_rows(transition text, sign text, child text, key text, parent text, columns jsonb) OWNER TO parley_owner;

-- function rollups()

CREATE FUNCTION parley.rollups() RETURNS TABLE(parent text, column_name text, child text, key text, definition jsonb, recount text)
    LANGUAGE plpgsql STABLE
    AS $_$
DECLARE
    made text := (
        SELECT string_agg(
            substring(obj_description(oid, 'pg_proc') FROM '^Made by SELECT rollup_function(\(.*\));$'), ', ' ORDER BY proname)
        FROM pg_proc
        WHERE pronamespace = 'parley'::regnamespace
            AND starts_with(obj_description(oid, 'pg_proc'), 'Made by SELECT rollup_function('));
BEGIN
    IF made IS NOT NULL THEN
        RETURN QUERY EXECUTE format(
            'SELECT m.parent, c.key, m.child, m.key, c.value, string_agg(rollup_recount(m.parent, m.child, m.key, c.value), '
            ''' + '') OVER (PARTITION BY m.parent, c.key) '
            'FROM (VALUES %s) AS m (child, key, parent, columns) CROSS JOIN jsonb_each(m.columns::jsonb) AS c', made);
    END IF;
END
$_$;

ALTER FUNCTION parley.rollups() OWNER TO parley_owner;

-- function rows_expire(text, integer)

CREATE FUNCTION parley.rows_expire(table_name text, most integer) RETURNS TABLE(expired_user_id uuid, expired integer)
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
BEGIN
    RETURN QUERY EXECUTE format('SELECT * FROM %I($1, $2)', table_name || '_expire') USING interval '0', most;
END
$_$;

ALTER FUNCTION parley.rows_expire(table_name text, most integer) OWNER TO parley_owner;

-- function rule_of_new(text, text)

CREATE FUNCTION parley.rule_of_new(table_name text, condition text) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format(
        'CREATE VIEW rule_of_new AS SELECT (%s) AS end_of_rule FROM %I AS new CROSS JOIN (SELECT) AS another',
        condition, table_name);
    found := substring(pg_get_viewdef('rule_of_new'::regclass) FROM '^\s*SELECT (.*) AS end_of_rule\s+FROM');
    DROP VIEW rule_of_new;
    RETURN found;
END
$$;

ALTER FUNCTION parley.rule_of_new(table_name text, condition text) OWNER TO parley_owner;

-- function rules_at_once(text, boolean)

CREATE FUNCTION parley.rules_at_once(table_name text, spare_others boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    rule record;
    columns text;
    broken text[] := '{}';
    required text[] := '{true}';
    optional text[] := '{true}';
    untouched text[] := '{true}';
    of_new text;
    holds boolean;
BEGIN
    IF current_setting('server_version_num')::integer < 180000 THEN
        RETURN;
    END IF;
    FOR rule IN
        SELECT conname, pg_get_expr(conbin, conrelid) AS condition, obj_description(oid, 'pg_constraint') AS reason
        FROM pg_constraint
        WHERE conrelid = table_name::regclass AND contype = 'c' AND conenforced
    LOOP
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', table_name, rule.conname);
        EXECUTE format(
            'ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s) NOT ENFORCED', table_name, rule.conname, rule.condition);
        EXECUTE format('COMMENT ON CONSTRAINT %I ON %I IS %L', rule.conname, table_name, rule.reason);
    END LOOP;
    -- In the order of their names, as the server evaluates them. A rule that evaluates to null holds.
    FOR rule IN
        SELECT
            conname, condition, are_constant, defaults, tests
        FROM pg_constraint
        CROSS JOIN LATERAL (SELECT pg_get_expr(conbin, conrelid)) AS e (condition)
        CROSS JOIN LATERAL (
            SELECT
                bool_and(CASE WHEN standard IS NULL THEN NOT attnotnull ELSE strpos(standard, '(') = 0 END),
                string_agg(format('%s::%s AS %I', coalesce(standard, 'NULL'), type, name), ', '),
                array_agg('NEW.' || quote_ident(name) || coalesce(' = ' || standard, ' IS NULL'))
            FROM pg_attribute
            LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            CROSS JOIN LATERAL (
                SELECT attname::text, format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid)
            ) AS d (name, type, standard)
            WHERE attrelid = conrelid AND attnum = ANY (conkey)
        ) AS a (are_constant, defaults, tests)
        WHERE conrelid = table_name::regclass AND contype = 'c'
        ORDER BY conname
    LOOP
        of_new := rule_of_new(table_name, rule.condition);
        broken := broken || format('WHEN NOT %s THEN %L', of_new, rule.conname);
        holds := false;
        IF rule.are_constant THEN
            EXECUTE format('SELECT (%s) IS NOT FALSE FROM (SELECT %s) AS row', rule.condition, rule.defaults) INTO holds;
        END IF;
        IF holds THEN
            optional := optional || of_new;
            untouched := untouched || rule.tests;
        ELSE
            required := required || of_new;
        END IF;
    END LOOP;
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql
        AS $body$
        BEGIN
            IF (%2$s) IS NOT FALSE THEN
                IF %3$s THEN
                    RETURN NEW;
                END IF;
                IF (%4$s) IS NOT FALSE THEN
                    RETURN NEW;
                END IF;
            END IF;
            RAISE check_violation USING TABLE = %5$L, MESSAGE = 'a value is not allowed', CONSTRAINT = CASE
            %6$s
            END;
        END
        $body$
        $function$,
        table_name || '_rules',
        array_to_string(required, E'\n                AND '),
        array_to_string(untouched, E'\n                    AND '),
        array_to_string(optional, E'\n                    AND '),
        table_name,
        array_to_string(broken, E'\n            '));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', table_name || '_rules',
        format('Made by SELECT rules_at_once(%L, spare_others => %L);', table_name, spare_others));
    SELECT string_agg(DISTINCT quote_ident(attname), ', ') INTO columns
    FROM pg_constraint
    JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
    WHERE conrelid = table_name::regclass AND contype = 'c';
    -- Its name makes it fire last, so that it sees the row as the other triggers left it.
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER zz_rules BEFORE INSERT OR UPDATE %s ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        CASE WHEN spare_others THEN 'OF ' || columns END, table_name, table_name || '_rules');
END
$_$;

ALTER FUNCTION parley.rules_at_once(table_name text, spare_others boolean) OWNER TO parley_owner;

-- function scope_list_mistake(jsonb)

CREATE FUNCTION parley.scope_list_mistake(scopes jsonb) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    known CONSTANT jsonb := '["read", "messages:write", "tools:propose", "tools:execute", "tools:approve", "usage:write",
        "files:write", "knowledge:write", "personal:write", "confirmations:propose", "confirmations:decide", "sync:run"]';
    named jsonb := '[]';
BEGIN
    IF jsonb_typeof(scopes) <> 'array' THEN
        RETURN '{}';
    ELSIF scopes = '[]' THEN
        RETURN '{}';
    END IF;
    FOR n IN 0 .. jsonb_array_length(scopes) - 1 LOOP
        IF jsonb_typeof(scopes -> n) <> 'string' OR NOT known ? (scopes ->> n) OR named ? (scopes ->> n) THEN
            RETURN ARRAY[n::text];
        END IF;
        named := named || (scopes -> n);
    END LOOP;
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.scope_list_mistake(scopes jsonb) OWNER TO parley_owner;

-- function secret_of(uuid, text)

CREATE FUNCTION parley.secret_of(owner_id uuid, secret_purpose text) RETURNS bytea
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    RETURN (
        SELECT s.sealed FROM sealed_secrets AS s
        WHERE s.user_id = tenant() AND s.row_id = owner_id AND s.purpose = secret_purpose);
END
$$;

ALTER FUNCTION parley.secret_of(owner_id uuid, secret_purpose text) OWNER TO parley_owner;

-- function secure_rows(text)

CREATE FUNCTION parley.secure_rows(table_name text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (user_id = (SELECT tenant()))', table_name);
END
$$;

ALTER FUNCTION parley.secure_rows(table_name text) OWNER TO parley_owner;

-- function sessions_audit_session_revoked()

CREATE FUNCTION parley.sessions_audit_session_revoked() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'session_revoked', 'sessions', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.revoked_reason IS DISTINCT FROM NEW.revoked_reason
                    THEN jsonb_build_object('revoked_reason', jsonb_build_array(OLD.revoked_reason, NEW.revoked_reason)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.sessions_audit_session_revoked() OWNER TO parley_owner;

-- comment FUNCTION sessions_audit_session_revoked()

COMMENT ON FUNCTION parley.sessions_audit_session_revoked() IS 'Made by SELECT add_audit(''sessions'', ''session_revoked'', ''{update}'', of => ''{revoked_at}'', shown => ''{revoked_reason}'', condition => ''(NEW.revoked_reason = ''''signed_out'''' AND NEW.id = actor_session()) IS NOT TRUE'', each => NULL, inserted => NULL);';

-- function sessions_audit_signed_in()

CREATE FUNCTION parley.sessions_audit_signed_in() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'signed_in', 'sessions', coalesce(NEW.id, OLD.id), '{}');
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.sessions_audit_signed_in() OWNER TO parley_owner;

-- comment FUNCTION sessions_audit_signed_in()

COMMENT ON FUNCTION parley.sessions_audit_signed_in() IS 'Made by SELECT add_audit(''sessions'', ''signed_in'', ''{insert}'', of => ''{}'', shown => NULL, condition => NULL, each => NULL, inserted => NULL);';

-- function sessions_audit_signed_out()

CREATE FUNCTION parley.sessions_audit_signed_out() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'signed_out', 'sessions', coalesce(NEW.id, OLD.id), '{}');
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.sessions_audit_signed_out() OWNER TO parley_owner;

-- comment FUNCTION sessions_audit_signed_out()

COMMENT ON FUNCTION parley.sessions_audit_signed_out() IS 'Made by SELECT add_audit(''sessions'', ''signed_out'', ''{update}'', of => ''{revoked_at}'', shown => ''{}'', condition => ''NEW.revoked_reason = ''''signed_out'''' AND NEW.id = actor_session()'', each => NULL, inserted => NULL);';

-- function sessions_expire(interval, integer)

CREATE FUNCTION parley.sessions_expire(after interval, most integer) RETURNS TABLE(expired_user_id uuid, expired integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            too_old timestamptz := clock_timestamp() - greatest(after, '7 days');
            caller jsonb;
        BEGIN
            IF NOT is_background_work() THEN
                RETURN;
            END IF;
            SELECT f.user_id INTO expired_user_id
            FROM sessions AS t
            JOIN feeds AS f ON f.user_id = t.user_id
            WHERE (least(expires_at, ends_at)) < too_old
            ORDER BY (least(expires_at, ends_at))
            LIMIT 1
            FOR UPDATE OF f SKIP LOCKED;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            caller := act_for(expired_user_id);
            DELETE FROM sessions AS r
            WHERE r.user_id = expired_user_id AND r.id = ANY (ARRAY(
                SELECT t.id FROM sessions AS t
                WHERE t.user_id = expired_user_id AND (least(expires_at, ends_at)) < too_old
                LIMIT most));
            GET DIAGNOSTICS expired = ROW_COUNT;
            PERFORM stamp_again(caller);
            RETURN NEXT;
        END
        $$;

ALTER FUNCTION parley.sessions_expire(after interval, most integer) OWNER TO parley_owner;

-- comment FUNCTION sessions_expire(after interval, most integer)

COMMENT ON FUNCTION parley.sessions_expire(after interval, most integer) IS 'Made by SELECT add_expiry(''sessions'', ''least(expires_at, ends_at)'', ''7 days'');';

-- function sessions_revoke()

CREATE FUNCTION parley.sessions_revoke() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO revocations (session_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    DELETE FROM revocations WHERE at < clock_timestamp() - interval '2 days';
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.sessions_revoke() OWNER TO parley_owner;

-- function sign_in_failed(text, inet)

CREATE FUNCTION parley.sign_in_failed(name text, address inet) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
DECLARE
    most CONSTANT integer := 10;
    account uuid := CASE WHEN is_background_work() THEN (SELECT f.user_id FROM login_find(name) AS f) END;
    caller jsonb;
BEGIN
    IF account IS NULL THEN
        RETURN;
    END IF;
    caller := act_for(account);
    -- Attempts at the same time are counted one after the other.
    PERFORM FROM feeds AS f WHERE f.user_id = account FOR UPDATE;
    IF NOT EXISTS (
        SELECT FROM audit_entries AS a
        WHERE a.user_id = account AND a.action = 'sign_in_failed' AND a.created_at > clock_timestamp() - interval '1 hour'
        OFFSET most - 1
    ) THEN
        PERFORM audit_write(account, 'sign_in_failed', 'users', account, '{}', address);
    END IF;
    PERFORM stamp_again(caller);
END
$$;

ALTER FUNCTION parley.sign_in_failed(name text, address inet) OWNER TO parley_owner;

-- function singular(text)

CREATE FUNCTION parley.singular(table_name text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT replace(rtrim(table_name, 's'), '_', ' ') $$;

ALTER FUNCTION parley.singular(table_name text) OWNER TO parley_owner;

-- function sparing_statements(text, text, text)

CREATE FUNCTION parley.sparing_statements(table_name text, trigger_name text, columns text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT format('%sUPDATE OF %s OR DELETE', CASE WHEN tgtype & 4 <> 0 THEN 'INSERT OR ' END, columns)
    FROM pg_trigger
    WHERE tgrelid = table_name::regclass AND tgname = trigger_name
$$;

ALTER FUNCTION parley.sparing_statements(table_name text, trigger_name text, columns text) OWNER TO parley_owner;

-- function stamp_again(jsonb)

CREATE FUNCTION parley.stamp_again(stamp jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM set_config(name, value, true) FROM jsonb_each_text(stamp) AS s (name, value);
END
$$;

ALTER FUNCTION parley.stamp_again(stamp jsonb) OWNER TO parley_owner;

-- function statement_triggers(text, text, text, text[])

CREATE FUNCTION parley.statement_triggers(table_name text, stem text, function_name text, kinds text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY kinds LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER %I AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION %I()',
            format('%s_%s', stem, kind), kind, table_name,
            concat_ws(
                ' ',
                CASE WHEN kind <> 'insert' THEN 'OLD TABLE AS old_rows' END,
                CASE WHEN kind <> 'delete' THEN 'NEW TABLE AS new_rows' END),
            function_name);
    END LOOP;
END
$$;

ALTER FUNCTION parley.statement_triggers(table_name text, stem text, function_name text, kinds text[]) OWNER TO parley_owner;

-- function tables_of_users()

CREATE FUNCTION parley.tables_of_users() RETURNS TABLE(name text, has_id boolean)
    LANGUAGE sql STABLE
    AS $$
    -- UNION and the limit end the search where tables refer to each other in a circle.
    WITH RECURSIVE referred (start, table_id, distance) AS (
        SELECT attrelid, attrelid, 0
        FROM pg_attribute
        JOIN pg_class AS c ON c.oid = attrelid
        WHERE relnamespace = 'parley'::regnamespace AND relkind = 'r' AND attname = 'user_id'
        UNION
        SELECT start, confrelid, distance + 1
        FROM referred
        JOIN pg_constraint ON conrelid = table_id AND contype = 'f' AND confrelid <> conrelid
        WHERE distance < 20
    )
    SELECT relname::text, EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = start AND attname = 'id')
    FROM referred
    JOIN pg_class ON pg_class.oid = start
    GROUP BY start, relname
    ORDER BY
        max(distance) FILTER (WHERE table_id = 'users'::regclass) DESC NULLS LAST,
        relname
$$;

ALTER FUNCTION parley.tables_of_users() OWNER TO parley_owner;

-- function tables_that_expire()

CREATE FUNCTION parley.tables_that_expire() RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
    SELECT regexp_replace(proname, '_expire$', '')
    FROM pg_proc
    WHERE pronamespace = 'parley'::regnamespace AND obj_description(oid, 'pg_proc') LIKE 'Made by SELECT add_expiry(%'
$_$;

ALTER FUNCTION parley.tables_that_expire() OWNER TO parley_owner;

-- function tell_of(text, text[])

CREATE FUNCTION parley.tell_of(table_name text, columns text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT pg_get_triggerdef(t.oid) AS definition, string_agg(quote_ident(attname), ', ') AS missing
        FROM pg_trigger AS t
        JOIN pg_attribute ON attrelid = tgrelid AND attname = ANY (columns) AND attnum <> ALL (tgattr)
        WHERE tgrelid = table_name::regclass AND tgname IN ('feed_lock', 'zz_feed') AND cardinality(tgattr::smallint[]) > 0
        GROUP BY t.oid
    LOOP
        EXECUTE regexp_replace(
            regexp_replace(made.definition, '^CREATE', 'CREATE OR REPLACE'),
            ' UPDATE OF (.*?) ON ', format(' UPDATE OF \1, %s ON ', made.missing));
    END LOOP;
END
$$;

ALTER FUNCTION parley.tell_of(table_name text, columns text[]) OWNER TO parley_owner;

-- function tenant()

CREATE FUNCTION parley.tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;

ALTER FUNCTION parley.tenant() OWNER TO parley_owner;

-- function tenant_table(text, text[], text[], text)

CREATE FUNCTION parley.tenant_table(table_name text, carry text[] DEFAULT '{}'::text[], without text[] DEFAULT '{}'::text[], privileges text DEFAULT 'SELECT, INSERT, UPDATE'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM add_usual_columns(table_name, without);
    PERFORM secure_rows(table_name);
    EXECUTE format('GRANT %s ON %I TO parley_runtime', privileges, table_name);
    PERFORM feed_function(table_name, carry);
    PERFORM add_feed_lock(table_name);
    PERFORM add_feed(table_name);
    PERFORM keep_links(table_name);
    PERFORM add_trash(name) FROM trash_tables() WHERE name = table_name;
END
$$;

ALTER FUNCTION parley.tenant_table(table_name text, carry text[], without text[], privileges text) OWNER TO parley_owner;

-- function text_list_mistake(jsonb, integer, integer)

CREATE FUNCTION parley.text_list_mistake(list jsonb, most integer, length integer) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
BEGIN
    IF jsonb_typeof(list) <> 'array' THEN
        RETURN '{}';
    ELSIF jsonb_array_length(list) > most THEN
        RETURN '{}';
    END IF;
    FOR n IN 0 .. jsonb_array_length(list) - 1 LOOP
        IF jsonb_typeof(list -> n) <> 'string' OR char_length(list ->> n) NOT BETWEEN 1 AND length THEN
            RETURN ARRAY[n::text];
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.text_list_mistake(list jsonb, most integer, length integer) OWNER TO parley_owner;

-- function tool_execution_renew(uuid, integer)

CREATE FUNCTION parley.tool_execution_renew(working_id uuid, named_attempt integer) RETURNS SETOF parley.tool_executions
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    execution tool_executions;
BEGIN
    SELECT t.* INTO execution FROM tool_executions AS t WHERE t.user_id = tenant() AND t.id = working_id;
    IF execution.attempt = coalesce(named_attempt, CASE WHEN execution.worker IS NULL THEN execution.attempt END) THEN
        -- If the attempt ends at this moment, its lease is gone; a new one has another beginning.
        UPDATE leases AS l SET until = clock_timestamp() + l.length
        WHERE l.user_id = tenant() AND l.work_id = working_id AND l.kind = 'tool_executions'
            AND l.attempt = execution.attempt
        RETURNING l.until INTO execution.lease_until;
        IF FOUND THEN
            RETURN NEXT execution;
        END IF;
    END IF;
END
$$;

ALTER FUNCTION parley.tool_execution_renew(working_id uuid, named_attempt integer) OWNER TO parley_owner;

-- function tool_executions_attempt()

CREATE FUNCTION parley.tool_executions_attempt() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.attempt := 0;
        NEW.worker := NULL;
        NEW.lease_seconds := NULL;
        NEW.lease_until := NULL;
    ELSIF NEW.status = 'executing' AND OLD.status <> 'executing' THEN
        NEW.attempt := OLD.attempt + 1;
        NEW.lease_until := NEW.executed_at + coalesce(make_interval(secs => NEW.lease_seconds), lease_length());
    ELSE
        NEW.attempt := OLD.attempt;
        NEW.worker := CASE WHEN NEW.status <> 'approved' THEN OLD.worker END;
        NEW.lease_seconds := OLD.lease_seconds;
        NEW.lease_until := CASE WHEN NEW.status = 'executing' THEN OLD.lease_until END;
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.tool_executions_attempt() OWNER TO parley_owner;

-- function tool_executions_await()

CREATE FUNCTION parley.tool_executions_await() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF NEW.status = 'pending' THEN
        INSERT INTO leases (user_id, work_id, kind, length, until)
        VALUES (NEW.user_id, NEW.id, 'tool_approvals', lease_length(), NEW.expires_at);
    ELSE
        DELETE FROM leases AS l
        WHERE l.user_id = NEW.user_id AND l.work_id = NEW.id AND l.kind = 'tool_approvals';
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.tool_executions_await() OWNER TO parley_owner;

-- function tool_executions_delete()

CREATE FUNCTION parley.tool_executions_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL
        AND NEW.status IN ('pending', 'approved', 'executing') THEN
        NEW.status := 'cancelled';
        NEW.status_reason := 'It was deleted.';
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.tool_executions_delete() OWNER TO parley_owner;

-- function tool_executions_lease()

CREATE FUNCTION parley.tool_executions_lease() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF NEW.status = 'executing' THEN
        INSERT INTO leases (user_id, work_id, kind, length, until, attempt)
        VALUES (
            NEW.user_id, NEW.id, 'tool_executions', NEW.lease_until - NEW.executed_at, NEW.lease_until, NEW.attempt);
    ELSIF OLD.status = 'executing' THEN
        DELETE FROM leases AS l
        WHERE l.user_id = NEW.user_id AND l.work_id = NEW.id AND l.kind = 'tool_executions';
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.tool_executions_lease() OWNER TO parley_owner;

-- function tool_executions_links()

CREATE FUNCTION parley.tool_executions_links() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE
                    WHEN true AND NOT EXISTS (SELECT FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL) THEN 'tool_executions_conversation_id_exists'
                    WHEN NEW.message_id IS NOT NULL AND NOT EXISTS (SELECT FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL) THEN 'tool_executions_message_id_exists'
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = 'tool_executions',
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (NEW.user_id, NEW.conversation_id, NEW.user_id, NEW.conversation_id, NEW.message_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id, OLD.user_id, OLD.conversation_id, OLD.message_id) THEN
                IF true AND NEW.conversation_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id) THEN
                    PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'tool_executions_conversation_id_exists', TABLE = 'tool_executions',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
                IF NEW.message_id IS NOT NULL AND NEW.message_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id, NEW.message_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id, OLD.message_id) THEN
                    PERFORM FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'tool_executions_message_id_exists', TABLE = 'tool_executions',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
            END IF;
            IF true AND OLD.deleted_at IS NOT NULL AND current_user <> 'parley_owner' THEN
                PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = 'tool_executions_id_within', TABLE = 'tool_executions', MESSAGE = 'this tool execution cannot be changed while its conversation is deleted';
                END IF;
            END IF;
            IF NEW.message_id IS NOT NULL AND OLD.deleted_at IS NOT NULL AND current_user <> 'parley_owner' THEN
                PERFORM FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL;
                IF NOT FOUND THEN
                    RAISE check_violation USING CONSTRAINT = 'tool_executions_id_within', TABLE = 'tool_executions', MESSAGE = 'this tool execution cannot be changed while its message is deleted';
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.tool_executions_links() OWNER TO parley_owner;

-- comment FUNCTION tool_executions_links()

COMMENT ON FUNCTION parley.tool_executions_links() IS 'Made by SELECT keep_links(''tool_executions'', within => ''{conversation_id,message_id}'', marked => ''t'', on_insert => ''t'');';

-- function tool_executions_move()

CREATE FUNCTION parley.tool_executions_move() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_status_first', TABLE = 'tool_executions',
                MESSAGE = 'a new execution must be pending';
        END IF;
        NEW.approval_requested_at := at;
        NEW.approved_at := NULL;
        NEW.executed_at := NULL;
        NEW.completed_at := NULL;
        NEW.execution_time_ms := NULL;
        INSERT INTO tool_transitions (user_id, tool_execution_id, conversation_id, to_status, reason, created_at)
        VALUES (NEW.user_id, NEW.id, NEW.conversation_id, NEW.status, NEW.status_reason, at);
        NEW.status_reason := NULL;
        RETURN NEW;
    END IF;
    IF (NEW.conversation_id, NEW.message_id, NEW.tool_name, NEW.parameters)
        IS DISTINCT FROM (OLD.conversation_id, OLD.message_id, OLD.tool_name, OLD.parameters) THEN
        RAISE check_violation USING CONSTRAINT = 'tool_executions_proposal_fixed', TABLE = 'tool_executions',
            MESSAGE = 'a proposed execution cannot be changed';
    END IF;
    NEW.approval_requested_at := OLD.approval_requested_at;
    NEW.approved_at := OLD.approved_at;
    NEW.executed_at := OLD.executed_at;
    NEW.completed_at := OLD.completed_at;
    NEW.execution_time_ms := OLD.execution_time_ms;
    IF NEW.status <> OLD.status THEN
        IF NOT tool_move_is_legal(OLD.status, NEW.status) AND NOT tool_is_given_back(OLD, NEW.status) THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_status_move', TABLE = 'tool_executions',
                MESSAGE = format('the status of an execution cannot change from %s to %s', OLD.status, NEW.status);
        END IF;
        IF NEW.status = 'approved' AND actor() = 'agent' AND EXISTS (
            SELECT FROM tool_transitions AS t
            WHERE t.user_id = NEW.user_id AND t.tool_execution_id = NEW.id AND t.from_status IS NULL
                AND t.agent_token_id = actor_agent_token()
        ) THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_id_approver', TABLE = 'tool_executions',
                MESSAGE = 'an agent cannot approve what it has proposed itself';
        END IF;
        -- The history is ordered by time, so each move is later than the one before.
        at := greatest(
            at, interval '1 microsecond' + greatest(OLD.approval_requested_at, OLD.approved_at, OLD.executed_at));
        IF OLD.status = 'approved' AND OLD.attempt > 0 THEN
            at := greatest(at, interval '1 microsecond' + tool_given_back_at(OLD));
        END IF;
        CASE NEW.status
            WHEN 'approved' THEN NEW.approved_at := coalesce(OLD.approved_at, at);
            WHEN 'executing' THEN NEW.executed_at := at;
            ELSE
                NEW.completed_at := at;
                NEW.execution_time_ms := round(extract(epoch FROM at - NEW.executed_at) * 1000);
        END CASE;
        INSERT INTO tool_transitions (
            user_id, tool_execution_id, conversation_id, from_status, to_status, reason, created_at)
        VALUES (NEW.user_id, NEW.id, NEW.conversation_id, OLD.status, NEW.status, NEW.status_reason, at);
    ELSIF OLD.status IN ('completed', 'failed', 'cancelled')
        AND (NEW.result, NEW.cost_usd, NEW.error_message)
            IS DISTINCT FROM (OLD.result, OLD.cost_usd, OLD.error_message) THEN
        RAISE check_violation USING CONSTRAINT = 'tool_executions_status_final', TABLE = 'tool_executions',
            MESSAGE = format('an execution that is %s cannot be changed', OLD.status);
    END IF;
    NEW.status_reason := NULL;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.tool_executions_move() OWNER TO parley_owner;

-- function tool_executions_rollup_known_tool()

CREATE FUNCTION parley.tool_executions_rollup_known_tool() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            deltas refcursor;
            delta record;
        BEGIN
            -- A parent that is deleted or restored together with these rows keeps its roll-ups.
            IF current_setting('app.marking', true) = 'tool_executions.known_tool_id' THEN
                RETURN NULL;
            ELSIF TG_OP = 'INSERT' THEN
                OPEN deltas FOR
                SELECT d.*
                FROM (
                    SELECT r.user_id, r.parent_id, sum(r.cancelled) AS cancelled, sum(r.completed) AS completed, sum(r.failed) AS failed, sum(r.proposed) AS proposed, sum(r.total_cost_usd) AS total_cost_usd, sum(r.total_ms) AS total_ms
                    FROM (
                        SELECT t.user_id, t.known_tool_id AS parent_id, coalesce((status = 'cancelled')::integer, 0) AS cancelled, coalesce((status = 'completed')::integer, 0) AS completed, coalesce((status = 'failed')::integer, 0) AS failed, coalesce(1, 0) AS proposed, coalesce(cost_usd, 0) AS total_cost_usd, coalesce(execution_time_ms, 0) AS total_ms
                        FROM new_rows AS t
                        WHERE t.known_tool_id IS NOT NULL AND t.deleted_at IS NULL
                    ) AS r
                    GROUP BY r.user_id, r.parent_id
                    HAVING sum(r.cancelled) <> 0 OR sum(r.completed) <> 0 OR sum(r.failed) <> 0 OR sum(r.proposed) <> 0 OR sum(r.total_cost_usd) <> 0 OR sum(r.total_ms) <> 0
                ) AS d
                ORDER BY d.parent_id;
            ELSIF TG_OP = 'DELETE' THEN
                OPEN deltas FOR
                SELECT d.*
                FROM (
                    SELECT r.user_id, r.parent_id, sum(r.cancelled) AS cancelled, sum(r.completed) AS completed, sum(r.failed) AS failed, sum(r.proposed) AS proposed, sum(r.total_cost_usd) AS total_cost_usd, sum(r.total_ms) AS total_ms
                    FROM (
                        SELECT t.user_id, t.known_tool_id AS parent_id, -coalesce((status = 'cancelled')::integer, 0) AS cancelled, -coalesce((status = 'completed')::integer, 0) AS completed, -coalesce((status = 'failed')::integer, 0) AS failed, -coalesce(1, 0) AS proposed, -coalesce(cost_usd, 0) AS total_cost_usd, -coalesce(execution_time_ms, 0) AS total_ms
                        FROM old_rows AS t
                        WHERE t.known_tool_id IS NOT NULL AND t.deleted_at IS NULL
                    ) AS r
                    GROUP BY r.user_id, r.parent_id
                    HAVING sum(r.cancelled) <> 0 OR sum(r.completed) <> 0 OR sum(r.failed) <> 0 OR sum(r.proposed) <> 0 OR sum(r.total_cost_usd) <> 0 OR sum(r.total_ms) <> 0
                ) AS d
                ORDER BY d.parent_id;
            ELSE
                OPEN deltas FOR
                SELECT d.*
                FROM (
                    SELECT r.user_id, r.parent_id, sum(r.cancelled) AS cancelled, sum(r.completed) AS completed, sum(r.failed) AS failed, sum(r.proposed) AS proposed, sum(r.total_cost_usd) AS total_cost_usd, sum(r.total_ms) AS total_ms
                    FROM (
                        SELECT t.user_id, t.known_tool_id AS parent_id, coalesce((status = 'cancelled')::integer, 0) AS cancelled, coalesce((status = 'completed')::integer, 0) AS completed, coalesce((status = 'failed')::integer, 0) AS failed, coalesce(1, 0) AS proposed, coalesce(cost_usd, 0) AS total_cost_usd, coalesce(execution_time_ms, 0) AS total_ms
                        FROM new_rows AS t
                        WHERE t.known_tool_id IS NOT NULL AND t.deleted_at IS NULL
                        UNION ALL
                        SELECT t.user_id, t.known_tool_id AS parent_id, -coalesce((status = 'cancelled')::integer, 0) AS cancelled, -coalesce((status = 'completed')::integer, 0) AS completed, -coalesce((status = 'failed')::integer, 0) AS failed, -coalesce(1, 0) AS proposed, -coalesce(cost_usd, 0) AS total_cost_usd, -coalesce(execution_time_ms, 0) AS total_ms
                        FROM old_rows AS t
                        WHERE t.known_tool_id IS NOT NULL AND t.deleted_at IS NULL
                    ) AS r
                    GROUP BY r.user_id, r.parent_id
                    HAVING sum(r.cancelled) <> 0 OR sum(r.completed) <> 0 OR sum(r.failed) <> 0 OR sum(r.proposed) <> 0 OR sum(r.total_cost_usd) <> 0 OR sum(r.total_ms) <> 0
                ) AS d
                ORDER BY d.parent_id;
            END IF;
            LOOP
                FETCH deltas INTO delta;
                EXIT WHEN NOT FOUND;
                UPDATE known_tools AS p
                SET cancelled = p.cancelled + delta.cancelled,
                    completed = p.completed + delta.completed,
                    failed = p.failed + delta.failed,
                    proposed = p.proposed + delta.proposed,
                    total_cost_usd = p.total_cost_usd + delta.total_cost_usd,
                    total_ms = p.total_ms + delta.total_ms
                WHERE p.user_id = delta.user_id AND p.id = delta.parent_id
                    AND (delta.cancelled <> 0 OR delta.completed <> 0 OR delta.failed <> 0 OR delta.proposed <> 0 OR delta.total_cost_usd <> 0 OR delta.total_ms <> 0);
                IF NOT FOUND AND delta.user_id IS DISTINCT FROM tenant() THEN
                    RAISE insufficient_privilege USING
                        MESSAGE = format('to change tool_executions of user %s, set app.user_id to this user', delta.user_id);
                END IF;
            END LOOP;
            CLOSE deltas;
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.tool_executions_rollup_known_tool() OWNER TO parley_owner;

-- comment FUNCTION tool_executions_rollup_known_tool()

COMMENT ON FUNCTION parley.tool_executions_rollup_known_tool() IS 'Made by SELECT rollup_function(''tool_executions'', ''known_tool_id'', ''known_tools'', ''{"failed": {"sum": "(status = ''''failed'''')::integer"}, "proposed": {"sum": "1"}, "total_ms": {"sum": "execution_time_ms"}, "cancelled": {"sum": "(status = ''''cancelled'''')::integer"}, "completed": {"sum": "(status = ''''completed'''')::integer"}, "total_cost_usd": {"sum": "cost_usd"}}'');';

-- function tool_executions_settle()

CREATE FUNCTION parley.tool_executions_settle() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    decided record;
    caller jsonb;
    at timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.estimated_cost_usd, NEW.expires_at, NEW.known_tool_id)
            IS DISTINCT FROM (OLD.estimated_cost_usd, OLD.expires_at, OLD.known_tool_id) THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_proposal_fixed', TABLE = 'tool_executions',
                MESSAGE = 'a proposed execution cannot be changed';
        END IF;
        NEW.approval_rule_id := OLD.approval_rule_id;
        NEW.approval_reason := OLD.approval_reason;
        NEW.reserved_usd := OLD.reserved_usd;
        IF OLD.status = 'pending' AND NEW.status = 'approved' AND NEW.expires_at <= NEW.approved_at THEN
            RAISE check_violation USING CONSTRAINT = 'tool_executions_status_expired', TABLE = 'tool_executions',
                MESSAGE = 'this execution has expired';
        END IF;
        IF OLD.status = 'pending' AND NEW.status <> 'pending' AND actor() = 'user'
            AND OLD.deleted_at IS NOT DISTINCT FROM NEW.deleted_at THEN
            NEW.approval_reason := 'person';
            IF NEW.status = 'approved' THEN
                UPDATE known_tools AS k SET first_approved_at = NEW.approved_at
                WHERE k.user_id = NEW.user_id AND k.id = NEW.known_tool_id AND k.first_approved_at IS NULL;
            END IF;
        END IF;
        RETURN NEW;
    END IF;
    NEW.approval_rule_id := NULL;
    NEW.approval_reason := NULL;
    NEW.reserved_usd := NULL;
    NEW.known_tool_id := NULL;
    -- Row-level security refuses this row. Nothing may be written for its user before.
    IF NEW.user_id IS DISTINCT FROM tenant() THEN
        RETURN NEW;
    END IF;
    SELECT * INTO decided
    FROM approval_decide(NEW.user_id, NEW.conversation_id, NEW.tool_name, NEW.parameters, NEW.estimated_cost_usd);
    NEW.known_tool_id := decided.tool_id;
    IF NEW.known_tool_id IS NULL THEN
        INSERT INTO known_tools (user_id, tool_name) VALUES (NEW.user_id, NEW.tool_name) RETURNING id INTO NEW.known_tool_id;
    END IF;
    at := greatest(clock_timestamp(), NEW.approval_requested_at + interval '1 microsecond');
    IF decided.rule_id IS NOT NULL AND (decided.outcome <> 'pending' OR decided.failed_check = 'ask_rule') THEN
        UPDATE auto_approval_rules AS r SET times_used = r.times_used + 1, last_used_at = at
        WHERE r.user_id = NEW.user_id AND r.id = decided.rule_id;
    END IF;
    IF decided.outcome IN ('approved', 'cancelled') THEN
        NEW.status := decided.outcome;
        NEW.approval_reason := decided.reason;
        NEW.approval_rule_id := decided.rule_id;
        IF NEW.status = 'approved' THEN
            NEW.approved_at := at;
            NEW.reserved_usd := decided.cost_usd;
        ELSE
            NEW.completed_at := at;
        END IF;
        caller := act_for(NEW.user_id);
        INSERT INTO tool_transitions (
            user_id, tool_execution_id, conversation_id, from_status, to_status, reason, approval_rule_id, created_at)
        VALUES (
            NEW.user_id, NEW.id, NEW.conversation_id, 'pending', NEW.status, decided.explanation, NEW.approval_rule_id, at);
        PERFORM stamp_again(caller);
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.tool_executions_settle() OWNER TO parley_owner;

-- function tool_given_back_at(parley.tool_executions)

CREATE FUNCTION parley.tool_given_back_at(execution parley.tool_executions) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    SELECT max(t.created_at) FROM tool_transitions AS t
    WHERE t.user_id = execution.user_id AND t.tool_execution_id = execution.id
$$;

ALTER FUNCTION parley.tool_given_back_at(execution parley.tool_executions) OWNER TO parley_owner;

-- function tool_is_given_back(parley.tool_executions, text)

CREATE FUNCTION parley.tool_is_given_back(execution parley.tool_executions, to_status text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT (execution.status, to_status) = ('executing', 'approved') AND execution.worker IS NOT NULL AND actor() = 'system'
        AND NOT EXISTS (
            SELECT FROM leases AS l
            WHERE l.user_id = execution.user_id AND l.work_id = execution.id AND l.kind = 'tool_executions')
$$;

ALTER FUNCTION parley.tool_is_given_back(execution parley.tool_executions, to_status text) OWNER TO parley_owner;

-- function tool_move_is_legal(text, text)

CREATE FUNCTION parley.tool_move_is_legal(from_status text, to_status text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT (from_status, to_status) IN (
        ('pending', 'approved'), ('pending', 'cancelled'),
        ('approved', 'executing'), ('approved', 'cancelled'),
        ('executing', 'completed'), ('executing', 'failed'), ('executing', 'cancelled'))
$$;

ALTER FUNCTION parley.tool_move_is_legal(from_status text, to_status text) OWNER TO parley_owner;

-- function touching(text, text[], text[])

CREATE FUNCTION parley.touching(table_name text, keys text[], transitions text[]) RETURNS text
    LANGUAGE sql STABLE
    AS $_$
    -- Setting a column fires the feed's trigger even if the value stays the same.
    SELECT string_agg(
        format(
            $touch$
                UPDATE %1$I AS p SET id = p.id
                WHERE p.user_id = tenant() AND p.id IN (%2$s);$touch$,
            l.parent, (SELECT string_agg(format('SELECT %I FROM %s', l.key, t), ' UNION ') FROM unnest(transitions) AS t)),
        '' ORDER BY position)
    FROM unnest(keys) WITH ORDINALITY AS k (key, position)
    JOIN links_of(table_name) AS l USING (key)
$_$;

ALTER FUNCTION parley.touching(table_name text, keys text[], transitions text[]) OWNER TO parley_owner;

-- function trash_page(text[], timestamp with time zone, uuid, integer)

CREATE FUNCTION parley.trash_page(tables text[], after_at timestamp with time zone, after_id uuid, most integer) RETURNS TABLE(entity text, id uuid, deleted_at timestamp with time zone)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
DECLARE
    parts text;
BEGIN
    SELECT string_agg(
        format(
            '(SELECT %1$L, t.id, t.deleted_at FROM %1$I AS t '
            'WHERE t.user_id = tenant() AND t.deleted_at IS NOT NULL AND (t.deleted_at, t.id) < ($1, $2)%2$s '
            'AND NOT EXISTS ('
            'SELECT FROM purges AS p WHERE p.user_id = t.user_id AND p.entity = %1$L AND p.entity_id = t.id) '
            'ORDER BY t.deleted_at DESC, t.id DESC LIMIT $3)',
            name, (
                SELECT string_agg(
                    format(
                        ' AND NOT EXISTS (SELECT FROM %I AS p WHERE p.user_id = t.user_id AND p.id = t.%I '
                        'AND p.deleted_at IS NOT NULL)', l.parent, l.key),
                    '')
                FROM links_of(name) AS l
                WHERE l.key = ANY (within_of(name)))),
        ' UNION ALL ')
    INTO parts
    FROM trash_tables()
    WHERE tables IS NULL OR name = ANY (tables);
    IF parts IS NOT NULL THEN
        RETURN QUERY EXECUTE format('SELECT * FROM (%s) AS t (entity, id, at) ORDER BY at DESC, id DESC LIMIT $3', parts)
        USING coalesce(after_at, 'infinity'), coalesce(after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'), most;
    END IF;
END
$_$;

ALTER FUNCTION parley.trash_page(tables text[], after_at timestamp with time zone, after_id uuid, most integer) OWNER TO parley_owner;

-- function trash_tables()

CREATE FUNCTION parley.trash_tables() RETURNS TABLE(name text)
    LANGUAGE sql STABLE
    AS $$
    SELECT relname::text
    FROM pg_attribute
    JOIN pg_class AS c ON c.oid = attrelid
    WHERE relnamespace = 'parley'::regnamespace AND relkind = 'r' AND attname = 'deleted_at' AND relname <> 'users'
        AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'feed_lock')
        AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'deleted_for_good')
    ORDER BY relname
$$;

ALTER FUNCTION parley.trash_tables() OWNER TO parley_owner;

-- function usage_check(uuid, timestamp with time zone, text, text, text, boolean, bigint, bigint, numeric)

CREATE FUNCTION parley.usage_check(account uuid, at timestamp with time zone, provider text, model text, automation text, says_own_key boolean, input_tokens bigint, output_tokens bigint, stated_usd numeric) RETURNS TABLE(quota_id uuid, is_refused boolean, is_unpriced boolean, reason text, field text, cost_usd numeric, used_own_api_key boolean)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    called CONSTANT text := canonical_name(provider);
    cost CONSTANT numeric := coalesce(stated_usd, usage_estimate(called, model, at, input_tokens, output_tokens));
    is_own CONSTANT boolean := says_own_key AND usage_has_own_key(account, called);
BEGIN
    RETURN QUERY
    SELECT c.id, coalesce(c.is_refused, false), coalesce(c.is_refused AND c.needed IS NULL, false),
        CASE WHEN c.is_refused THEN usage_refusal(c.quota, c.used, c.reserved, c.needed, c.ends_at) END,
        CASE WHEN c.is_refused THEN usage_lever(
            c.quota, c.remaining, c.needed, stated_usd IS NOT NULL, input_tokens,
            usage_estimate(called, model, at, input_tokens, 0)) END,
        cost, is_own
    FROM (SELECT) AS always
    LEFT JOIN (
        SELECT q.id, q.created_at, q AS quota, s.used, s.reserved, s.ends_at, n.needed, n.remaining,
            q.mode = 'hard' AND coalesce(n.needed > n.remaining, true) AS is_refused
        FROM usage_quotas AS q
        CROSS JOIN LATERAL usage_quota_state(q, at) AS s
        CROSS JOIN LATERAL (
            SELECT usage_in_unit(q.unit, 1, input_tokens + output_tokens, cost) AS needed,
                greatest(q."limit" - s.used - s.reserved, 0) AS remaining
        ) AS n
        WHERE q.user_id = account AND q.deleted_at IS NULL
            AND usage_quota_counts(q, called, usage_check.model, usage_check.automation, is_own)
    ) AS c ON true
    ORDER BY c.is_refused DESC, c.remaining / nullif(c.needed, 0), c.created_at, c.id;
END
$$;

ALTER FUNCTION parley.usage_check(account uuid, at timestamp with time zone, provider text, model text, automation text, says_own_key boolean, input_tokens bigint, output_tokens bigint, stated_usd numeric) OWNER TO parley_owner;

-- function usage_estimate(text, text, timestamp with time zone, bigint, bigint)

CREATE FUNCTION parley.usage_estimate(provider text, model text, at timestamp with time zone, input_tokens bigint, output_tokens bigint) RETURNS numeric
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (
        SELECT greatest(0, ceil(
            input_tokens * p.input_usd_per_million + output_tokens * p.output_usd_per_million)) * 0.000001
        FROM model_price(provider, model, at, input_tokens) AS p);
END
$$;

ALTER FUNCTION parley.usage_estimate(provider text, model text, at timestamp with time zone, input_tokens bigint, output_tokens bigint) OWNER TO parley_owner;

-- function usage_has_own_key(uuid, text)

CREATE FUNCTION parley.usage_has_own_key(account uuid, called text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM provider_keys AS k
        WHERE k.user_id = account AND k.provider = called AND k.is_active AND k.deleted_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()));
END
$$;

ALTER FUNCTION parley.usage_has_own_key(account uuid, called text) OWNER TO parley_owner;

-- function usage_in_unit(text, bigint, bigint, numeric)

CREATE FUNCTION parley.usage_in_unit(unit text, requests bigint, tokens bigint, cost_usd numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE unit WHEN 'requests' THEN requests WHEN 'tokens' THEN tokens WHEN 'usd' THEN cost_usd ELSE 0 END $$;

ALTER FUNCTION parley.usage_in_unit(unit text, requests bigint, tokens bigint, cost_usd numeric) OWNER TO parley_owner;

-- function usage_lever(parley.usage_quotas, numeric, numeric, boolean, bigint, numeric)

CREATE FUNCTION parley.usage_lever(quota parley.usage_quotas, remaining numeric, needed numeric, is_cost_stated boolean, input_tokens bigint, input_usd numeric) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
BEGIN
    RETURN CASE
        WHEN needed IS NULL THEN 'estimated_cost_usd'
        WHEN remaining > 0 AND quota.unit = 'usd' AND is_cost_stated THEN 'estimated_cost_usd'
        WHEN remaining > 0 AND quota.unit <> 'requests' THEN
            CASE WHEN usage_in_unit(quota.unit, 1, input_tokens, input_usd) > remaining THEN 'estimated_input_tokens'
                ELSE 'estimated_output_tokens' END
        WHEN quota.model IS NOT NULL THEN 'model'
        WHEN quota.provider IS NOT NULL THEN 'provider'
        WHEN quota.automation IS NOT NULL THEN 'automation'
        WHEN NOT quota.counts_own_key THEN 'used_own_api_key'
    END;
END
$$;

ALTER FUNCTION parley.usage_lever(quota parley.usage_quotas, remaining numeric, needed numeric, is_cost_stated boolean, input_tokens bigint, input_usd numeric) OWNER TO parley_owner;

-- function usage_logs_canonical()

CREATE FUNCTION parley.usage_logs_canonical() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            NEW.provider := canonical_name(NEW.provider);
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.usage_logs_canonical() OWNER TO parley_owner;

-- comment FUNCTION usage_logs_canonical()

COMMENT ON FUNCTION parley.usage_logs_canonical() IS 'Made by SELECT keep_canonical(''usage_logs'', ''{provider}'');';

-- function usage_logs_enter()

CREATE FUNCTION parley.usage_logs_enter() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    today date := (NEW.created_at AT TIME ZONE 'UTC')::date;
    quarter timestamptz := date_bin('15 minutes', NEW.created_at, 'epoch');
    key_id uuid := coalesce(NEW.api_key_id, '00000000-0000-0000-0000-000000000000');
    first_of_conversation integer := (NEW.conversation_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM usage_logs AS l
        WHERE l.user_id = NEW.user_id AND l.conversation_id = NEW.conversation_id
            AND l.created_at >= today::timestamp AT TIME ZONE 'UTC'
            AND l.created_at < (today + 1)::timestamp AT TIME ZONE 'UTC'))::integer;
    known record;
BEGIN
    IF NEW.cost_usd IS NULL THEN
        NEW := usage_logs_priced(NEW, model_price_at(NEW.provider, NEW.model, NEW.created_at));
    END IF;
    SELECT
        r AS reserved,
        EXISTS (SELECT FROM usage_quotas AS q WHERE q.user_id = NEW.user_id AND q.deleted_at IS NULL) AS has_quotas
    INTO known
    FROM (SELECT) AS always
    LEFT JOIN usage_reservations AS r ON r.user_id = NEW.user_id AND r.id = NEW.id;
    IF NEW.used_own_api_key OR NEW.api_key_id IS NOT NULL OR (known.reserved).id IS NOT NULL THEN
        -- An entry that is recorded again is the same, whatever has become of keys since. Its id is taken, which is found later.
        IF EXISTS (SELECT FROM usage_logs AS l WHERE l.user_id = NEW.user_id AND l.id = NEW.id) THEN
            RETURN NEW;
        END IF;
        NEW.used_own_api_key := usage_own_key(
            NEW.user_id, NEW.provider, NEW.api_key_id, NEW.used_own_api_key, known.reserved);
    END IF;
    IF known.has_quotas THEN
        NEW := (usage_logs_meter(NEW.user_id, ARRAY[NEW], NEW.created_at))[1];
    END IF;
    UPDATE usage_days
    SET requests = requests + 1,
        conversations = conversations + first_of_conversation,
        input_tokens = input_tokens + NEW.input_tokens,
        output_tokens = output_tokens + NEW.output_tokens,
        cached_input_tokens = cached_input_tokens + NEW.cached_input_tokens,
        cache_write_input_tokens = cache_write_input_tokens + NEW.cache_write_input_tokens,
        reasoning_tokens = reasoning_tokens + NEW.reasoning_tokens,
        cost_usd = cost_usd + NEW.cost_usd
    WHERE user_id = NEW.user_id AND day = today;
    IF NOT FOUND THEN
        INSERT INTO usage_days (
            user_id, day, requests, conversations, input_tokens, output_tokens, cached_input_tokens,
            cache_write_input_tokens, reasoning_tokens, cost_usd)
        VALUES (
            NEW.user_id, today, 1, first_of_conversation, NEW.input_tokens, NEW.output_tokens, NEW.cached_input_tokens,
            NEW.cache_write_input_tokens, NEW.reasoning_tokens, NEW.cost_usd);
    END IF;
    UPDATE usage_day_parts
    SET requests = requests + 1,
        input_tokens = input_tokens + NEW.input_tokens,
        output_tokens = output_tokens + NEW.output_tokens,
        cached_input_tokens = cached_input_tokens + NEW.cached_input_tokens,
        cache_write_input_tokens = cache_write_input_tokens + NEW.cache_write_input_tokens,
        reasoning_tokens = reasoning_tokens + NEW.reasoning_tokens,
        cost_usd = cost_usd + NEW.cost_usd
    WHERE user_id = NEW.user_id AND day = today AND provider = NEW.provider AND model = NEW.model
        AND automation = coalesce(NEW.automation, '') AND purpose = coalesce(NEW.purpose, '')
        AND api_key_id = key_id AND used_own_api_key = NEW.used_own_api_key;
    IF NOT FOUND THEN
        -- The rules for the lengths of these texts are checked later, and an index entry must not be too long before.
        INSERT INTO usage_day_parts (
            user_id, day, provider, model, automation, purpose, api_key_id, used_own_api_key, requests, input_tokens,
            output_tokens, cached_input_tokens, cache_write_input_tokens, reasoning_tokens, cost_usd)
        VALUES (
            NEW.user_id, today, left(NEW.provider, 50), left(NEW.model, 100), coalesce(left(NEW.automation, 100), ''),
            coalesce(left(NEW.purpose, 100), ''), key_id, NEW.used_own_api_key, 1, NEW.input_tokens, NEW.output_tokens,
            NEW.cached_input_tokens, NEW.cache_write_input_tokens, NEW.reasoning_tokens, NEW.cost_usd);
    END IF;
    UPDATE usage_quarter_hours
    SET requests = requests + 1,
        input_tokens = input_tokens + NEW.input_tokens,
        output_tokens = output_tokens + NEW.output_tokens,
        cached_input_tokens = cached_input_tokens + NEW.cached_input_tokens,
        cache_write_input_tokens = cache_write_input_tokens + NEW.cache_write_input_tokens,
        reasoning_tokens = reasoning_tokens + NEW.reasoning_tokens,
        cost_usd = cost_usd + NEW.cost_usd
    WHERE user_id = NEW.user_id AND begins_at = quarter;
    IF NOT FOUND THEN
        INSERT INTO usage_quarter_hours (
            user_id, begins_at, requests, input_tokens, output_tokens, cached_input_tokens, cache_write_input_tokens,
            reasoning_tokens, cost_usd)
        VALUES (
            NEW.user_id, quarter, 1, NEW.input_tokens, NEW.output_tokens, NEW.cached_input_tokens,
            NEW.cache_write_input_tokens, NEW.reasoning_tokens, NEW.cost_usd);
    END IF;
    UPDATE conversations
    SET usage_requests = usage_requests + 1,
        usage_input_tokens = usage_input_tokens + NEW.input_tokens,
        usage_output_tokens = usage_output_tokens + NEW.output_tokens,
        usage_cached_input_tokens = usage_cached_input_tokens + NEW.cached_input_tokens,
        usage_cache_write_input_tokens = usage_cache_write_input_tokens + NEW.cache_write_input_tokens,
        usage_reasoning_tokens = usage_reasoning_tokens + NEW.reasoning_tokens,
        usage_cost_usd = usage_cost_usd + NEW.cost_usd
    WHERE user_id = NEW.user_id AND id = NEW.conversation_id;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.usage_logs_enter() OWNER TO parley_owner;

-- table usage_logs

CREATE TABLE parley.usage_logs (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    conversation_id uuid,
    message_id uuid,
    provider text NOT NULL,
    model text NOT NULL,
    input_tokens integer DEFAULT 0 NOT NULL,
    output_tokens integer DEFAULT 0 NOT NULL,
    total_tokens integer GENERATED ALWAYS AS ((input_tokens + output_tokens)) STORED NOT NULL,
    cost_usd numeric NOT NULL,
    used_own_api_key boolean DEFAULT false NOT NULL,
    api_key_id uuid,
    automation text,
    purpose text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    request_hash bigint,
    cached_input_tokens integer DEFAULT 0 NOT NULL,
    cache_write_input_tokens integer DEFAULT 0 NOT NULL,
    reasoning_tokens integer DEFAULT 0 NOT NULL,
    cost_source text DEFAULT 'stated'::text NOT NULL,
    input_usd_per_million numeric,
    output_usd_per_million numeric,
    cache_read_usd_per_million numeric,
    cache_write_usd_per_million numeric,
    is_over_quota boolean DEFAULT false NOT NULL
);

ALTER TABLE ONLY parley.usage_logs FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.usage_logs OWNER TO parley_owner;

-- comment COLUMN usage_logs.request_hash

COMMENT ON COLUMN parley.usage_logs.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment COLUMN usage_logs.input_usd_per_million

COMMENT ON COLUMN parley.usage_logs.input_usd_per_million IS 'This price and the next three are those by which the cost was worked out; null if it was not.';

-- comment COLUMN usage_logs.is_over_quota

COMMENT ON COLUMN parley.usage_logs.is_over_quota IS 'Whether it went beyond what a hard quota left.';

-- function usage_logs_enter_all(parley.usage_logs[])

CREATE FUNCTION parley.usage_logs_enter_all(made parley.usage_logs[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    of_day record;
BEGIN
    -- One day, unless midnight is between the microseconds of the entries.
    FOR of_day IN
        SELECT
            day, count(*) AS requests, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
            sum(cached_input_tokens) AS cached_input_tokens, sum(cache_write_input_tokens) AS cache_write_input_tokens,
            sum(reasoning_tokens) AS reasoning_tokens, sum(cost_usd) AS cost_usd,
            count(DISTINCT m.conversation_id) FILTER (WHERE NOT EXISTS (
                SELECT FROM usage_logs AS l
                WHERE l.user_id = m.user_id AND l.conversation_id = m.conversation_id
                    AND l.created_at >= day::timestamp AT TIME ZONE 'UTC' AND l.created_at < made[1].created_at)
            ) AS conversations
        FROM unnest(made) AS m
        CROSS JOIN LATERAL (SELECT (m.created_at AT TIME ZONE 'UTC')::date) AS d (day)
        GROUP BY day
        ORDER BY day
    LOOP
        UPDATE usage_days AS d
        SET requests = d.requests + of_day.requests,
            conversations = d.conversations + of_day.conversations,
            input_tokens = d.input_tokens + of_day.input_tokens,
            output_tokens = d.output_tokens + of_day.output_tokens,
            cached_input_tokens = d.cached_input_tokens + of_day.cached_input_tokens,
            cache_write_input_tokens = d.cache_write_input_tokens + of_day.cache_write_input_tokens,
            reasoning_tokens = d.reasoning_tokens + of_day.reasoning_tokens,
            cost_usd = d.cost_usd + of_day.cost_usd
        WHERE d.user_id = tenant() AND d.day = of_day.day;
        IF NOT FOUND THEN
            INSERT INTO usage_days (
                user_id, day, requests, conversations, input_tokens, output_tokens, cached_input_tokens,
                cache_write_input_tokens, reasoning_tokens, cost_usd)
            VALUES (
                tenant(), of_day.day, of_day.requests, of_day.conversations, of_day.input_tokens, of_day.output_tokens,
                of_day.cached_input_tokens, of_day.cache_write_input_tokens, of_day.reasoning_tokens, of_day.cost_usd);
        END IF;
    END LOOP;
    -- Neither of the next two tables has a feed, so a conflict takes no version.
    INSERT INTO usage_day_parts AS p (
        user_id, day, provider, model, automation, purpose, api_key_id, used_own_api_key, requests, input_tokens,
        output_tokens, cached_input_tokens, cache_write_input_tokens, reasoning_tokens, cost_usd)
    SELECT
        tenant(), (created_at AT TIME ZONE 'UTC')::date, provider, model, coalesce(automation, ''), coalesce(purpose, ''),
        coalesce(api_key_id, '00000000-0000-0000-0000-000000000000'), used_own_api_key, count(*), sum(input_tokens),
        sum(output_tokens), sum(cached_input_tokens), sum(cache_write_input_tokens), sum(reasoning_tokens), sum(cost_usd)
    FROM unnest(made)
    GROUP BY 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT ON CONSTRAINT usage_day_parts_key DO UPDATE
    SET requests = p.requests + excluded.requests,
        input_tokens = p.input_tokens + excluded.input_tokens,
        output_tokens = p.output_tokens + excluded.output_tokens,
        cached_input_tokens = p.cached_input_tokens + excluded.cached_input_tokens,
        cache_write_input_tokens = p.cache_write_input_tokens + excluded.cache_write_input_tokens,
        reasoning_tokens = p.reasoning_tokens + excluded.reasoning_tokens,
        cost_usd = p.cost_usd + excluded.cost_usd;
    INSERT INTO usage_quarter_hours AS q (
        user_id, begins_at, requests, input_tokens, output_tokens, cached_input_tokens, cache_write_input_tokens,
        reasoning_tokens, cost_usd)
    SELECT
        tenant(), date_bin('15 minutes', created_at, 'epoch'), count(*), sum(input_tokens), sum(output_tokens),
        sum(cached_input_tokens), sum(cache_write_input_tokens), sum(reasoning_tokens), sum(cost_usd)
    FROM unnest(made)
    GROUP BY 2
    ON CONFLICT (user_id, begins_at) DO UPDATE
    SET requests = q.requests + excluded.requests,
        input_tokens = q.input_tokens + excluded.input_tokens,
        output_tokens = q.output_tokens + excluded.output_tokens,
        cached_input_tokens = q.cached_input_tokens + excluded.cached_input_tokens,
        cache_write_input_tokens = q.cache_write_input_tokens + excluded.cache_write_input_tokens,
        reasoning_tokens = q.reasoning_tokens + excluded.reasoning_tokens,
        cost_usd = q.cost_usd + excluded.cost_usd;
    UPDATE conversations AS c
    SET usage_requests = c.usage_requests + s.requests,
        usage_input_tokens = c.usage_input_tokens + s.input_tokens,
        usage_output_tokens = c.usage_output_tokens + s.output_tokens,
        usage_cached_input_tokens = c.usage_cached_input_tokens + s.cached_input_tokens,
        usage_cache_write_input_tokens = c.usage_cache_write_input_tokens + s.cache_write_input_tokens,
        usage_reasoning_tokens = c.usage_reasoning_tokens + s.reasoning_tokens,
        usage_cost_usd = c.usage_cost_usd + s.cost_usd
    FROM (
        SELECT
            conversation_id, count(*) AS requests, sum(input_tokens) AS input_tokens,
            sum(output_tokens) AS output_tokens, sum(cached_input_tokens) AS cached_input_tokens,
            sum(cache_write_input_tokens) AS cache_write_input_tokens, sum(reasoning_tokens) AS reasoning_tokens,
            sum(cost_usd) AS cost_usd
        FROM unnest(made)
        GROUP BY conversation_id
    ) AS s
    WHERE c.user_id = tenant() AND c.id = s.conversation_id;
END
$$;

ALTER FUNCTION parley.usage_logs_enter_all(made parley.usage_logs[]) OWNER TO parley_owner;

-- function usage_logs_insert_all(jsonb)

CREATE FUNCTION parley.usage_logs_insert_all(proposed jsonb) RETURNS SETOF parley.usage_logs
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            at timestamptz := clock_timestamp();
            first_version bigint;
            made usage_logs[];
        BEGIN
            UPDATE feeds SET version = version + jsonb_array_length(proposed)
            WHERE user_id = tenant()
            RETURNING version - jsonb_array_length(proposed) INTO first_version;
            IF first_version IS NULL THEN
                PERFORM feed_missing(tenant());
            END IF;
            WITH new AS (
                INSERT INTO usage_logs AS t (user_id, id, conversation_id, message_id, provider, model, input_tokens, output_tokens, cost_usd, used_own_api_key, api_key_id, automation, purpose, request_hash, cached_input_tokens, cache_write_input_tokens, reasoning_tokens, cost_source, input_usd_per_million, output_usd_per_million, cache_read_usd_per_million, cache_write_usd_per_million, is_over_quota, created_at, updated_at, version)
                SELECT
                    tenant(), coalesce(r.id, uuid7()), r.conversation_id, r.message_id, r.provider, r.model, coalesce(r.input_tokens, 0), coalesce(r.output_tokens, 0), r.cost_usd, coalesce(r.used_own_api_key, false), r.api_key_id, r.automation, r.purpose, r.request_hash, coalesce(r.cached_input_tokens, 0), coalesce(r.cache_write_input_tokens, 0), coalesce(r.reasoning_tokens, 0), coalesce(r.cost_source, 'stated'::text), r.input_usd_per_million, r.output_usd_per_million, r.cache_read_usd_per_million, r.cache_write_usd_per_million, coalesce(r.is_over_quota, false), at + (ordinality - 1) * interval '1 microsecond', at, first_version + ordinality
                FROM unnest(usage_logs_price_all(ARRAY(SELECT ROW(p.user_id, p.id, p.conversation_id, p.message_id, p.provider, p.model, p.input_tokens, p.output_tokens, p.total_tokens, p.cost_usd, p.used_own_api_key, p.api_key_id, p.automation, p.purpose, p.created_at, p.updated_at, NULL, p.request_hash, p.cached_input_tokens, p.cache_write_input_tokens, p.reasoning_tokens, NULL, NULL, NULL, NULL, NULL, NULL)::usage_logs FROM jsonb_populate_recordset(NULL::usage_logs, proposed) AS p), at)) WITH ORDINALITY AS r
                ORDER BY ordinality
                RETURNING t
            )
            SELECT array_agg(t) INTO made FROM new;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            SELECT m.user_id, m.version, 'usage_logs', m.id, 'insert', jsonb_build_object('conversation_id', m.conversation_id), at
            FROM unnest(made) AS m;
            PERFORM usage_logs_enter_all(made);
            RETURN QUERY SELECT * FROM unnest(made);
        END
        $$;

ALTER FUNCTION parley.usage_logs_insert_all(proposed jsonb) OWNER TO parley_owner;

-- comment FUNCTION usage_logs_insert_all(proposed jsonb)

COMMENT ON FUNCTION parley.usage_logs_insert_all(proposed jsonb) IS 'Made by SELECT add_bulk_insert(''usage_logs'', ''{conversation_id}'', sums => ''enter'', fills => ''price'');';

-- function usage_logs_links()

CREATE FUNCTION parley.usage_logs_links() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        DECLARE
            broken text;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                broken := CASE
                    WHEN NEW.api_key_id IS NOT NULL AND NOT EXISTS (SELECT FROM parley.provider_keys AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.api_key_id AND p.deleted_at IS NULL) THEN 'usage_logs_api_key_id_exists'
                    WHEN NEW.conversation_id IS NOT NULL AND NOT EXISTS (SELECT FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL) THEN 'usage_logs_conversation_id_exists'
                    WHEN NEW.conversation_id IS NOT NULL AND NEW.message_id IS NOT NULL AND NOT EXISTS (SELECT FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL) THEN 'usage_logs_message_id_exists'
                END;
                IF broken IS NULL THEN
                    RETURN NEW;
                END IF;
                RAISE foreign_key_violation USING CONSTRAINT = broken, TABLE = 'usage_logs',
                    MESSAGE = 'the linked row does not exist or is deleted';
            END IF;
            IF (NEW.user_id, NEW.api_key_id, NEW.user_id, NEW.conversation_id, NEW.user_id, NEW.conversation_id, NEW.message_id) IS DISTINCT FROM (OLD.user_id, OLD.api_key_id, OLD.user_id, OLD.conversation_id, OLD.user_id, OLD.conversation_id, OLD.message_id) THEN
                IF NEW.api_key_id IS NOT NULL AND NEW.api_key_id IS NOT NULL AND (NEW.user_id, NEW.api_key_id) IS DISTINCT FROM (OLD.user_id, OLD.api_key_id) THEN
                    PERFORM FROM parley.provider_keys AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.api_key_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'usage_logs_api_key_id_exists', TABLE = 'usage_logs',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
                IF NEW.conversation_id IS NOT NULL AND NEW.conversation_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id) THEN
                    PERFORM FROM parley.conversations AS p WHERE p.user_id = NEW.user_id AND p.id = NEW.conversation_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'usage_logs_conversation_id_exists', TABLE = 'usage_logs',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
                IF NEW.conversation_id IS NOT NULL AND NEW.message_id IS NOT NULL AND NEW.message_id IS NOT NULL AND (NEW.user_id, NEW.conversation_id, NEW.message_id) IS DISTINCT FROM (OLD.user_id, OLD.conversation_id, OLD.message_id) THEN
                    PERFORM FROM parley.messages AS p WHERE p.user_id = NEW.user_id AND p.conversation_id = NEW.conversation_id AND p.id = NEW.message_id AND p.deleted_at IS NULL;
                    IF NOT FOUND THEN
                        RAISE foreign_key_violation USING CONSTRAINT = 'usage_logs_message_id_exists', TABLE = 'usage_logs',
                            MESSAGE = 'the linked row does not exist or is deleted';
                    END IF;
                END IF;
            END IF;
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.usage_logs_links() OWNER TO parley_owner;

-- comment FUNCTION usage_logs_links()

COMMENT ON FUNCTION parley.usage_logs_links() IS 'Made by SELECT keep_links(''usage_logs'', within => ''{}'', marked => ''t'', on_insert => ''t'');';

-- function usage_logs_meter(uuid, parley.usage_logs[], timestamp with time zone)

CREATE FUNCTION parley.usage_logs_meter(account uuid, entries parley.usage_logs[], at timestamp with time zone) RETURNS parley.usage_logs[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    settling uuid[] := ARRAY(SELECT e.id FROM unnest(entries) AS e WHERE e.id IS NOT NULL);
    found record;
    total numeric;
    n integer;
    warns boolean;
    exceeds boolean;
BEGIN
    FOR found IN
        SELECT q AS quota, s.*
        FROM usage_quotas AS q
        CROSS JOIN LATERAL usage_quota_state(q, at, settling) AS s
        WHERE q.user_id = account AND q.deleted_at IS NULL
    LOOP
        total := found.used;
        FOR n IN 1..cardinality(entries) LOOP
            -- In a list, columns that were not sent are still null.
            CONTINUE WHEN usage_quota_counts(
                found.quota, entries[n].provider, entries[n].model, entries[n].automation,
                coalesce(entries[n].used_own_api_key, false)) IS NOT TRUE;
            total := total + usage_in_unit(
                (found.quota).unit, 1,
                coalesce(entries[n].input_tokens, 0)::bigint + coalesce(entries[n].output_tokens, 0),
                entries[n].cost_usd);
            IF (found.quota).mode = 'hard' AND total + found.reserved > (found.quota)."limit" THEN
                entries[n].is_over_quota := true;
            END IF;
        END LOOP;
        -- Once in each period.
        warns := total >= (found.quota)."limit" * 0.8
            AND ((found.quota).warned_at >= found.begins_at) IS NOT TRUE;
        exceeds := total > (found.quota)."limit"
            AND ((found.quota).exceeded_at >= found.begins_at) IS NOT TRUE;
        IF total > found.used AND (warns OR exceeds) THEN
            UPDATE usage_quotas
            SET warned_at = CASE WHEN warns THEN at ELSE warned_at END,
                exceeded_at = CASE WHEN exceeds THEN at ELSE exceeded_at END
            WHERE user_id = account AND id = (found.quota).id;
        END IF;
    END LOOP;
    RETURN entries;
END
$$;

ALTER FUNCTION parley.usage_logs_meter(account uuid, entries parley.usage_logs[], at timestamp with time zone) OWNER TO parley_owner;

-- function usage_logs_price_all(parley.usage_logs[], timestamp with time zone)

CREATE FUNCTION parley.usage_logs_price_all(proposed parley.usage_logs[], at timestamp with time zone) RETURNS parley.usage_logs[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    of_model record;
    price llm_model_prices;
    of_key record;
    n bigint;
BEGIN
    -- The trigger that does this fires later.
    FOR n IN
        SELECT ordinality FROM unnest(proposed) WITH ORDINALITY WHERE provider <> canonical_name(provider)
    LOOP
        proposed[n].provider := canonical_name(proposed[n].provider);
    END LOOP;
    FOR of_model IN
        SELECT provider, model, array_agg(ordinality) AS positions
        FROM unnest(proposed) WITH ORDINALITY
        WHERE cost_usd IS NULL
        GROUP BY provider, model
    LOOP
        price := model_price_at(of_model.provider, of_model.model, at);
        FOREACH n IN ARRAY of_model.positions LOOP
            proposed[n] := usage_logs_priced(proposed[n], price);
        END LOOP;
    END LOOP;
    FOR of_key IN
        SELECT
            p.used_own_api_key AS is_said,
            usage_own_key(tenant(), p.provider, p.api_key_id, p.used_own_api_key, r) AS is_own,
            array_agg(p.ordinality) AS positions
        FROM unnest(proposed) WITH ORDINALITY AS p
        LEFT JOIN usage_reservations AS r ON r.user_id = tenant() AND r.id = p.id
        WHERE p.used_own_api_key OR p.api_key_id IS NOT NULL OR r.id IS NOT NULL
        GROUP BY p.provider, p.api_key_id, p.used_own_api_key, r
    LOOP
        CONTINUE WHEN of_key.is_said = of_key.is_own;
        FOREACH n IN ARRAY of_key.positions LOOP
            proposed[n].used_own_api_key := of_key.is_own;
        END LOOP;
    END LOOP;
    IF EXISTS (SELECT FROM usage_quotas AS q WHERE q.user_id = tenant() AND q.deleted_at IS NULL) THEN
        proposed := usage_logs_meter(tenant(), proposed, at);
    END IF;
    RETURN proposed;
END
$$;

ALTER FUNCTION parley.usage_logs_price_all(proposed parley.usage_logs[], at timestamp with time zone) OWNER TO parley_owner;

-- function usage_logs_priced(parley.usage_logs, parley.llm_model_prices)

CREATE FUNCTION parley.usage_logs_priced(entry parley.usage_logs, price parley.llm_model_prices) RETURNS parley.usage_logs
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    cached numeric := coalesce(entry.cached_input_tokens, 0);
    written numeric := coalesce(entry.cache_write_input_tokens, 0);
    charged record;
BEGIN
    IF price.id IS NULL THEN
        entry.cost_usd := 0;
        entry.cost_source := 'unknown';
        RETURN entry;
    END IF;
    SELECT * INTO charged FROM price_for_input(price, coalesce(entry.input_tokens, 0));
    entry.input_usd_per_million := charged.input_usd_per_million;
    entry.output_usd_per_million := charged.output_usd_per_million;
    entry.cache_read_usd_per_million := charged.cache_read_usd_per_million;
    entry.cache_write_usd_per_million := charged.cache_write_usd_per_million;
    -- Rules are checked after this. An entry that breaks one is refused for that, and not for the cost that follows from it.
    entry.cost_usd := greatest(0, ceil(
        (coalesce(entry.input_tokens, 0) - cached - written) * charged.input_usd_per_million
        + cached * coalesce(charged.cache_read_usd_per_million, charged.input_usd_per_million)
        + written * coalesce(charged.cache_write_usd_per_million, charged.input_usd_per_million)
        + coalesce(entry.output_tokens, 0) * charged.output_usd_per_million)) * 0.000001;
    entry.cost_source := 'catalogue';
    RETURN entry;
END
$$;

ALTER FUNCTION parley.usage_logs_priced(entry parley.usage_logs, price parley.llm_model_prices) OWNER TO parley_owner;

-- function usage_logs_rules()

CREATE FUNCTION parley.usage_logs_rules() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            IF (true
                AND ((new.cost_usd >= (0)::numeric) AND (new.cost_usd <= (1000000)::numeric))
                AND ((char_length(new.model) >= 1) AND (char_length(new.model) <= 100))
                AND ((char_length(new.provider) >= 1) AND (char_length(new.provider) <= 50))) IS NOT FALSE THEN
                IF true
                    AND NEW.automation IS NULL
                    AND NEW.cache_write_input_tokens = 0
                    AND NEW.input_tokens = 0
                    AND NEW.cache_write_input_tokens = 0
                    AND NEW.cache_write_input_tokens = 0
                    AND NEW.cached_input_tokens = 0
                    AND NEW.input_tokens = 0
                    AND NEW.cached_input_tokens = 0
                    AND NEW.cost_source = 'stated'::text
                    AND NEW.input_tokens = 0
                    AND NEW.conversation_id IS NULL
                    AND NEW.message_id IS NULL
                    AND NEW.output_tokens = 0
                    AND NEW.purpose IS NULL
                    AND NEW.output_tokens = 0
                    AND NEW.reasoning_tokens = 0
                    AND NEW.reasoning_tokens = 0 THEN
                    RETURN NEW;
                END IF;
                IF (true
                    AND ((char_length(new.automation) >= 1) AND (char_length(new.automation) <= 100))
                    AND (new.cache_write_input_tokens <= GREATEST(new.input_tokens, 0))
                    AND (new.cache_write_input_tokens >= 0)
                    AND (new.cached_input_tokens <= GREATEST((GREATEST(new.input_tokens, 0) - GREATEST(new.cache_write_input_tokens, 0)), 0))
                    AND (new.cached_input_tokens >= 0)
                    AND (new.cost_source = ANY (ARRAY['stated'::text, 'catalogue'::text, 'unknown'::text]))
                    AND ((new.input_tokens >= 0) AND (new.input_tokens <= 1000000000))
                    AND ((new.message_id IS NULL) OR (new.conversation_id IS NOT NULL))
                    AND ((new.output_tokens >= 0) AND (new.output_tokens <= 1000000000))
                    AND ((char_length(new.purpose) >= 1) AND (char_length(new.purpose) <= 100))
                    AND (new.reasoning_tokens <= GREATEST(new.output_tokens, 0))
                    AND (new.reasoning_tokens >= 0)) IS NOT FALSE THEN
                    RETURN NEW;
                END IF;
            END IF;
            RAISE check_violation USING TABLE = 'usage_logs', MESSAGE = 'a value is not allowed', CONSTRAINT = CASE
            WHEN NOT ((char_length(new.automation) >= 1) AND (char_length(new.automation) <= 100)) THEN 'usage_logs_automation_length'
            WHEN NOT (new.cache_write_input_tokens <= GREATEST(new.input_tokens, 0)) THEN 'usage_logs_cache_write_input_tokens_part'
            WHEN NOT (new.cache_write_input_tokens >= 0) THEN 'usage_logs_cache_write_input_tokens_range'
            WHEN NOT (new.cached_input_tokens <= GREATEST((GREATEST(new.input_tokens, 0) - GREATEST(new.cache_write_input_tokens, 0)), 0)) THEN 'usage_logs_cached_input_tokens_part'
            WHEN NOT (new.cached_input_tokens >= 0) THEN 'usage_logs_cached_input_tokens_range'
            WHEN NOT (new.cost_source = ANY (ARRAY['stated'::text, 'catalogue'::text, 'unknown'::text])) THEN 'usage_logs_cost_source_known'
            WHEN NOT ((new.cost_usd >= (0)::numeric) AND (new.cost_usd <= (1000000)::numeric)) THEN 'usage_logs_cost_usd_range'
            WHEN NOT ((new.input_tokens >= 0) AND (new.input_tokens <= 1000000000)) THEN 'usage_logs_input_tokens_range'
            WHEN NOT ((new.message_id IS NULL) OR (new.conversation_id IS NOT NULL)) THEN 'usage_logs_message_id_conversation'
            WHEN NOT ((char_length(new.model) >= 1) AND (char_length(new.model) <= 100)) THEN 'usage_logs_model_length'
            WHEN NOT ((new.output_tokens >= 0) AND (new.output_tokens <= 1000000000)) THEN 'usage_logs_output_tokens_range'
            WHEN NOT ((char_length(new.provider) >= 1) AND (char_length(new.provider) <= 50)) THEN 'usage_logs_provider_length'
            WHEN NOT ((char_length(new.purpose) >= 1) AND (char_length(new.purpose) <= 100)) THEN 'usage_logs_purpose_length'
            WHEN NOT (new.reasoning_tokens <= GREATEST(new.output_tokens, 0)) THEN 'usage_logs_reasoning_tokens_part'
            WHEN NOT (new.reasoning_tokens >= 0) THEN 'usage_logs_reasoning_tokens_range'
            END;
        END
        $$;

ALTER FUNCTION parley.usage_logs_rules() OWNER TO parley_owner;

-- comment FUNCTION usage_logs_rules()

COMMENT ON FUNCTION parley.usage_logs_rules() IS 'Made by SELECT rules_at_once(''usage_logs'', spare_others => ''f'');';

-- function usage_logs_sum()

CREATE FUNCTION parley.usage_logs_sum() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.usage_logs_sum() OWNER TO parley_owner;

-- table usage_reservations

CREATE TABLE parley.usage_reservations (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    automation text,
    used_own_api_key boolean DEFAULT false NOT NULL,
    estimated_input_tokens integer DEFAULT 0 NOT NULL,
    estimated_output_tokens integer DEFAULT 0 NOT NULL,
    estimated_cost_usd numeric,
    status text DEFAULT 'held'::text NOT NULL,
    expires_at timestamp with time zone DEFAULT (clock_timestamp() + '00:15:00'::interval) NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    request_hash bigint,
    CONSTRAINT usage_reservations_automation_length CHECK (((char_length(automation) >= 1) AND (char_length(automation) <= 100))),
    CONSTRAINT usage_reservations_estimated_cost_usd_range CHECK (((estimated_cost_usd >= (0)::numeric) AND (estimated_cost_usd <= (1000000)::numeric))),
    CONSTRAINT usage_reservations_estimated_input_tokens_range CHECK (((estimated_input_tokens >= 0) AND (estimated_input_tokens <= 1000000000))),
    CONSTRAINT usage_reservations_estimated_output_tokens_range CHECK (((estimated_output_tokens >= 0) AND (estimated_output_tokens <= 1000000000))),
    CONSTRAINT usage_reservations_model_length CHECK (((char_length(model) >= 1) AND (char_length(model) <= 100))),
    CONSTRAINT usage_reservations_provider_length CHECK (((char_length(provider) >= 1) AND (char_length(provider) <= 50))),
    CONSTRAINT usage_reservations_status_known CHECK ((status = ANY (ARRAY['held'::text, 'released'::text])))
);

ALTER TABLE ONLY parley.usage_reservations FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.usage_reservations OWNER TO parley_owner;

-- comment COLUMN usage_reservations.estimated_cost_usd

COMMENT ON COLUMN parley.usage_reservations.estimated_cost_usd IS 'Null if the price of the model is not known.';

-- comment COLUMN usage_reservations.status

COMMENT ON COLUMN parley.usage_reservations.status IS 'What was done with it. What came of it is told by usage_reservation_status().';

-- comment COLUMN usage_reservations.request_hash

COMMENT ON COLUMN parley.usage_reservations.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment CONSTRAINT usage_reservations_automation_length ON usage_reservations

COMMENT ON CONSTRAINT usage_reservations_automation_length ON parley.usage_reservations IS 'An automation name has 1 to 100 characters.';

-- comment CONSTRAINT usage_reservations_estimated_cost_usd_range ON usage_reservations

COMMENT ON CONSTRAINT usage_reservations_estimated_cost_usd_range ON parley.usage_reservations IS 'The cost must be between 0 and 1000000.';

-- comment CONSTRAINT usage_reservations_estimated_input_tokens_range ON usage_reservations

COMMENT ON CONSTRAINT usage_reservations_estimated_input_tokens_range ON parley.usage_reservations IS 'The number of tokens must be between 0 and 1000000000.';

-- comment CONSTRAINT usage_reservations_estimated_output_tokens_range ON usage_reservations

COMMENT ON CONSTRAINT usage_reservations_estimated_output_tokens_range ON parley.usage_reservations IS 'The number of tokens must be between 0 and 1000000000.';

-- comment CONSTRAINT usage_reservations_model_length ON usage_reservations

COMMENT ON CONSTRAINT usage_reservations_model_length ON parley.usage_reservations IS 'A model name has 1 to 100 characters.';

-- comment CONSTRAINT usage_reservations_provider_length ON usage_reservations

COMMENT ON CONSTRAINT usage_reservations_provider_length ON parley.usage_reservations IS 'A provider name has 1 to 50 characters.';

-- function usage_own_key(uuid, text, uuid, boolean, parley.usage_reservations)

CREATE FUNCTION parley.usage_own_key(account uuid, called text, key_id uuid, says_own_key boolean, reserved parley.usage_reservations) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    key_provider text;
    is_own boolean := false;
BEGIN
    -- A name that breaks the rule is refused for that, later.
    IF char_length(called) NOT BETWEEN 1 AND 50 THEN
        RETURN false;
    ELSIF key_id IS NOT NULL THEN
        SELECT k.provider INTO key_provider
        FROM provider_keys AS k
        WHERE k.user_id = account AND k.id = key_id AND k.deleted_at IS NULL;
        IF NOT FOUND THEN
            -- The trigger `links` refuses it, with the words for that.
            RETURN false;
        ELSIF key_provider <> called THEN
            RAISE invalid_parameter_value USING CONSTRAINT = 'usage_logs_api_key_id_provider', TABLE = 'usage_logs',
                MESSAGE = format(
                    'this is a key of %s, and the call is one of %s', key_provider, called);
        END IF;
        is_own := true;
    ELSIF says_own_key THEN
        is_own := reserved.used_own_api_key IS TRUE OR usage_has_own_key(account, called);
    END IF;
    IF reserved.provider <> called THEN
        RAISE check_violation USING CONSTRAINT = 'usage_logs_provider_reserved', TABLE = 'usage_logs',
            MESSAGE = format(
                'the reservation with this id is one for %s, and the call is one of %s: record it with another id',
                reserved.provider, called);
    ELSIF reserved.used_own_api_key <> is_own THEN
        RAISE check_violation USING CONSTRAINT = 'usage_logs_used_own_api_key_reserved', TABLE = 'usage_logs',
            MESSAGE = format(
                'the reservation with this id is one for a call %s your own API key: record other calls with another id',
                CASE WHEN is_own THEN 'without' ELSE 'with' END);
    END IF;
    RETURN is_own;
END
$$;

ALTER FUNCTION parley.usage_own_key(account uuid, called text, key_id uuid, says_own_key boolean, reserved parley.usage_reservations) OWNER TO parley_owner;

-- function usage_quota_counts(parley.usage_quotas, text, text, text, boolean)

CREATE FUNCTION parley.usage_quota_counts(quota parley.usage_quotas, provider text, model text, automation text, used_own_api_key boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT quota.unit <> 'bytes' AND (quota.provider IS NULL OR quota.provider = usage_quota_counts.provider)
        AND (quota.model IS NULL OR canonical_name(quota.model) = canonical_name(usage_quota_counts.model))
        AND (quota.automation IS NULL OR quota.automation = coalesce(usage_quota_counts.automation, ''))
        AND (quota.counts_own_key OR NOT used_own_api_key)
$$;

ALTER FUNCTION parley.usage_quota_counts(quota parley.usage_quotas, provider text, model text, automation text, used_own_api_key boolean) OWNER TO parley_owner;

-- function usage_quota_period(text, timestamp with time zone)

CREATE FUNCTION parley.usage_quota_period(period text, at timestamp with time zone) RETURNS TABLE(begins_at timestamp with time zone, ends_at timestamp with time zone)
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    IF period = 'total' THEN
        RETURN QUERY SELECT '-infinity'::timestamptz, 'infinity'::timestamptz;
    ELSE
        begins_at := date_trunc(period, at, 'UTC');
        ends_at := (begins_at AT TIME ZONE 'UTC' + ('1 ' || period)::interval) AT TIME ZONE 'UTC';
        RETURN NEXT;
    END IF;
END
$$;

ALTER FUNCTION parley.usage_quota_period(period text, at timestamp with time zone) OWNER TO parley_owner;

-- function usage_quota_state(parley.usage_quotas, timestamp with time zone, uuid[])

CREATE FUNCTION parley.usage_quota_state(quota parley.usage_quotas, at timestamp with time zone, settling uuid[] DEFAULT '{}'::uuid[]) RETURNS TABLE(used numeric, reserved numeric, begins_at timestamp with time zone, ends_at timestamp with time zone)
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    SELECT p.begins_at, p.ends_at INTO begins_at, ends_at FROM usage_quota_period(quota.period, at) AS p;
    IF quota.unit = 'bytes' THEN
        used := 0;
    ELSIF quota.period = 'hour' THEN
        SELECT coalesce(usage_in_unit(quota.unit, count(*), sum(l.total_tokens), sum(l.cost_usd)), 0) INTO used
        FROM usage_logs AS l
        WHERE l.user_id = quota.user_id AND l.created_at >= usage_quota_state.begins_at
            AND l.created_at < usage_quota_state.ends_at
            AND usage_quota_counts(quota, l.provider, l.model, l.automation, l.used_own_api_key);
    ELSE
        SELECT coalesce(usage_in_unit(
            quota.unit, sum(p.requests), sum(p.input_tokens + p.output_tokens)::bigint, sum(p.cost_usd)), 0) INTO used
        FROM usage_day_parts AS p
        WHERE p.user_id = quota.user_id AND p.day >= (usage_quota_state.begins_at AT TIME ZONE 'UTC')::date
            AND p.day < (usage_quota_state.ends_at AT TIME ZONE 'UTC')::date
            AND usage_quota_counts(quota, p.provider, p.model, p.automation, p.used_own_api_key);
    END IF;
    SELECT coalesce(usage_in_unit(
        quota.unit, count(*), sum(r.estimated_input_tokens::bigint + r.estimated_output_tokens)::bigint,
        sum(coalesce(r.estimated_cost_usd, 0))), 0) INTO reserved
    FROM usage_reservations AS r
    WHERE r.user_id = quota.user_id AND r.status = 'held' AND r.expires_at > at AND r.id <> ALL (settling)
        AND usage_quota_counts(quota, r.provider, r.model, r.automation, r.used_own_api_key)
        -- It is settled.
        AND NOT EXISTS (SELECT FROM usage_logs AS l WHERE l.user_id = r.user_id AND l.id = r.id);
    RETURN NEXT;
END
$$;

ALTER FUNCTION parley.usage_quota_state(quota parley.usage_quotas, at timestamp with time zone, settling uuid[]) OWNER TO parley_owner;

-- function usage_quotas_audit_settings_changed()

CREATE FUNCTION parley.usage_quotas_audit_settings_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'settings_changed', 'usage_quotas', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.unit IS DISTINCT FROM NEW.unit
                    THEN jsonb_build_object('unit', jsonb_build_array(OLD.unit, NEW.unit)) ELSE '{}' END ||
                CASE WHEN OLD.period IS DISTINCT FROM NEW.period
                    THEN jsonb_build_object('period', jsonb_build_array(OLD.period, NEW.period)) ELSE '{}' END ||
                CASE WHEN OLD."limit" IS DISTINCT FROM NEW."limit"
                    THEN jsonb_build_object('limit', jsonb_build_array(OLD."limit", NEW."limit")) ELSE '{}' END ||
                CASE WHEN OLD.mode IS DISTINCT FROM NEW.mode
                    THEN jsonb_build_object('mode', jsonb_build_array(OLD.mode, NEW.mode)) ELSE '{}' END ||
                CASE WHEN OLD.counts_own_key IS DISTINCT FROM NEW.counts_own_key
                    THEN jsonb_build_object('counts_own_key', jsonb_build_array(OLD.counts_own_key, NEW.counts_own_key)) ELSE '{}' END ||
                CASE WHEN OLD.deleted_at IS DISTINCT FROM NEW.deleted_at
                    THEN jsonb_build_object('deleted_at', jsonb_build_array(OLD.deleted_at, NEW.deleted_at)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.usage_quotas_audit_settings_changed() OWNER TO parley_owner;

-- comment FUNCTION usage_quotas_audit_settings_changed()

COMMENT ON FUNCTION parley.usage_quotas_audit_settings_changed() IS 'Made by SELECT add_audit(''usage_quotas'', ''settings_changed'', ''{update}'', of => ''{unit,period,provider,model,automation,limit,mode,counts_own_key,deleted_at}'', shown => ''{unit,period,limit,mode,counts_own_key,deleted_at}'', condition => ''NEW.set_by = ''''user'''''', each => NULL, inserted => NULL);';

-- function usage_quotas_canonical()

CREATE FUNCTION parley.usage_quotas_canonical() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            NEW.provider := canonical_name(NEW.provider);
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.usage_quotas_canonical() OWNER TO parley_owner;

-- comment FUNCTION usage_quotas_canonical()

COMMENT ON FUNCTION parley.usage_quotas_canonical() IS 'Made by SELECT keep_canonical(''usage_quotas'', ''{provider}'');';

-- function usage_quotas_guard()

CREATE FUNCTION parley.usage_quotas_guard() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    -- The serving role acts for users, whatever its connection says of the actor.
    by_user boolean := NOT pg_has_role(current_user, 'parley_owner', 'USAGE');
BEGIN
    IF by_user AND (TG_OP <> 'INSERT' AND OLD.set_by = 'system' OR TG_OP <> 'DELETE' AND NEW.set_by = 'system') THEN
        RAISE check_violation USING CONSTRAINT = 'usage_quotas_id_plan', TABLE = 'usage_quotas',
            MESSAGE = 'this quota belongs to your plan, so you can neither change nor delete it';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    -- The same row is one that is created again, and its id is taken, which is found later.
    IF by_user AND NEW.deleted_at IS NULL AND EXISTS (
        SELECT FROM usage_quotas AS q
        WHERE q.user_id = NEW.user_id AND q.id <> NEW.id AND q.deleted_at IS NULL AND q.set_by = 'user'
            AND (q.unit, q.period, q.mode, q.counts_own_key, q."limit")
                = (NEW.unit, NEW.period, NEW.mode, NEW.counts_own_key, NEW."limit")
            AND q.provider IS NOT DISTINCT FROM NEW.provider
            AND canonical_name(q.model) IS NOT DISTINCT FROM canonical_name(NEW.model)
            AND q.automation IS NOT DISTINCT FROM NEW.automation)
    THEN
        RAISE check_violation USING CONSTRAINT = 'usage_quotas_limit_same', TABLE = 'usage_quotas',
            MESSAGE = 'you have the same quota already';
    END IF;
    IF TG_OP = 'UPDATE'
        AND (OLD.unit, OLD.period, OLD.provider, OLD.model, OLD.automation, OLD."limit", OLD.counts_own_key)
            IS DISTINCT FROM
            (NEW.unit, NEW.period, NEW.provider, NEW.model, NEW.automation, NEW."limit", NEW.counts_own_key)
    THEN
        NEW.warned_at := NULL;
        NEW.exceeded_at := NULL;
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.usage_quotas_guard() OWNER TO parley_owner;

-- function usage_quotas_most()

CREATE FUNCTION parley.usage_quotas_most() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND EXISTS (SELECT FROM (SELECT OLD.*) AS t WHERE (set_by = 'user') AND deleted_at IS NULL)
                OR NOT EXISTS (SELECT FROM (SELECT NEW.*) AS t WHERE (set_by = 'user') AND deleted_at IS NULL)
            THEN
                RETURN NULL;
            END IF;
            IF (SELECT count(*) FROM usage_quotas AS t WHERE t.user_id = NEW.user_id AND (set_by = 'user') AND deleted_at IS NULL) > 100 THEN
                RAISE check_violation USING CONSTRAINT = 'usage_quotas_most', TABLE = 'usage_quotas', MESSAGE = 'You can have at most 100 quotas: delete one first';
            END IF;
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.usage_quotas_most() OWNER TO parley_owner;

-- comment FUNCTION usage_quotas_most()

COMMENT ON FUNCTION parley.usage_quotas_most() IS 'Made by SELECT add_most(''usage_quotas'', ''100'', ''You can have at most 100 quotas: delete one first.'', ''set_by = ''''user'''''', NULL);';

-- function usage_refusal(parley.usage_quotas, numeric, numeric, numeric, timestamp with time zone)

CREATE FUNCTION parley.usage_refusal(quota parley.usage_quotas, used numeric, reserved numeric, needed numeric, ends_at timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN needed IS NULL THEN
        format('the price of this model is not known, and %s limits the cost: state an estimate', named)
    ELSE
        format(
            '%s has %s left (%s used, %s reserved), and the call needs %s: it %s', named,
            trim_scale(greatest(quota."limit" - used - reserved, 0)), trim_scale(used), trim_scale(reserved),
            trim_scale(needed),
            CASE WHEN ends_at = 'infinity' THEN 'never resets'
                ELSE to_char(ends_at AT TIME ZONE 'UTC', '"resets at" YYYY-MM-DD"T"HH24:MI:SS"Z"') END)
    END
    FROM (
        SELECT concat(
            CASE quota.set_by WHEN 'system' THEN 'the quota of your plan' ELSE 'your quota' END,
            ' of ', trim_scale(quota."limit"), ' ', CASE quota.unit WHEN 'usd' THEN 'US dollars' ELSE quota.unit END,
            CASE quota.period WHEN 'total' THEN ' in total' ELSE ' per ' || quota.period END,
            ' for ' || nullif(
                concat_ws(', ', quota.provider, 'the model ' || quota.model, 'the automation ' || quota.automation), ''))
    ) AS q (named)
$$;

ALTER FUNCTION parley.usage_refusal(quota parley.usage_quotas, used numeric, reserved numeric, needed numeric, ends_at timestamp with time zone) OWNER TO parley_owner;

-- function usage_reservation_status(parley.usage_reservations)

CREATE FUNCTION parley.usage_reservation_status(reservation parley.usage_reservations) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE
        WHEN EXISTS (
            SELECT FROM usage_logs AS l WHERE l.user_id = reservation.user_id AND l.id = reservation.id
        ) THEN 'settled'
        WHEN reservation.status = 'released' THEN 'released'
        WHEN reservation.expires_at <= clock_timestamp() THEN 'expired'
        ELSE 'held'
    END
$$;

ALTER FUNCTION parley.usage_reservation_status(reservation parley.usage_reservations) OWNER TO parley_owner;

-- function usage_reservations_canonical()

CREATE FUNCTION parley.usage_reservations_canonical() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            NEW.provider := canonical_name(NEW.provider);
            RETURN NEW;
        END
        $$;

ALTER FUNCTION parley.usage_reservations_canonical() OWNER TO parley_owner;

-- comment FUNCTION usage_reservations_canonical()

COMMENT ON FUNCTION parley.usage_reservations_canonical() IS 'Made by SELECT keep_canonical(''usage_reservations'', ''{provider}'');';

-- function usage_reservations_enter()

CREATE FUNCTION parley.usage_reservations_enter() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
DECLARE
    at timestamptz := clock_timestamp();
    checked record;
BEGIN
    NEW.expires_at := at + interval '15 minutes';
    -- The first refusal, if there is one.
    SELECT * INTO checked
    FROM usage_check(
        NEW.user_id, at, NEW.provider, NEW.model, NEW.automation, NEW.used_own_api_key, NEW.estimated_input_tokens,
        NEW.estimated_output_tokens, NEW.estimated_cost_usd)
    LIMIT 1;
    NEW.estimated_cost_usd := checked.cost_usd;
    NEW.used_own_api_key := checked.used_own_api_key;
    -- The same request again is not refused by what it reserved before: its id is taken, which is found after this.
    IF EXISTS (SELECT FROM usage_reservations AS r WHERE r.user_id = NEW.user_id AND r.id = NEW.id) THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM usage_logs AS l WHERE l.user_id = NEW.user_id AND l.id = NEW.id) THEN
        RAISE check_violation USING CONSTRAINT = 'usage_reservations_id_recorded', TABLE = 'usage_reservations',
            MESSAGE = 'usage with this id is recorded already';
    END IF;
    -- Rules are checked after this. What breaks one is refused for that.
    IF NOT checked.is_refused
        OR NEW.estimated_input_tokens NOT BETWEEN 0 AND 1000000000
        OR NEW.estimated_output_tokens NOT BETWEEN 0 AND 1000000000
    THEN
        RETURN NEW;
    END IF;
    -- The field of the error comes from the name.
    RAISE EXCEPTION USING
        ERRCODE = CASE WHEN checked.is_unpriced THEN 'invalid_parameter_value' ELSE 'check_violation' END,
        CONSTRAINT = concat_ws('_', 'usage_reservations', checked.field, 'quota'), TABLE = 'usage_reservations',
        MESSAGE = checked.reason;
END
$$;

ALTER FUNCTION parley.usage_reservations_enter() OWNER TO parley_owner;

-- function usage_reservations_expire(interval, integer)

CREATE FUNCTION parley.usage_reservations_expire(after interval, most integer) RETURNS TABLE(expired_user_id uuid, expired integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        DECLARE
            too_old timestamptz := clock_timestamp() - greatest(after, '1 day');
            caller jsonb;
        BEGIN
            IF NOT is_background_work() THEN
                RETURN;
            END IF;
            SELECT f.user_id INTO expired_user_id
            FROM usage_reservations AS t
            JOIN feeds AS f ON f.user_id = t.user_id
            WHERE (expires_at) < too_old
            ORDER BY (expires_at)
            LIMIT 1
            FOR UPDATE OF f SKIP LOCKED;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            caller := act_for(expired_user_id);
            DELETE FROM usage_reservations AS r
            WHERE r.user_id = expired_user_id AND r.id = ANY (ARRAY(
                SELECT t.id FROM usage_reservations AS t
                WHERE t.user_id = expired_user_id AND (expires_at) < too_old
                LIMIT most));
            GET DIAGNOSTICS expired = ROW_COUNT;
            PERFORM stamp_again(caller);
            RETURN NEXT;
        END
        $$;

ALTER FUNCTION parley.usage_reservations_expire(after interval, most integer) OWNER TO parley_owner;

-- comment FUNCTION usage_reservations_expire(after interval, most integer)

COMMENT ON FUNCTION parley.usage_reservations_expire(after interval, most integer) IS 'Made by SELECT add_expiry(''usage_reservations'', ''expires_at'', ''1 day'');';

-- function usage_reservations_move()

CREATE FUNCTION parley.usage_reservations_move() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF NEW.status <> OLD.status AND (
        NEW.status <> 'released'
        OR EXISTS (SELECT FROM usage_logs AS l WHERE l.user_id = NEW.user_id AND l.id = NEW.id))
    THEN
        RAISE check_violation USING CONSTRAINT = 'usage_reservations_id_settled', TABLE = 'usage_reservations',
            MESSAGE = 'the usage of this reservation is recorded already';
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.usage_reservations_move() OWNER TO parley_owner;

-- function user_settings_audit_settings_changed()

CREATE FUNCTION parley.user_settings_audit_settings_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'settings_changed', 'user_settings', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.share_usage_data IS DISTINCT FROM NEW.share_usage_data
                    THEN jsonb_build_object('share_usage_data', jsonb_build_array(OLD.share_usage_data, NEW.share_usage_data)) ELSE '{}' END ||
                CASE WHEN OLD.enable_analytics IS DISTINCT FROM NEW.enable_analytics
                    THEN jsonb_build_object('enable_analytics', jsonb_build_array(OLD.enable_analytics, NEW.enable_analytics)) ELSE '{}' END ||
                CASE WHEN OLD.auto_sync IS DISTINCT FROM NEW.auto_sync
                    THEN jsonb_build_object('auto_sync', jsonb_build_array(OLD.auto_sync, NEW.auto_sync)) ELSE '{}' END ||
                CASE WHEN OLD.sync_frequency_minutes IS DISTINCT FROM NEW.sync_frequency_minutes
                    THEN jsonb_build_object('sync_frequency_minutes', jsonb_build_array(OLD.sync_frequency_minutes, NEW.sync_frequency_minutes)) ELSE '{}' END ||
                CASE WHEN OLD.enable_notifications IS DISTINCT FROM NEW.enable_notifications
                    THEN jsonb_build_object('enable_notifications', jsonb_build_array(OLD.enable_notifications, NEW.enable_notifications)) ELSE '{}' END ||
                CASE WHEN OLD.archive_after_months IS DISTINCT FROM NEW.archive_after_months
                    THEN jsonb_build_object('archive_after_months', jsonb_build_array(OLD.archive_after_months, NEW.archive_after_months)) ELSE '{}' END ||
                CASE WHEN OLD.delete_after_months IS DISTINCT FROM NEW.delete_after_months
                    THEN jsonb_build_object('delete_after_months', jsonb_build_array(OLD.delete_after_months, NEW.delete_after_months)) ELSE '{}' END ||
                CASE WHEN OLD.max_messages_per_conversation IS DISTINCT FROM NEW.max_messages_per_conversation
                    THEN jsonb_build_object('max_messages_per_conversation', jsonb_build_array(OLD.max_messages_per_conversation, NEW.max_messages_per_conversation)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.user_settings_audit_settings_changed() OWNER TO parley_owner;

-- comment FUNCTION user_settings_audit_settings_changed()

COMMENT ON FUNCTION parley.user_settings_audit_settings_changed() IS 'Made by SELECT add_audit(''user_settings'', ''settings_changed'', ''{update}'', of => ''{share_usage_data,enable_analytics,auto_sync,sync_frequency_minutes,enable_notifications,archive_after_months,delete_after_months,max_messages_per_conversation}'', shown => NULL, condition => NULL, each => NULL, inserted => NULL);';

-- function users_audit_account_deleted()

CREATE FUNCTION parley.users_audit_account_deleted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'account_deleted', 'users', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.purge_at IS DISTINCT FROM NEW.purge_at
                    THEN jsonb_build_object('purge_at', jsonb_build_array(OLD.purge_at, NEW.purge_at)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.users_audit_account_deleted() OWNER TO parley_owner;

-- comment FUNCTION users_audit_account_deleted()

COMMENT ON FUNCTION parley.users_audit_account_deleted() IS 'Made by SELECT add_audit(''users'', ''account_deleted'', ''{update}'', of => ''{deleted_at}'', shown => ''{purge_at}'', condition => ''NEW.deleted_at IS NOT NULL'', each => NULL, inserted => NULL);';

-- function users_audit_email_changed()

CREATE FUNCTION parley.users_audit_email_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), 'email_changed', 'users', coalesce(NEW.id, OLD.id), 
                CASE WHEN OLD.email IS DISTINCT FROM NEW.email
                    THEN jsonb_build_object('email', jsonb_build_array(OLD.email, NEW.email)) ELSE '{}' END);
            RETURN NULL;
        END
        $$;

ALTER FUNCTION parley.users_audit_email_changed() OWNER TO parley_owner;

-- comment FUNCTION users_audit_email_changed()

COMMENT ON FUNCTION parley.users_audit_email_changed() IS 'Made by SELECT add_audit(''users'', ''email_changed'', ''{update}'', of => ''{email}'', shown => NULL, condition => NULL, each => NULL, inserted => NULL);';

-- function users_check_own_api_key()

CREATE FUNCTION parley.users_check_own_api_key() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF NOT has_provider_key(NEW.user_id) THEN
        RAISE invalid_parameter_value USING CONSTRAINT = 'users_uses_own_api_key_present', TABLE = 'users',
            MESSAGE = 'add a provider key first';
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.users_check_own_api_key() OWNER TO parley_owner;

-- function users_check_time_zone()

CREATE FUNCTION parley.users_check_time_zone() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
BEGIN
    IF NEW.time_zone ~ '^(posix|right)|^(localtime|Factory)$'
        OR NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = NEW.time_zone) THEN
        RAISE invalid_parameter_value USING CONSTRAINT = 'users_time_zone_known', TABLE = 'users',
            MESSAGE = 'a time zone is an IANA name, such as Europe/Berlin';
    END IF;
    RETURN NEW;
END
$_$;

ALTER FUNCTION parley.users_check_time_zone() OWNER TO parley_owner;

-- function users_complete()

CREATE FUNCTION parley.users_complete() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY TG_ARGV LOOP
        EXECUTE format('INSERT INTO %I (user_id) VALUES ($1)', table_name) USING NEW.user_id;
    END LOOP;
    RETURN NULL;
END
$_$;

ALTER FUNCTION parley.users_complete() OWNER TO parley_owner;

-- function users_give_quotas()

CREATE FUNCTION parley.users_give_quotas() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.plan_type <> OLD.plan_type THEN
        PERFORM plan_quotas_apply(NEW.user_id, NEW.plan_type);
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION parley.users_give_quotas() OWNER TO parley_owner;

-- function users_open_feed()

CREATE FUNCTION parley.users_open_feed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO feeds (user_id) VALUES (NEW.user_id);
    INSERT INTO feed_ages (user_id) VALUES (NEW.user_id);
    RETURN NEW;
END
$$;

ALTER FUNCTION parley.users_open_feed() OWNER TO parley_owner;

-- function users_rename_login()

CREATE FUNCTION parley.users_rename_login() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    UPDATE logins SET username = lower(NEW.username) WHERE user_id = NEW.user_id;
    RETURN NULL;
EXCEPTION WHEN unique_violation THEN
    RAISE unique_violation USING CONSTRAINT = 'users_username_taken', TABLE = 'users',
        MESSAGE = 'this user name is already taken';
END
$$;

ALTER FUNCTION parley.users_rename_login() OWNER TO parley_owner;

-- function users_to_purge(uuid, timestamp with time zone)

CREATE FUNCTION parley.users_to_purge(after_id uuid, before timestamp with time zone) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $_$
DECLARE
    parts text := (
        SELECT string_agg(
            format('SELECT user_id FROM %I WHERE deleted_at < $2 AND user_id > $1', name), ' UNION ')
        FROM trash_tables());
BEGIN
    IF is_background_work() THEN
        RETURN QUERY EXECUTE format('%s UNION SELECT user_id FROM purges WHERE user_id > $1 ORDER BY user_id LIMIT 100', parts)
        USING after_id, before;
    END IF;
END
$_$;

ALTER FUNCTION parley.users_to_purge(after_id uuid, before timestamp with time zone) OWNER TO parley_owner;

-- function users_with_retention(uuid)

CREATE FUNCTION parley.users_with_retention(after_id uuid) RETURNS TABLE(retained_user_id uuid, archive_months integer, delete_months integer)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'parley', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY
    SELECT s.user_id, s.archive_after_months, s.delete_after_months
    FROM user_settings AS s
    WHERE is_background_work()
        AND s.user_id > after_id
        AND (s.archive_after_months IS NOT NULL OR s.delete_after_months IS NOT NULL)
    ORDER BY s.user_id
    LIMIT 100;
END
$$;

ALTER FUNCTION parley.users_with_retention(after_id uuid) OWNER TO parley_owner;

-- table users

CREATE TABLE parley.users (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    username text,
    full_name text,
    avatar_url text,
    plan_type text DEFAULT 'free'::text NOT NULL,
    plan_status text DEFAULT 'active'::text NOT NULL,
    default_provider text DEFAULT 'openai'::text NOT NULL,
    uses_own_api_key boolean DEFAULT false NOT NULL,
    last_login_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    default_model text,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    locale text DEFAULT 'en'::text NOT NULL,
    email_verified_at timestamp with time zone,
    purge_at timestamp with time zone,
    is_plan_set boolean DEFAULT false NOT NULL,
    CONSTRAINT users_avatar_url_shape CHECK (((avatar_url ~ '^https?://[^[:space:]]+$'::text) AND (char_length(avatar_url) <= 2048))),
    CONSTRAINT users_default_model_length CHECK (((char_length(default_model) >= 1) AND (char_length(default_model) <= 100))),
    CONSTRAINT users_default_provider_length CHECK (((char_length(default_provider) >= 1) AND (char_length(default_provider) <= 50))),
    CONSTRAINT users_email_shape CHECK (((email ~ '^[^@[:space:]]+@[^@[:space:]]+$'::text) AND (char_length(email) <= 254))),
    CONSTRAINT users_full_name_length CHECK ((char_length(full_name) <= 255)),
    CONSTRAINT users_id_self CHECK ((id = user_id)),
    CONSTRAINT users_locale_shape CHECK (((locale ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$'::text) AND (char_length(locale) <= 35))),
    CONSTRAINT users_plan_status_known CHECK ((plan_status = ANY (ARRAY['active'::text, 'trialing'::text, 'past_due'::text, 'cancelled'::text]))),
    CONSTRAINT users_plan_type_known CHECK ((plan_type = ANY (ARRAY['free'::text, 'pro'::text, 'enterprise'::text]))),
    CONSTRAINT users_purge_at_deleted CHECK (((purge_at IS NULL) OR (deleted_at IS NOT NULL))),
    CONSTRAINT users_username_shape CHECK ((username ~ '^[A-Za-z0-9_.-]{2,50}$'::text))
);

ALTER TABLE ONLY parley.users FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.users OWNER TO parley_owner;

-- comment COLUMN users.email_verified_at

COMMENT ON COLUMN parley.users.email_verified_at IS 'When the user proved to receive mail at the address; null until then.';

-- comment COLUMN users.purge_at

COMMENT ON COLUMN parley.users.purge_at IS 'When everything of the deleted account is removed for good. Until then, its user can restore it. Null if it was deleted in another way.';

-- comment COLUMN users.is_plan_set

COMMENT ON COLUMN parley.users.is_plan_set IS 'Whether an operator has set the plan, which then does not follow the subscriptions.';

-- comment CONSTRAINT users_avatar_url_shape ON users

COMMENT ON CONSTRAINT users_avatar_url_shape ON parley.users IS 'A picture URL begins with http:// or https:// and has at most 2048 characters.';

-- comment CONSTRAINT users_default_model_length ON users

COMMENT ON CONSTRAINT users_default_model_length ON parley.users IS 'A model name has 1 to 100 characters.';

-- comment CONSTRAINT users_default_provider_length ON users

COMMENT ON CONSTRAINT users_default_provider_length ON parley.users IS 'A provider name has 1 to 50 characters.';

-- comment CONSTRAINT users_email_shape ON users

COMMENT ON CONSTRAINT users_email_shape ON parley.users IS 'An e-mail address must look like name@example.org and have at most 254 characters.';

-- comment CONSTRAINT users_full_name_length ON users

COMMENT ON CONSTRAINT users_full_name_length ON parley.users IS 'A full name has at most 255 characters.';

-- comment CONSTRAINT users_locale_shape ON users

COMMENT ON CONSTRAINT users_locale_shape ON parley.users IS 'A locale is a BCP 47 language tag of at most 35 characters, such as en or pt-BR.';

-- comment CONSTRAINT users_username_shape ON users

COMMENT ON CONSTRAINT users_username_shape ON parley.users IS 'A user name has 2 to 50 letters, digits, dots, hyphens or underscores.';

-- function uses_own_keys(parley.users)

CREATE FUNCTION parley.uses_own_keys(account parley.users) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN account.uses_own_api_key AND has_provider_key(account.user_id);
END
$$;

ALTER FUNCTION parley.uses_own_keys(account parley.users) OWNER TO parley_owner;

-- function within_of(text)

CREATE FUNCTION parley.within_of(table_name text) RETURNS text[]
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(
        substring(
            obj_description(to_regprocedure(quote_ident(table_name || '_links') || '()'), 'pg_proc')
            FROM 'within => ''({.*?})''')::text[],
        '{}')
$$;

ALTER FUNCTION parley.within_of(table_name text) OWNER TO parley_owner;

-- function fn_pgqueuer_changed()

CREATE FUNCTION parley_work.fn_pgqueuer_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    to_emit BOOLEAN := false;  -- Flag to decide whether to emit a notification
BEGIN
    -- Check operation type and set the emit flag accordingly
    IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
        to_emit := true;
    ELSIF TG_OP = 'DELETE' THEN
        to_emit := true;
    ELSIF TG_OP = 'INSERT' THEN
        to_emit := true;
    ELSIF TG_OP = 'TRUNCATE' THEN
        to_emit := true;
    END IF;

    -- Perform notification if the emit flag is set
    IF to_emit THEN
        PERFORM pg_notify(
            'parley_work',
            json_build_object(
                'channel', 'parley_work',
                'operation', lower(TG_OP),
                'sent_at', NOW(),
                'table', TG_TABLE_NAME,
                'type', 'table_changed_event'
            )::text
        );
    END IF;

    -- Return appropriate value based on the operation
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSE
        RETURN NULL; -- For TRUNCATE and other non-row-specific contexts
    END IF;

END;
$$;

ALTER FUNCTION parley_work.fn_pgqueuer_changed() OWNER TO parley_owner;

-- table agent_tokens

CREATE TABLE parley.agent_tokens (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    name text NOT NULL,
    scopes jsonb NOT NULL,
    hash bytea NOT NULL,
    last_four text NOT NULL,
    last_used_at timestamp with time zone,
    expires_at timestamp with time zone DEFAULT (clock_timestamp() + '90 days'::interval) NOT NULL,
    revoked_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    request_hash bigint,
    CONSTRAINT agent_tokens_expires_at_range CHECK ((((expires_at - created_at) >= '00:00:00'::interval) AND ((expires_at - created_at) <= '366 days'::interval))),
    CONSTRAINT agent_tokens_last_four_length CHECK ((char_length(last_four) = 4)),
    CONSTRAINT agent_tokens_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
    CONSTRAINT agent_tokens_scopes_confirmations CHECK ((NOT (scopes @> '["confirmations:propose", "confirmations:decide"]'::jsonb))),
    CONSTRAINT agent_tokens_scopes_list CHECK ((parley.scope_list_mistake(scopes) IS NULL)),
    CONSTRAINT agent_tokens_scopes_tools CHECK ((NOT (scopes @> '["tools:execute", "tools:approve"]'::jsonb)))
);

ALTER TABLE ONLY parley.agent_tokens FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.agent_tokens OWNER TO parley_owner;

-- comment COLUMN agent_tokens.hash

COMMENT ON COLUMN parley.agent_tokens.hash IS 'SHA-256 of the secret in the token, which is stored nowhere.';

-- comment COLUMN agent_tokens.request_hash

COMMENT ON COLUMN parley.agent_tokens.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment CONSTRAINT agent_tokens_expires_at_range ON agent_tokens

COMMENT ON CONSTRAINT agent_tokens_expires_at_range ON parley.agent_tokens IS 'A token expires in the future, within 366 days.';

-- comment CONSTRAINT agent_tokens_name_length ON agent_tokens

COMMENT ON CONSTRAINT agent_tokens_name_length ON parley.agent_tokens IS 'A name has 1 to 100 characters.';

-- comment CONSTRAINT agent_tokens_scopes_confirmations ON agent_tokens

COMMENT ON CONSTRAINT agent_tokens_scopes_confirmations ON parley.agent_tokens IS 'A token cannot have both confirmations:propose and confirmations:decide.';

-- comment CONSTRAINT agent_tokens_scopes_list ON agent_tokens

COMMENT ON CONSTRAINT agent_tokens_scopes_list ON parley.agent_tokens IS 'A token has one or more scopes, each named once. The description of the field lists those that there are.';

-- comment CONSTRAINT agent_tokens_scopes_tools ON agent_tokens

COMMENT ON CONSTRAINT agent_tokens_scopes_tools ON parley.agent_tokens IS 'A token cannot have both tools:execute and tools:approve.';

-- table audit_entries

CREATE TABLE parley.audit_entries (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    action text NOT NULL,
    actor text DEFAULT parley.actor() NOT NULL,
    session_id uuid DEFAULT parley.actor_session(),
    agent_token_id uuid DEFAULT parley.actor_agent_token(),
    entity text NOT NULL,
    entity_id uuid NOT NULL,
    changes jsonb DEFAULT '{}'::jsonb NOT NULL,
    ip_address inet,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT audit_entries_action_known CHECK ((action = ANY (ARRAY['signed_in'::text, 'sign_in_failed'::text, 'signed_out'::text, 'session_revoked'::text, 'password_changed'::text, 'email_changed'::text, 'key_created'::text, 'key_used'::text, 'key_deleted'::text, 'token_created'::text, 'token_revoked'::text, 'settings_changed'::text, 'approval_rule_changed'::text, 'rag_configuration_changed'::text, 'oauth_linked'::text, 'oauth_unlinked'::text, 'exported'::text, 'purged'::text, 'account_deleted'::text]))),
    CONSTRAINT audit_entries_actor_known CHECK ((actor = ANY (ARRAY['user'::text, 'agent'::text, 'system'::text])))
);

ALTER TABLE ONLY parley.audit_entries FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.audit_entries OWNER TO parley_owner;

-- comment COLUMN audit_entries.entity

COMMENT ON COLUMN parley.audit_entries.entity IS 'The table of the row that it is about.';

-- comment COLUMN audit_entries.changes

COMMENT ON COLUMN parley.audit_entries.changes IS 'The old and the new value by column: {"share_usage_data": [false, true]}.';

-- table auto_approval_rules

CREATE TABLE parley.auto_approval_rules (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    tool_name text NOT NULL,
    arguments jsonb DEFAULT '{}'::jsonb NOT NULL,
    ignore_case boolean DEFAULT false NOT NULL,
    host text,
    effect text NOT NULL,
    max_cost_usd numeric,
    conversation_id uuid,
    expires_at timestamp with time zone,
    note text,
    times_used integer DEFAULT 0 NOT NULL,
    last_used_at timestamp with time zone,
    tool_key text NOT NULL,
    tool_like text NOT NULL,
    pointers text[] NOT NULL,
    likes text[] NOT NULL,
    regexes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    request_hash bigint,
    CONSTRAINT auto_approval_rules_arguments_size CHECK ((pg_column_size(arguments) <= 65536)),
    CONSTRAINT auto_approval_rules_effect_known CHECK ((effect = ANY (ARRAY['allow'::text, 'ask'::text, 'deny'::text]))),
    CONSTRAINT auto_approval_rules_host_shape CHECK (((host ~ '^(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$'::text) AND (char_length(host) <= 253))),
    CONSTRAINT auto_approval_rules_max_cost_usd_range CHECK (((max_cost_usd >= (0)::numeric) AND (max_cost_usd <= (1000000)::numeric))),
    CONSTRAINT auto_approval_rules_note_length CHECK ((char_length(note) <= 4000)),
    CONSTRAINT auto_approval_rules_tool_name_length CHECK (((char_length(tool_name) >= 1) AND (char_length(tool_name) <= 100)))
);

ALTER TABLE ONLY parley.auto_approval_rules FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.auto_approval_rules OWNER TO parley_owner;

-- comment COLUMN auto_approval_rules.tool_key

COMMENT ON COLUMN parley.auto_approval_rules.tool_key IS 'The name of the tool as DENY rules compare it, or * if it has a wildcard: by it a proposal finds its rules.';

-- comment COLUMN auto_approval_rules.pointers

COMMENT ON COLUMN parley.auto_approval_rules.pointers IS 'For each argument, how it is read, and the path to it, an array of texts as a text. ALLOW reads a path (p), a text without spaces (w) or any text (a); DENY and ASK read a path (e) or another text (d). The next columns have its pattern, in the same order.';

-- comment COLUMN auto_approval_rules.likes

COMMENT ON COLUMN parley.auto_approval_rules.likes IS 'The pattern as LIKE reads it. It matches whatever the pattern does.';

-- comment COLUMN auto_approval_rules.regexes

COMMENT ON COLUMN parley.auto_approval_rules.regexes IS 'The regular expression of the pattern; null if LIKE is exact.';

-- comment COLUMN auto_approval_rules.request_hash

COMMENT ON COLUMN parley.auto_approval_rules.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment CONSTRAINT auto_approval_rules_arguments_size ON auto_approval_rules

COMMENT ON CONSTRAINT auto_approval_rules_arguments_size ON parley.auto_approval_rules IS 'Arguments have at most 64 KiB.';

-- comment CONSTRAINT auto_approval_rules_host_shape ON auto_approval_rules

COMMENT ON CONSTRAINT auto_approval_rules_host_shape ON parley.auto_approval_rules IS 'A host is a name such as example.org, or *.example.org for those below it, without scheme, port and path.';

-- comment CONSTRAINT auto_approval_rules_max_cost_usd_range ON auto_approval_rules

COMMENT ON CONSTRAINT auto_approval_rules_max_cost_usd_range ON parley.auto_approval_rules IS 'The cost must be between 0 and 1000000.';

-- comment CONSTRAINT auto_approval_rules_note_length ON auto_approval_rules

COMMENT ON CONSTRAINT auto_approval_rules_note_length ON parley.auto_approval_rules IS 'A note has at most 4000 characters.';

-- comment CONSTRAINT auto_approval_rules_tool_name_length ON auto_approval_rules

COMMENT ON CONSTRAINT auto_approval_rules_tool_name_length ON parley.auto_approval_rules IS 'A tool name has 1 to 100 characters.';

-- table auto_approval_settings

CREATE TABLE parley.auto_approval_settings (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    read_only_operations boolean DEFAULT false NOT NULL,
    low_risk_operations boolean DEFAULT false NOT NULL,
    max_cost_per_tool_usd numeric DEFAULT 1.00 NOT NULL,
    max_cost_per_hour_usd numeric DEFAULT 10.00 NOT NULL,
    require_approval_for_new_tools boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT auto_approval_settings_max_cost_per_hour_usd_range CHECK (((max_cost_per_hour_usd >= (0)::numeric) AND (max_cost_per_hour_usd <= (1000000)::numeric))),
    CONSTRAINT auto_approval_settings_max_cost_per_tool_usd_range CHECK (((max_cost_per_tool_usd >= (0)::numeric) AND (max_cost_per_tool_usd <= (1000000)::numeric)))
);

ALTER TABLE ONLY parley.auto_approval_settings FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.auto_approval_settings OWNER TO parley_owner;

-- comment CONSTRAINT auto_approval_settings_max_cost_per_hour_usd_range ON auto_approval_settings

COMMENT ON CONSTRAINT auto_approval_settings_max_cost_per_hour_usd_range ON parley.auto_approval_settings IS 'The cost must be between 0 and 1000000.';

-- comment CONSTRAINT auto_approval_settings_max_cost_per_tool_usd_range ON auto_approval_settings

COMMENT ON CONSTRAINT auto_approval_settings_max_cost_per_tool_usd_range ON parley.auto_approval_settings IS 'The cost must be between 0 and 1000000.';

-- table changes

CREATE TABLE parley.changes (
    user_id uuid NOT NULL,
    version bigint NOT NULL,
    entity text NOT NULL,
    entity_id uuid NOT NULL,
    op text NOT NULL,
    data jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    old_data jsonb
);

ALTER TABLE ONLY parley.changes FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.changes OWNER TO parley_owner;

-- comment COLUMN changes.op

COMMENT ON COLUMN parley.changes.op IS 'insert, update, delete, restore or purge.';

-- comment COLUMN changes.data

COMMENT ON COLUMN parley.changes.data IS 'The columns that subscriptions filter by, or need as they were at the time. Never content.';

-- comment COLUMN changes.old_data

COMMENT ON COLUMN parley.changes.old_data IS 'The previous values of the ids among these columns, if the change altered one of them.';

-- table context_optimization_messages

CREATE TABLE parley.context_optimization_messages (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    context_optimization_id uuid NOT NULL,
    message_id uuid NOT NULL,
    seq integer NOT NULL,
    version bigint NOT NULL
);

ALTER TABLE ONLY parley.context_optimization_messages FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.context_optimization_messages OWNER TO parley_owner;

-- comment COLUMN context_optimization_messages.seq

COMMENT ON COLUMN parley.context_optimization_messages.seq IS 'The seq of the message, by which the list is ordered.';

-- table context_optimizations

CREATE TABLE parley.context_optimizations (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    conversation_id uuid NOT NULL,
    trigger_reason text NOT NULL,
    optimization_type text NOT NULL,
    tokens_before integer NOT NULL,
    tokens_after integer NOT NULL,
    summary text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    request_hash bigint,
    CONSTRAINT context_optimizations_optimization_type_known CHECK ((optimization_type = ANY (ARRAY['truncation'::text, 'summarization'::text, 'compression'::text]))),
    CONSTRAINT context_optimizations_summary_length CHECK ((char_length(summary) <= 262144)),
    CONSTRAINT context_optimizations_tokens_after_range CHECK ((tokens_after >= 0)),
    CONSTRAINT context_optimizations_tokens_before_range CHECK ((tokens_before >= 0)),
    CONSTRAINT context_optimizations_trigger_reason_known CHECK ((trigger_reason = ANY (ARRAY['token_limit'::text, 'user_request'::text, 'auto'::text])))
);

ALTER TABLE ONLY parley.context_optimizations FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.context_optimizations OWNER TO parley_owner;

-- comment COLUMN context_optimizations.request_hash

COMMENT ON COLUMN parley.context_optimizations.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment CONSTRAINT context_optimizations_summary_length ON context_optimizations

COMMENT ON CONSTRAINT context_optimizations_summary_length ON parley.context_optimizations IS 'A summary has at most 262144 characters.';

-- comment CONSTRAINT context_optimizations_tokens_after_range ON context_optimizations

COMMENT ON CONSTRAINT context_optimizations_tokens_after_range ON parley.context_optimizations IS 'The number of tokens cannot be negative.';

-- comment CONSTRAINT context_optimizations_tokens_before_range ON context_optimizations

COMMENT ON CONSTRAINT context_optimizations_tokens_before_range ON parley.context_optimizations IS 'The number of tokens cannot be negative.';

-- table conversation_tags

CREATE TABLE parley.conversation_tags (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    conversation_id uuid NOT NULL,
    tag_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL
);

ALTER TABLE ONLY parley.conversation_tags FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.conversation_tags OWNER TO parley_owner;

-- table conversations

CREATE TABLE parley.conversations (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    title text,
    provider text NOT NULL,
    model text NOT NULL,
    system_prompt text,
    temperature double precision DEFAULT 0.7 NOT NULL,
    max_tokens integer,
    context_window integer NOT NULL,
    is_pinned boolean DEFAULT false NOT NULL,
    is_archived boolean DEFAULT false NOT NULL,
    is_auto_archived boolean DEFAULT false NOT NULL,
    max_messages integer,
    folder text,
    client_session text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    auto_approval_settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    last_seq integer DEFAULT 0 NOT NULL,
    message_count integer DEFAULT 0 NOT NULL,
    last_message_id uuid,
    last_message_at timestamp with time zone,
    active_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    active_since timestamp with time zone NOT NULL,
    message_tokens bigint DEFAULT 0 NOT NULL,
    response_count integer DEFAULT 0 NOT NULL,
    response_ms bigint DEFAULT 0 NOT NULL,
    usage_requests integer DEFAULT 0 NOT NULL,
    usage_input_tokens bigint DEFAULT 0 NOT NULL,
    usage_output_tokens bigint DEFAULT 0 NOT NULL,
    usage_cost_usd numeric DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    request_hash bigint,
    positive_feedback integer DEFAULT 0 NOT NULL,
    negative_feedback integer DEFAULT 0 NOT NULL,
    neutral_feedback integer DEFAULT 0 NOT NULL,
    kept_at timestamp with time zone,
    approval_overrides jsonb,
    usage_cached_input_tokens bigint DEFAULT 0 NOT NULL,
    usage_cache_write_input_tokens bigint DEFAULT 0 NOT NULL,
    usage_reasoning_tokens bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='85');

ALTER TABLE ONLY parley.conversations FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.conversations OWNER TO parley_owner;

-- comment COLUMN conversations.last_message_id

COMMENT ON COLUMN parley.conversations.last_message_id IS 'Has no foreign key, because a trigger writes it before the message is inserted.';

-- comment COLUMN conversations.active_at

COMMENT ON COLUMN parley.conversations.active_at IS 'When the last message was added, or when the conversation was created.';

-- comment COLUMN conversations.active_since

COMMENT ON COLUMN parley.conversations.active_since IS 'When it last became the most recently active conversation: the order of an inbox. It is the time of writing, whatever created_at says: after importing old rows, set it to active_at.';

-- comment COLUMN conversations.request_hash

COMMENT ON COLUMN parley.conversations.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment COLUMN conversations.kept_at

COMMENT ON COLUMN parley.conversations.kept_at IS 'When the user last took it out of the archive or the trash. It is not put there automatically until it has been inactive since then, too.';

-- comment COLUMN conversations.approval_overrides

COMMENT ON COLUMN parley.conversations.approval_overrides IS 'The automatic approval of the conversation as it is applied. A trigger writes it with auto_approval_settings.';

-- table data_keys

CREATE TABLE parley.data_keys (
    user_id uuid NOT NULL,
    key_id text NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    wrapped_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY parley.data_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.data_keys OWNER TO parley_owner;

-- comment TABLE data_keys

COMMENT ON TABLE parley.data_keys IS 'The key that seals the secrets of a user, wrapped. Without its row, they cannot be opened.';

-- table export_parts

CREATE TABLE parley.export_parts (
    user_id uuid NOT NULL,
    job_id uuid NOT NULL,
    "position" integer NOT NULL,
    file text NOT NULL,
    content bytea NOT NULL,
    size integer NOT NULL,
    last_id uuid,
    done bigint NOT NULL,
    CONSTRAINT export_parts_content_size CHECK ((octet_length(content) <= 16777216)),
    CONSTRAINT export_parts_file_shape CHECK ((file ~ '^[A-Za-z]\w{0,99}\.jsonl?$'::text)),
    CONSTRAINT export_parts_position_range CHECK (("position" >= 0)),
    CONSTRAINT export_parts_size_range CHECK ((size >= 0))
);
ALTER TABLE ONLY parley.export_parts ALTER COLUMN content SET STORAGE EXTERNAL;

ALTER TABLE ONLY parley.export_parts FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.export_parts OWNER TO parley_owner;

-- comment COLUMN export_parts.file

COMMENT ON COLUMN parley.export_parts.file IS 'The name of the file that it is a part of.';

-- comment COLUMN export_parts.content

COMMENT ON COLUMN parley.export_parts.content IS 'Its text, compressed by zlib.';

-- comment COLUMN export_parts.size

COMMENT ON COLUMN parley.export_parts.size IS 'The bytes of its text, uncompressed.';

-- comment COLUMN export_parts.last_id

COMMENT ON COLUMN parley.export_parts.last_id IS 'The last row that was read into the file so far.';

-- comment COLUMN export_parts.done

COMMENT ON COLUMN parley.export_parts.done IS 'The rows in the whole export so far.';

-- table feed_ages

CREATE TABLE parley.feed_ages (
    user_id uuid NOT NULL,
    oldest_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY parley.feed_ages FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.feed_ages OWNER TO parley_owner;

-- comment COLUMN feed_ages.oldest_at

COMMENT ON COLUMN parley.feed_ages.oldest_at IS 'No change in the feed is older than this.';

-- table feeds

CREATE TABLE parley.feeds (
    user_id uuid NOT NULL,
    epoch integer DEFAULT 1 NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    pruned bigint DEFAULT 0 NOT NULL,
    latest_conversation_id uuid,
    latest_since timestamp with time zone
)
WITH (fillfactor='50');

ALTER TABLE ONLY parley.feeds FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.feeds OWNER TO parley_owner;

-- comment COLUMN feeds.epoch

COMMENT ON COLUMN parley.feeds.epoch IS 'Raised after a restore, or a failover that may have lost commits, so that older cursors are refused.';

-- comment COLUMN feeds.pruned

COMMENT ON COLUMN parley.feeds.pruned IS 'Changes up to this version are no longer stored.';

-- comment COLUMN feeds.latest_conversation_id

COMMENT ON COLUMN parley.feeds.latest_conversation_id IS 'The most recently active conversation.';

-- comment COLUMN feeds.latest_since

COMMENT ON COLUMN parley.feeds.latest_since IS 'When it became the most recently active one; always later than the value of the conversation before it.';

-- table functions

CREATE TABLE parley.functions (
    name text NOT NULL,
    checksum text NOT NULL,
    parley text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE parley.functions OWNER TO parley_owner;

-- comment TABLE functions

COMMENT ON TABLE parley.functions IS 'The files of functions as they were applied last.';

-- comment COLUMN functions.parley

COMMENT ON COLUMN parley.functions.parley IS 'The version that applied it.';

-- table jobs

CREATE TABLE parley.jobs (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    kind text NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    done bigint DEFAULT 0 NOT NULL,
    total bigint,
    error text,
    attempts integer DEFAULT 0 NOT NULL,
    run_after timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    request_hash bigint,
    CONSTRAINT jobs_done_range CHECK ((done >= 0)),
    CONSTRAINT jobs_error_length CHECK ((char_length(error) <= 2000)),
    CONSTRAINT jobs_kind_shape CHECK ((kind ~ '^[a-z][a-z0-9_]{0,49}$'::text)),
    CONSTRAINT jobs_parameters_size CHECK (((jsonb_typeof(parameters) = 'object'::text) AND (pg_column_size(parameters) <= 4096))),
    CONSTRAINT jobs_status_known CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT jobs_total_range CHECK ((total >= 0))
);

ALTER TABLE ONLY parley.jobs FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.jobs OWNER TO parley_owner;

-- comment COLUMN jobs.kind

COMMENT ON COLUMN parley.jobs.kind IS 'The name of the job, as its handler declares it.';

-- comment COLUMN jobs.parameters

COMMENT ON COLUMN parley.jobs.parameters IS 'What the job is about: ids and numbers, by name. Never content.';

-- comment COLUMN jobs.done

COMMENT ON COLUMN parley.jobs.done IS 'The items that are finished so far.';

-- comment COLUMN jobs.total

COMMENT ON COLUMN parley.jobs.total IS 'All items; null while their number is unknown.';

-- comment COLUMN jobs.request_hash

COMMENT ON COLUMN parley.jobs.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- table key_encryption_keys

CREATE TABLE parley.key_encryption_keys (
    id text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    dropped_at timestamp with time zone
);

ALTER TABLE parley.key_encryption_keys OWNER TO parley_owner;

-- comment COLUMN key_encryption_keys.dropped_at

COMMENT ON COLUMN parley.key_encryption_keys.dropped_at IS 'Set before the key leaves the keys file. Nothing is wrapped with it since.';

-- table known_tools

CREATE TABLE parley.known_tools (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    tool_name text NOT NULL,
    risk text DEFAULT 'high'::text NOT NULL,
    suggested_risk text,
    description text,
    parameters_schema jsonb,
    first_approved_at timestamp with time zone,
    proposed integer DEFAULT 0 NOT NULL,
    completed integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    cancelled integer DEFAULT 0 NOT NULL,
    total_cost_usd numeric DEFAULT 0 NOT NULL,
    total_ms bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT known_tools_description_length CHECK ((char_length(description) <= 4000)),
    CONSTRAINT known_tools_parameters_schema_size CHECK (((jsonb_typeof(parameters_schema) = 'object'::text) AND (pg_column_size(parameters_schema) <= 65536))),
    CONSTRAINT known_tools_risk_known CHECK ((risk = ANY (ARRAY['read_only'::text, 'low'::text, 'high'::text]))),
    CONSTRAINT known_tools_suggested_risk_known CHECK ((suggested_risk = ANY (ARRAY['read_only'::text, 'low'::text, 'high'::text]))),
    CONSTRAINT known_tools_tool_name_length CHECK (((char_length(tool_name) >= 1) AND (char_length(tool_name) <= 100)))
);

ALTER TABLE ONLY parley.known_tools FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.known_tools OWNER TO parley_owner;

-- comment CONSTRAINT known_tools_description_length ON known_tools

COMMENT ON CONSTRAINT known_tools_description_length ON parley.known_tools IS 'A description has at most 4000 characters.';

-- comment CONSTRAINT known_tools_parameters_schema_size ON known_tools

COMMENT ON CONSTRAINT known_tools_parameters_schema_size ON parley.known_tools IS 'A schema of parameters is an object of at most 64 KiB.';

-- comment CONSTRAINT known_tools_tool_name_length ON known_tools

COMMENT ON CONSTRAINT known_tools_tool_name_length ON parley.known_tools IS 'A tool name has 1 to 100 characters.';

-- table leases

CREATE TABLE parley.leases (
    user_id uuid NOT NULL,
    work_id uuid NOT NULL,
    kind text NOT NULL,
    length interval NOT NULL,
    until timestamp with time zone NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    CONSTRAINT leases_kind_known CHECK ((kind = ANY (ARRAY['messages'::text, 'tool_executions'::text, 'tool_approvals'::text])))
)
WITH (fillfactor='50');

ALTER TABLE ONLY parley.leases FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.leases OWNER TO parley_owner;

-- comment TABLE leases

COMMENT ON TABLE parley.leases IS 'One row per work in progress, deleted when the work ends.';

-- comment COLUMN leases.kind

COMMENT ON COLUMN parley.leases.kind IS 'The table that contains the work; `tool_approvals` for a tool execution that is pending.';

-- comment COLUMN leases.length

COMMENT ON COLUMN parley.leases.length IS 'How long the work may continue without a renewal.';

-- comment COLUMN leases.until

COMMENT ON COLUMN parley.leases.until IS 'When the work counts as abandoned unless the lease is renewed.';

-- comment COLUMN leases.attempt

COMMENT ON COLUMN parley.leases.attempt IS 'The attempt of the tool execution that holds it; 0 for a message.';

-- table llm_models

CREATE TABLE parley.llm_models (
    id uuid GENERATED ALWAYS AS (parley.natural_id(VARIADIC ARRAY[provider, model_id])) STORED NOT NULL,
    provider text NOT NULL,
    model_id text NOT NULL,
    name text NOT NULL,
    context_window integer NOT NULL,
    max_output_tokens integer NOT NULL,
    input_usd_per_million numeric NOT NULL,
    output_usd_per_million numeric NOT NULL,
    blended_usd_per_million numeric GENERATED ALWAYS AS (((((3)::numeric * input_usd_per_million) + output_usd_per_million) / (4)::numeric)) STORED NOT NULL,
    supports_vision boolean NOT NULL,
    supports_tools boolean NOT NULL,
    supports_system boolean NOT NULL,
    quality_score integer,
    latency_score integer,
    is_tier1 boolean NOT NULL,
    embedding_dimensions integer,
    assumed_fields jsonb DEFAULT '[]'::jsonb NOT NULL,
    retired_at timestamp with time zone,
    is_retired boolean GENERATED ALWAYS AS ((retired_at IS NOT NULL)) STORED NOT NULL,
    name_pattern text,
    CONSTRAINT llm_models_context_window_range CHECK ((context_window > 0)),
    CONSTRAINT llm_models_embedding_dimensions_range CHECK ((embedding_dimensions > 0)),
    CONSTRAINT llm_models_input_usd_per_million_range CHECK (((input_usd_per_million >= (0)::numeric) AND (input_usd_per_million <= (1000000)::numeric))),
    CONSTRAINT llm_models_latency_score_range CHECK (((latency_score >= 1) AND (latency_score <= 10))),
    CONSTRAINT llm_models_max_output_tokens_range CHECK ((max_output_tokens > 0)),
    CONSTRAINT llm_models_model_id_length CHECK (((char_length(model_id) >= 1) AND (char_length(model_id) <= 100))),
    CONSTRAINT llm_models_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 500))),
    CONSTRAINT llm_models_name_pattern_length CHECK ((char_length(name_pattern) <= 10000)),
    CONSTRAINT llm_models_output_usd_per_million_range CHECK (((output_usd_per_million >= (0)::numeric) AND (output_usd_per_million <= (1000000)::numeric))),
    CONSTRAINT llm_models_provider_length CHECK (((char_length(provider) >= 1) AND (char_length(provider) <= 50))),
    CONSTRAINT llm_models_quality_score_range CHECK (((quality_score >= 1) AND (quality_score <= 10)))
);

ALTER TABLE parley.llm_models OWNER TO parley_owner;

-- comment TABLE llm_models

COMMENT ON TABLE parley.llm_models IS 'Reference data: the same for all users.';

-- comment COLUMN llm_models.name_pattern

COMMENT ON COLUMN parley.llm_models.name_pattern IS 'A regular expression for the names that mean this model besides its id, in lower case; null if there are none.';

-- comment CONSTRAINT llm_models_context_window_range ON llm_models

COMMENT ON CONSTRAINT llm_models_context_window_range ON parley.llm_models IS 'The context window must be at least 1.';

-- comment CONSTRAINT llm_models_embedding_dimensions_range ON llm_models

COMMENT ON CONSTRAINT llm_models_embedding_dimensions_range ON parley.llm_models IS 'The number of dimensions must be at least 1.';

-- comment CONSTRAINT llm_models_input_usd_per_million_range ON llm_models

COMMENT ON CONSTRAINT llm_models_input_usd_per_million_range ON parley.llm_models IS 'The price must be between 0 and 1000000.';

-- comment CONSTRAINT llm_models_latency_score_range ON llm_models

COMMENT ON CONSTRAINT llm_models_latency_score_range ON parley.llm_models IS 'A score must be between 1 and 10.';

-- comment CONSTRAINT llm_models_max_output_tokens_range ON llm_models

COMMENT ON CONSTRAINT llm_models_max_output_tokens_range ON parley.llm_models IS 'The number of output tokens must be at least 1.';

-- comment CONSTRAINT llm_models_model_id_length ON llm_models

COMMENT ON CONSTRAINT llm_models_model_id_length ON parley.llm_models IS 'A model id has 1 to 100 characters.';

-- comment CONSTRAINT llm_models_name_length ON llm_models

COMMENT ON CONSTRAINT llm_models_name_length ON parley.llm_models IS 'A model name has 1 to 500 characters.';

-- comment CONSTRAINT llm_models_name_pattern_length ON llm_models

COMMENT ON CONSTRAINT llm_models_name_pattern_length ON parley.llm_models IS 'The rules for names have at most 10000 characters.';

-- comment CONSTRAINT llm_models_output_usd_per_million_range ON llm_models

COMMENT ON CONSTRAINT llm_models_output_usd_per_million_range ON parley.llm_models IS 'The price must be between 0 and 1000000.';

-- comment CONSTRAINT llm_models_provider_length ON llm_models

COMMENT ON CONSTRAINT llm_models_provider_length ON parley.llm_models IS 'A provider name has 1 to 50 characters.';

-- comment CONSTRAINT llm_models_quality_score_range ON llm_models

COMMENT ON CONSTRAINT llm_models_quality_score_range ON parley.llm_models IS 'A score must be between 1 and 10.';

-- table logins

CREATE TABLE parley.logins (
    email text NOT NULL,
    username text,
    user_id uuid NOT NULL,
    password_hash text NOT NULL
);

ALTER TABLE ONLY parley.logins FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.logins OWNER TO parley_owner;

-- table message_feedback

CREATE TABLE parley.message_feedback (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    type text NOT NULL,
    comment text,
    reasons jsonb DEFAULT '[]'::jsonb NOT NULL,
    session_id uuid,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    CONSTRAINT message_feedback_comment_length CHECK ((char_length(comment) <= 4000)),
    CONSTRAINT message_feedback_reasons_list CHECK ((parley.text_list_mistake(reasons, 10, 50) IS NULL)),
    CONSTRAINT message_feedback_type_known CHECK ((type = ANY (ARRAY['positive'::text, 'negative'::text, 'neutral'::text])))
);

ALTER TABLE ONLY parley.message_feedback FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.message_feedback OWNER TO parley_owner;

-- comment CONSTRAINT message_feedback_comment_length ON message_feedback

COMMENT ON CONSTRAINT message_feedback_comment_length ON parley.message_feedback IS 'A comment has at most 4000 characters.';

-- comment CONSTRAINT message_feedback_reasons_list ON message_feedback

COMMENT ON CONSTRAINT message_feedback_reasons_list ON parley.message_feedback IS 'Reasons: at most 10, each of 1 to 50 characters.';

-- table message_growths

CREATE TABLE parley.message_growths (
    user_id uuid NOT NULL,
    message_id uuid NOT NULL,
    length integer NOT NULL,
    tail text DEFAULT ''::text NOT NULL,
    renew_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT message_growths_text_length CHECK ((length <= 262144))
)
WITH (fillfactor='50');

ALTER TABLE ONLY parley.message_growths FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.message_growths OWNER TO parley_owner;

-- comment TABLE message_growths

COMMENT ON TABLE parley.message_growths IS 'One row per growing message, from its first append to its end.';

-- comment COLUMN message_growths.length

COMMENT ON COLUMN parley.message_growths.length IS 'The length of the whole text: the content in the row of the message, the pieces and the tail.';

-- comment COLUMN message_growths.tail

COMMENT ON COLUMN parley.message_growths.tail IS 'The end of the text, after the last piece. At most 1 KiB, so that the row stays narrow.';

-- comment COLUMN message_growths.renew_at

COMMENT ON COLUMN parley.message_growths.renew_at IS 'From this time on, an append renews the lease. Not every append does, because renewing changes an index.';

-- comment CONSTRAINT message_growths_text_length ON message_growths

COMMENT ON CONSTRAINT message_growths_text_length ON parley.message_growths IS 'A message has at most 262144 characters.';

-- table message_pieces

CREATE TABLE parley.message_pieces (
    user_id uuid NOT NULL,
    message_id uuid NOT NULL,
    until integer NOT NULL,
    text text NOT NULL,
    CONSTRAINT message_pieces_text_size CHECK ((octet_length(text) <= 16384))
);

ALTER TABLE ONLY parley.message_pieces FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.message_pieces OWNER TO parley_owner;

-- comment TABLE message_pieces

COMMENT ON TABLE parley.message_pieces IS 'The appended text before the tail, in pieces.';

-- comment COLUMN message_pieces.until

COMMENT ON COLUMN parley.message_pieces.until IS 'The offset after its last character.';

-- comment CONSTRAINT message_pieces_text_size ON message_pieces

COMMENT ON CONSTRAINT message_pieces_text_size ON parley.message_pieces IS 'At most 16 KiB of text can be appended at once.';

-- table message_reactions

CREATE TABLE parley.message_reactions (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    emoji text NOT NULL,
    actor text DEFAULT parley.actor() NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    CONSTRAINT message_reactions_actor_known CHECK ((actor = ANY (ARRAY['user'::text, 'agent'::text, 'system'::text]))),
    CONSTRAINT message_reactions_emoji_shape CHECK ((parley.is_emoji(emoji) AND (octet_length(emoji) <= 32)))
);

ALTER TABLE ONLY parley.message_reactions FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.message_reactions OWNER TO parley_owner;

-- comment CONSTRAINT message_reactions_emoji_shape ON message_reactions

COMMENT ON CONSTRAINT message_reactions_emoji_shape ON parley.message_reactions IS 'A reaction is one emoji, such as 👍, of at most 32 bytes.';

-- table migrations

CREATE TABLE parley.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE parley.migrations OWNER TO parley_owner;

-- comment TABLE migrations

COMMENT ON TABLE parley.migrations IS 'The migrations that this database has been through.';

-- table plan_subscriptions

CREATE TABLE parley.plan_subscriptions (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    provider text NOT NULL,
    external_id text NOT NULL,
    plan_type text NOT NULL,
    status text NOT NULL,
    current_period_start timestamp with time zone NOT NULL,
    current_period_end timestamp with time zone NOT NULL,
    cancel_at timestamp with time zone,
    stated_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT plan_subscriptions_current_period_end_order CHECK ((current_period_end > current_period_start)),
    CONSTRAINT plan_subscriptions_external_id_length CHECK (((char_length(external_id) >= 1) AND (char_length(external_id) <= 255))),
    CONSTRAINT plan_subscriptions_plan_type_known CHECK ((plan_type = ANY (ARRAY['free'::text, 'pro'::text, 'enterprise'::text]))),
    CONSTRAINT plan_subscriptions_provider_length CHECK (((char_length(provider) >= 1) AND (char_length(provider) <= 50))),
    CONSTRAINT plan_subscriptions_status_known CHECK ((status = ANY (ARRAY['active'::text, 'trialing'::text, 'past_due'::text, 'cancelled'::text])))
);

ALTER TABLE ONLY parley.plan_subscriptions FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.plan_subscriptions OWNER TO parley_owner;

-- comment COLUMN plan_subscriptions.external_id

COMMENT ON COLUMN parley.plan_subscriptions.external_id IS 'The provider''s id of the subscription.';

-- comment COLUMN plan_subscriptions.stated_at

COMMENT ON COLUMN parley.plan_subscriptions.stated_at IS 'The time of the event that said so. Earlier events that arrive later are ignored.';

-- table provider_configs

CREATE TABLE parley.provider_configs (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    provider text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    base_url text,
    default_model text,
    is_active boolean DEFAULT true NOT NULL,
    is_default boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    request_hash bigint,
    CONSTRAINT provider_configs_base_url_length CHECK ((char_length(base_url) <= 2048)),
    CONSTRAINT provider_configs_base_url_scheme CHECK (((base_url !~* '^http:'::text) OR (base_url ~* '^http://(localhost|127(\.[0-9]+){3}|\[::1\])([:/]|$)'::text))),
    CONSTRAINT provider_configs_base_url_shape CHECK (((char_length(base_url) > 2048) OR ((base_url ~* '^https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?$'::text) AND (base_url !~ '[?#\\]'::text)))),
    CONSTRAINT provider_configs_default_model_length CHECK (((char_length(default_model) >= 1) AND (char_length(default_model) <= 100))),
    CONSTRAINT provider_configs_is_default_active CHECK ((is_active OR (NOT is_default))),
    CONSTRAINT provider_configs_provider_shape CHECK ((provider ~ '^[a-z0-9_-]{1,50}$'::text)),
    CONSTRAINT provider_configs_settings_ascii CHECK (((NOT (settings @? 'strict $.**?(@.type() == "object").keyvalue()."key"?(@ like_regex "[^ -~]")'::jsonpath)) AND (NOT (settings @? 'strict $.**?(@.type() == "object" && exists (@."value"))."name"?(@ like_regex "[^ -~]")'::jsonpath)))),
    CONSTRAINT provider_configs_settings_object CHECK (((jsonb_typeof(settings) = 'object'::text) AND (pg_column_size(settings) <= 65536))),
    CONSTRAINT provider_configs_settings_secret CHECK (((pg_column_size(settings) > 65536) OR (NOT parley.has_secret(settings))))
);

ALTER TABLE ONLY parley.provider_configs FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.provider_configs OWNER TO parley_owner;

-- comment COLUMN provider_configs.request_hash

COMMENT ON COLUMN parley.provider_configs.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment CONSTRAINT provider_configs_base_url_length ON provider_configs

COMMENT ON CONSTRAINT provider_configs_base_url_length ON parley.provider_configs IS 'A URL has at most 2048 characters.';

-- comment CONSTRAINT provider_configs_base_url_scheme ON provider_configs

COMMENT ON CONSTRAINT provider_configs_base_url_scheme ON parley.provider_configs IS 'A base URL begins with https://. Only an address of the same machine may begin with http://.';

-- comment CONSTRAINT provider_configs_base_url_shape ON provider_configs

COMMENT ON CONSTRAINT provider_configs_base_url_shape ON parley.provider_configs IS 'A base URL is an absolute https URL without credentials, query and fragment, such as https://api.example.com/v1.';

-- comment CONSTRAINT provider_configs_default_model_length ON provider_configs

COMMENT ON CONSTRAINT provider_configs_default_model_length ON parley.provider_configs IS 'A model name has 1 to 100 characters.';

-- comment CONSTRAINT provider_configs_is_default_active ON provider_configs

COMMENT ON CONSTRAINT provider_configs_is_default_active ON parley.provider_configs IS 'Only an active configuration can be the default.';

-- comment CONSTRAINT provider_configs_provider_shape ON provider_configs

COMMENT ON CONSTRAINT provider_configs_provider_shape ON parley.provider_configs IS 'A provider has 1 to 50 lower-case letters, digits, hyphens or underscores.';

-- comment CONSTRAINT provider_configs_settings_ascii ON provider_configs

COMMENT ON CONSTRAINT provider_configs_settings_ascii ON parley.provider_configs IS 'The names of settings have ASCII characters only, because others may look like these.';

-- comment CONSTRAINT provider_configs_settings_object ON provider_configs

COMMENT ON CONSTRAINT provider_configs_settings_object ON parley.provider_configs IS 'Settings are a JSON object of at most 64 KiB.';

-- comment CONSTRAINT provider_configs_settings_secret ON provider_configs

COMMENT ON CONSTRAINT provider_configs_settings_secret ON parley.provider_configs IS 'Settings are not secret. What looks like a key, a token or a password belongs into a ProviderKey.';

-- table provider_keys

CREATE TABLE parley.provider_keys (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    provider_config_id uuid NOT NULL,
    provider text NOT NULL,
    key_name text DEFAULT 'My API Key'::text NOT NULL,
    last_four text DEFAULT ''::text NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    is_default boolean DEFAULT false NOT NULL,
    last_used_at timestamp with time zone,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    request_hash bigint,
    sealed_key bytea,
    sealed_key_generation integer DEFAULT 0 NOT NULL,
    CONSTRAINT provider_keys_key_name_length CHECK (((char_length(key_name) >= 1) AND (char_length(key_name) <= 100))),
    CONSTRAINT provider_keys_last_four_length CHECK ((char_length(last_four) = ANY (ARRAY[0, 4])))
);

ALTER TABLE ONLY parley.provider_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.provider_keys OWNER TO parley_owner;

-- comment COLUMN provider_keys.provider

COMMENT ON COLUMN parley.provider_keys.provider IS 'The provider of the configuration. It is part of what seals the key.';

-- comment COLUMN provider_keys.request_hash

COMMENT ON COLUMN parley.provider_keys.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment COLUMN provider_keys.sealed_key

COMMENT ON COLUMN parley.provider_keys.sealed_key IS 'Always null: sealed_secrets has it.';

-- comment COLUMN provider_keys.sealed_key_generation

COMMENT ON COLUMN parley.provider_keys.sealed_key_generation IS 'How often the secret was written, which is sealed with it.';

-- comment CONSTRAINT provider_keys_key_name_length ON provider_keys

COMMENT ON CONSTRAINT provider_keys_key_name_length ON parley.provider_keys IS 'A key name has 1 to 100 characters.';

-- table purges

CREATE TABLE parley.purges (
    user_id uuid NOT NULL,
    entity text NOT NULL,
    entity_id uuid NOT NULL,
    requested_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY parley.purges FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.purges OWNER TO parley_owner;

-- comment TABLE purges

COMMENT ON TABLE parley.purges IS 'The deleted rows whose removal was requested and is not complete.';

-- table revocations

CREATE TABLE parley.revocations (
    session_id uuid NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE parley.revocations OWNER TO parley_owner;

-- comment COLUMN revocations.session_id

COMMENT ON COLUMN parley.revocations.session_id IS 'The id of the credential: of a session, or of the token of an agent.';

-- table sealed_secrets

CREATE TABLE parley.sealed_secrets (
    user_id uuid NOT NULL,
    row_id uuid NOT NULL,
    purpose text NOT NULL,
    sealed bytea NOT NULL
);

ALTER TABLE ONLY parley.sealed_secrets FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.sealed_secrets OWNER TO parley_owner;

-- comment COLUMN sealed_secrets.purpose

COMMENT ON COLUMN parley.sealed_secrets.purpose IS 'The table and the column through which it was written: see add_secret().';

-- table sessions

CREATE TABLE parley.sessions (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    device_id text NOT NULL,
    device_name text,
    refresh_hash bytea NOT NULL,
    previous_refresh_hash bytea,
    refreshed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    access_token_id text,
    ip_address inet,
    user_agent text,
    last_used_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT sessions_device_id_length CHECK (((char_length(device_id) >= 1) AND (char_length(device_id) <= 255))),
    CONSTRAINT sessions_device_name_length CHECK ((char_length(device_name) <= 255)),
    CONSTRAINT sessions_revoked_reason_known CHECK ((revoked_reason = ANY (ARRAY['signed_out'::text, 'refresh_reused'::text, 'account_deleted'::text]))),
    CONSTRAINT sessions_user_agent_length CHECK ((char_length(user_agent) <= 1024))
);

ALTER TABLE ONLY parley.sessions FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.sessions OWNER TO parley_owner;

-- comment COLUMN sessions.expires_at

COMMENT ON COLUMN parley.sessions.expires_at IS 'When the session ends unless it is refreshed.';

-- comment COLUMN sessions.ends_at

COMMENT ON COLUMN parley.sessions.ends_at IS 'When the session ends even if it is refreshed.';

-- comment CONSTRAINT sessions_device_id_length ON sessions

COMMENT ON CONSTRAINT sessions_device_id_length ON parley.sessions IS 'A device id has 1 to 255 characters.';

-- comment CONSTRAINT sessions_device_name_length ON sessions

COMMENT ON CONSTRAINT sessions_device_name_length ON parley.sessions IS 'A device name has at most 255 characters.';

-- table tags

CREATE TABLE parley.tags (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    name text NOT NULL,
    type text DEFAULT 'label'::text NOT NULL,
    description text,
    color text,
    folded_name text GENERATED ALWAYS AS (lower(name)) STORED NOT NULL,
    uses integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    version bigint NOT NULL,
    request_hash bigint,
    CONSTRAINT tags_color_shape CHECK ((color ~ '^#[0-9a-f]{6}$'::text)),
    CONSTRAINT tags_description_length CHECK ((char_length(description) <= 4000)),
    CONSTRAINT tags_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 500))),
    CONSTRAINT tags_type_known CHECK ((type = ANY (ARRAY['area'::text, 'resource'::text, 'label'::text])))
);

ALTER TABLE ONLY parley.tags FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.tags OWNER TO parley_owner;

-- comment COLUMN tags.folded_name

COMMENT ON COLUMN parley.tags.folded_name IS 'The name in lower case, by which tags are sorted and told apart.';

-- comment COLUMN tags.request_hash

COMMENT ON COLUMN parley.tags.request_hash IS 'Hash of the values in the request that created the row; null if the request named no id.';

-- comment CONSTRAINT tags_color_shape ON tags

COMMENT ON CONSTRAINT tags_color_shape ON parley.tags IS 'A color is written as #rrggbb, with digits and a to f.';

-- comment CONSTRAINT tags_description_length ON tags

COMMENT ON CONSTRAINT tags_description_length ON parley.tags IS 'A description has at most 4000 characters.';

-- comment CONSTRAINT tags_name_length ON tags

COMMENT ON CONSTRAINT tags_name_length ON parley.tags IS 'A name has 1 to 500 characters.';

-- table tool_transitions

CREATE TABLE parley.tool_transitions (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    tool_execution_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    from_status text,
    to_status text NOT NULL,
    actor text DEFAULT parley.actor() NOT NULL,
    session_id uuid DEFAULT parley.actor_session(),
    reason text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    agent_token_id uuid DEFAULT parley.actor_agent_token(),
    approval_rule_id uuid,
    CONSTRAINT tool_transitions_actor_known CHECK ((actor = ANY (ARRAY['user'::text, 'agent'::text, 'system'::text]))),
    CONSTRAINT tool_transitions_reason_length CHECK ((char_length(reason) <= 2000))
);

ALTER TABLE ONLY parley.tool_transitions FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.tool_transitions OWNER TO parley_owner;

-- comment COLUMN tool_transitions.approval_rule_id

COMMENT ON COLUMN parley.tool_transitions.approval_rule_id IS 'Has no foreign key: see tool_executions.';

-- comment CONSTRAINT tool_transitions_reason_length ON tool_transitions

COMMENT ON CONSTRAINT tool_transitions_reason_length ON parley.tool_transitions IS 'A reason has at most 2000 characters.';

-- table usage_day_parts

CREATE TABLE parley.usage_day_parts (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    day date NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    automation text NOT NULL,
    purpose text NOT NULL,
    api_key_id uuid NOT NULL,
    used_own_api_key boolean NOT NULL,
    requests integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    cache_write_input_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_usd numeric NOT NULL
)
WITH (fillfactor='70');

ALTER TABLE ONLY parley.usage_day_parts FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.usage_day_parts OWNER TO parley_owner;

-- comment TABLE usage_day_parts

COMMENT ON TABLE parley.usage_day_parts IS 'The sums of usage_logs per day and kind of call. An empty text and the nil UUID stand for null.';

-- table usage_days

CREATE TABLE parley.usage_days (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    day date NOT NULL,
    requests integer NOT NULL,
    conversations integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    total_tokens bigint GENERATED ALWAYS AS ((input_tokens + output_tokens)) STORED NOT NULL,
    cost_usd numeric NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    cached_input_tokens bigint DEFAULT 0 NOT NULL,
    cache_write_input_tokens bigint DEFAULT 0 NOT NULL,
    reasoning_tokens bigint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY parley.usage_days FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.usage_days OWNER TO parley_owner;

-- comment COLUMN usage_days.day

COMMENT ON COLUMN parley.usage_days.day IS 'The calendar day, in UTC.';

-- table usage_quarter_hours

CREATE TABLE parley.usage_quarter_hours (
    user_id uuid NOT NULL,
    begins_at timestamp with time zone NOT NULL,
    requests integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    cache_write_input_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_usd numeric NOT NULL
)
WITH (fillfactor='70');

ALTER TABLE ONLY parley.usage_quarter_hours FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.usage_quarter_hours OWNER TO parley_owner;

-- comment TABLE usage_quarter_hours

COMMENT ON TABLE parley.usage_quarter_hours IS 'The sums of usage_logs per quarter of an hour in UTC.';

-- table user_settings

CREATE TABLE parley.user_settings (
    user_id uuid NOT NULL,
    id uuid DEFAULT parley.uuid7() NOT NULL,
    window_position_x integer,
    window_position_y integer,
    window_width integer DEFAULT 600 NOT NULL,
    window_height integer,
    theme text DEFAULT 'dark'::text NOT NULL,
    keyboard_shortcuts jsonb DEFAULT '{}'::jsonb NOT NULL,
    share_usage_data boolean DEFAULT false NOT NULL,
    enable_analytics boolean DEFAULT true NOT NULL,
    auto_sync boolean DEFAULT true NOT NULL,
    sync_frequency_minutes integer DEFAULT 5 NOT NULL,
    enable_notifications boolean DEFAULT true NOT NULL,
    archive_after_months integer,
    delete_after_months integer,
    max_messages_per_conversation integer DEFAULT 1000,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT user_settings_archive_after_months_range CHECK (((archive_after_months >= 1) AND (archive_after_months <= 120))),
    CONSTRAINT user_settings_delete_after_months_order CHECK ((delete_after_months >= archive_after_months)),
    CONSTRAINT user_settings_delete_after_months_range CHECK (((delete_after_months >= 1) AND (delete_after_months <= 120))),
    CONSTRAINT user_settings_keyboard_shortcuts_shape CHECK (
CASE
    WHEN (jsonb_typeof(keyboard_shortcuts) = 'object'::text) THEN ((pg_column_size(keyboard_shortcuts) <= 65536) AND (NOT jsonb_path_exists(keyboard_shortcuts, '$.keyvalue()?((!(@."key" like_regex "^[a-z_]{1,50}$") || @."value".type() != "string") || !(@."value" like_regex "^.{1,50}$"))'::jsonpath)))
    ELSE false
END),
    CONSTRAINT user_settings_max_messages_per_conversation_range CHECK ((max_messages_per_conversation > 0)),
    CONSTRAINT user_settings_sync_frequency_minutes_range CHECK (((sync_frequency_minutes >= 1) AND (sync_frequency_minutes <= 1440))),
    CONSTRAINT user_settings_theme_known CHECK ((theme = ANY (ARRAY['dark'::text, 'light'::text, 'auto'::text]))),
    CONSTRAINT user_settings_window_height_range CHECK (((window_height >= 1) AND (window_height <= 100000))),
    CONSTRAINT user_settings_window_position_x_range CHECK (((window_position_x >= '-100000'::integer) AND (window_position_x <= 100000))),
    CONSTRAINT user_settings_window_position_y_range CHECK (((window_position_y >= '-100000'::integer) AND (window_position_y <= 100000))),
    CONSTRAINT user_settings_window_width_range CHECK (((window_width >= 1) AND (window_width <= 100000)))
);

ALTER TABLE ONLY parley.user_settings FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.user_settings OWNER TO parley_owner;

-- comment CONSTRAINT user_settings_archive_after_months_range ON user_settings

COMMENT ON CONSTRAINT user_settings_archive_after_months_range ON parley.user_settings IS 'The months are between 1 and 120.';

-- comment CONSTRAINT user_settings_delete_after_months_order ON user_settings

COMMENT ON CONSTRAINT user_settings_delete_after_months_order ON parley.user_settings IS 'Conversations are not deleted before they are archived.';

-- comment CONSTRAINT user_settings_delete_after_months_range ON user_settings

COMMENT ON CONSTRAINT user_settings_delete_after_months_range ON parley.user_settings IS 'The months are between 1 and 120.';

-- comment CONSTRAINT user_settings_keyboard_shortcuts_shape ON user_settings

COMMENT ON CONSTRAINT user_settings_keyboard_shortcuts_shape ON parley.user_settings IS 'Keyboard shortcuts are an object of at most 64 KiB. Its names have 1 to 50 lower-case letters or underscores, its values 1 to 50 characters.';

-- comment CONSTRAINT user_settings_max_messages_per_conversation_range ON user_settings

COMMENT ON CONSTRAINT user_settings_max_messages_per_conversation_range ON parley.user_settings IS 'The number of messages must be greater than 0.';

-- comment CONSTRAINT user_settings_sync_frequency_minutes_range ON user_settings

COMMENT ON CONSTRAINT user_settings_sync_frequency_minutes_range ON parley.user_settings IS 'A sync frequency is between 1 and 1440 minutes.';

-- comment CONSTRAINT user_settings_window_height_range ON user_settings

COMMENT ON CONSTRAINT user_settings_window_height_range ON parley.user_settings IS 'A window height is between 1 and 100000.';

-- comment CONSTRAINT user_settings_window_position_x_range ON user_settings

COMMENT ON CONSTRAINT user_settings_window_position_x_range ON parley.user_settings IS 'A window position is between -100000 and 100000.';

-- comment CONSTRAINT user_settings_window_position_y_range ON user_settings

COMMENT ON CONSTRAINT user_settings_window_position_y_range ON parley.user_settings IS 'A window position is between -100000 and 100000.';

-- comment CONSTRAINT user_settings_window_width_range ON user_settings

COMMENT ON CONSTRAINT user_settings_window_width_range ON parley.user_settings IS 'A window width is between 1 and 100000.';

-- table webhook_events

CREATE TABLE parley.webhook_events (
    provider text NOT NULL,
    event_id text NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT webhook_events_event_id_length CHECK (((char_length(event_id) >= 1) AND (char_length(event_id) <= 255)))
);

ALTER TABLE ONLY parley.webhook_events FORCE ROW LEVEL SECURITY;

ALTER TABLE parley.webhook_events OWNER TO parley_owner;

-- table pgqueuer

CREATE TABLE parley_work.pgqueuer (
    id bigint NOT NULL,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    execute_after timestamp with time zone DEFAULT now() NOT NULL,
    status parley_work.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer DEFAULT 0 NOT NULL,
    slot bigint
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000');

ALTER TABLE ONLY parley_work.pgqueuer FORCE ROW LEVEL SECURITY;

ALTER TABLE parley_work.pgqueuer OWNER TO parley_owner;

-- sequence pgqueuer_id_seq

CREATE SEQUENCE parley_work.pgqueuer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE parley_work.pgqueuer_id_seq OWNER TO parley_owner;

-- sequence owned by pgqueuer_id_seq

ALTER SEQUENCE parley_work.pgqueuer_id_seq OWNED BY parley_work.pgqueuer.id;

-- table pgqueuer_log

CREATE TABLE parley_work.pgqueuer_log (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    job_id bigint NOT NULL,
    status parley_work.pgqueuer_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false
);

ALTER TABLE ONLY parley_work.pgqueuer_log FORCE ROW LEVEL SECURITY;

ALTER TABLE parley_work.pgqueuer_log OWNER TO parley_owner;

-- sequence pgqueuer_log_id_seq

ALTER TABLE parley_work.pgqueuer_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME parley_work.pgqueuer_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- table pgqueuer_schedules

CREATE TABLE parley_work.pgqueuer_schedules (
    id bigint NOT NULL,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    next_run timestamp with time zone DEFAULT now() NOT NULL,
    last_run timestamp with time zone,
    status parley_work.pgqueuer_status DEFAULT 'queued'::parley_work.pgqueuer_status
);

ALTER TABLE ONLY parley_work.pgqueuer_schedules FORCE ROW LEVEL SECURITY;

ALTER TABLE parley_work.pgqueuer_schedules OWNER TO parley_owner;

-- sequence pgqueuer_schedules_id_seq

CREATE SEQUENCE parley_work.pgqueuer_schedules_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE parley_work.pgqueuer_schedules_id_seq OWNER TO parley_owner;

-- sequence owned by pgqueuer_schedules_id_seq

ALTER SEQUENCE parley_work.pgqueuer_schedules_id_seq OWNED BY parley_work.pgqueuer_schedules.id;

-- table pgqueuer_statistics

CREATE TABLE parley_work.pgqueuer_statistics (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT date_trunc('sec'::text, now()) NOT NULL,
    count bigint NOT NULL,
    priority integer NOT NULL,
    status parley_work.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL
);

ALTER TABLE ONLY parley_work.pgqueuer_statistics FORCE ROW LEVEL SECURITY;

ALTER TABLE parley_work.pgqueuer_statistics OWNER TO parley_owner;

-- sequence pgqueuer_statistics_id_seq

CREATE SEQUENCE parley_work.pgqueuer_statistics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE parley_work.pgqueuer_statistics_id_seq OWNER TO parley_owner;

-- sequence owned by pgqueuer_statistics_id_seq

ALTER SEQUENCE parley_work.pgqueuer_statistics_id_seq OWNED BY parley_work.pgqueuer_statistics.id;

-- default pgqueuer id

ALTER TABLE ONLY parley_work.pgqueuer ALTER COLUMN id SET DEFAULT nextval('parley_work.pgqueuer_id_seq'::regclass);

-- default pgqueuer_schedules id

ALTER TABLE ONLY parley_work.pgqueuer_schedules ALTER COLUMN id SET DEFAULT nextval('parley_work.pgqueuer_schedules_id_seq'::regclass);

-- default pgqueuer_statistics id

ALTER TABLE ONLY parley_work.pgqueuer_statistics ALTER COLUMN id SET DEFAULT nextval('parley_work.pgqueuer_statistics_id_seq'::regclass);

-- constraint agent_tokens agent_tokens_pkey

ALTER TABLE ONLY parley.agent_tokens
    ADD CONSTRAINT agent_tokens_pkey PRIMARY KEY (user_id, id);

-- constraint audit_entries audit_entries_pkey

ALTER TABLE ONLY parley.audit_entries
    ADD CONSTRAINT audit_entries_pkey PRIMARY KEY (user_id, id);

-- constraint auto_approval_rules auto_approval_rules_pkey

ALTER TABLE ONLY parley.auto_approval_rules
    ADD CONSTRAINT auto_approval_rules_pkey PRIMARY KEY (user_id, id);

-- constraint auto_approval_settings auto_approval_settings_pkey

ALTER TABLE ONLY parley.auto_approval_settings
    ADD CONSTRAINT auto_approval_settings_pkey PRIMARY KEY (user_id, id);

-- constraint auto_approval_settings auto_approval_settings_user_id_key

ALTER TABLE ONLY parley.auto_approval_settings
    ADD CONSTRAINT auto_approval_settings_user_id_key UNIQUE (user_id);

-- constraint changes changes_pkey

ALTER TABLE ONLY parley.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (user_id, version);

-- constraint context_optimization_messages context_optimization_messages_key

ALTER TABLE ONLY parley.context_optimization_messages
    ADD CONSTRAINT context_optimization_messages_key UNIQUE (user_id, context_optimization_id, message_id);

-- constraint context_optimization_messages context_optimization_messages_pkey

ALTER TABLE ONLY parley.context_optimization_messages
    ADD CONSTRAINT context_optimization_messages_pkey PRIMARY KEY (user_id, id);

-- constraint context_optimizations context_optimizations_pkey

ALTER TABLE ONLY parley.context_optimizations
    ADD CONSTRAINT context_optimizations_pkey PRIMARY KEY (user_id, id);

-- constraint conversation_tags conversation_tags_key

ALTER TABLE ONLY parley.conversation_tags
    ADD CONSTRAINT conversation_tags_key UNIQUE (user_id, conversation_id, tag_id);

-- constraint conversation_tags conversation_tags_pkey

ALTER TABLE ONLY parley.conversation_tags
    ADD CONSTRAINT conversation_tags_pkey PRIMARY KEY (user_id, id);

-- check constraint conversations conversations_auto_approval_settings_size

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_auto_approval_settings_size CHECK (((jsonb_typeof(auto_approval_settings) = 'object'::text) AND (pg_column_size(auto_approval_settings) <= 65536))) NOT ENFORCED;

-- comment CONSTRAINT conversations_auto_approval_settings_size ON conversations

COMMENT ON CONSTRAINT conversations_auto_approval_settings_size ON parley.conversations IS 'Auto-approval settings must be an object of at most 64 KiB.';

-- check constraint conversations conversations_client_session_length

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_client_session_length CHECK ((char_length(client_session) <= 255)) NOT ENFORCED;

-- comment CONSTRAINT conversations_client_session_length ON conversations

COMMENT ON CONSTRAINT conversations_client_session_length ON parley.conversations IS 'A client session id has at most 255 characters.';

-- check constraint conversations conversations_context_window_range

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_context_window_range CHECK ((context_window > 0)) NOT ENFORCED;

-- comment CONSTRAINT conversations_context_window_range ON conversations

COMMENT ON CONSTRAINT conversations_context_window_range ON parley.conversations IS 'The context window must be greater than 0.';

-- check constraint conversations conversations_folder_length

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_folder_length CHECK (((char_length(folder) >= 1) AND (char_length(folder) <= 255))) NOT ENFORCED;

-- comment CONSTRAINT conversations_folder_length ON conversations

COMMENT ON CONSTRAINT conversations_folder_length ON parley.conversations IS 'A folder name has 1 to 255 characters.';

-- check constraint conversations conversations_max_messages_range

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_max_messages_range CHECK ((max_messages > 0)) NOT ENFORCED;

-- comment CONSTRAINT conversations_max_messages_range ON conversations

COMMENT ON CONSTRAINT conversations_max_messages_range ON parley.conversations IS 'The number of messages must be greater than 0.';

-- check constraint conversations conversations_max_tokens_range

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_max_tokens_range CHECK ((max_tokens > 0)) NOT ENFORCED;

-- comment CONSTRAINT conversations_max_tokens_range ON conversations

COMMENT ON CONSTRAINT conversations_max_tokens_range ON parley.conversations IS 'The number of tokens must be greater than 0.';

-- check constraint conversations conversations_metadata_size

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_metadata_size CHECK (((jsonb_typeof(metadata) = 'object'::text) AND (pg_column_size(metadata) <= 65536))) NOT ENFORCED;

-- comment CONSTRAINT conversations_metadata_size ON conversations

COMMENT ON CONSTRAINT conversations_metadata_size ON parley.conversations IS 'Metadata must be an object of at most 64 KiB.';

-- check constraint conversations conversations_model_length

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_model_length CHECK (((char_length(model) >= 1) AND (char_length(model) <= 100))) NOT ENFORCED;

-- comment CONSTRAINT conversations_model_length ON conversations

COMMENT ON CONSTRAINT conversations_model_length ON parley.conversations IS 'A model name has 1 to 100 characters.';

-- constraint conversations conversations_pkey

ALTER TABLE ONLY parley.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (user_id, id);

-- check constraint conversations conversations_provider_length

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_provider_length CHECK (((char_length(provider) >= 1) AND (char_length(provider) <= 50))) NOT ENFORCED;

-- comment CONSTRAINT conversations_provider_length ON conversations

COMMENT ON CONSTRAINT conversations_provider_length ON parley.conversations IS 'A provider name has 1 to 50 characters.';

-- check constraint conversations conversations_system_prompt_length

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_system_prompt_length CHECK ((char_length(system_prompt) <= 100000)) NOT ENFORCED;

-- comment CONSTRAINT conversations_system_prompt_length ON conversations

COMMENT ON CONSTRAINT conversations_system_prompt_length ON parley.conversations IS 'A system prompt has at most 100000 characters.';

-- check constraint conversations conversations_temperature_range

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_temperature_range CHECK (((temperature >= (0)::double precision) AND (temperature <= (2)::double precision))) NOT ENFORCED;

-- comment CONSTRAINT conversations_temperature_range ON conversations

COMMENT ON CONSTRAINT conversations_temperature_range ON parley.conversations IS 'The temperature must be between 0 and 2.';

-- check constraint conversations conversations_title_length

ALTER TABLE parley.conversations
    ADD CONSTRAINT conversations_title_length CHECK ((char_length(title) <= 500)) NOT ENFORCED;

-- comment CONSTRAINT conversations_title_length ON conversations

COMMENT ON CONSTRAINT conversations_title_length ON parley.conversations IS 'A title has at most 500 characters.';

-- constraint data_keys data_keys_pkey

ALTER TABLE ONLY parley.data_keys
    ADD CONSTRAINT data_keys_pkey PRIMARY KEY (user_id);

-- constraint export_parts export_parts_pkey

ALTER TABLE ONLY parley.export_parts
    ADD CONSTRAINT export_parts_pkey PRIMARY KEY (user_id, job_id, "position");

-- constraint feed_ages feed_ages_pkey

ALTER TABLE ONLY parley.feed_ages
    ADD CONSTRAINT feed_ages_pkey PRIMARY KEY (user_id);

-- constraint feeds feeds_pkey

ALTER TABLE ONLY parley.feeds
    ADD CONSTRAINT feeds_pkey PRIMARY KEY (user_id);

-- constraint functions functions_pkey

ALTER TABLE ONLY parley.functions
    ADD CONSTRAINT functions_pkey PRIMARY KEY (name);

-- constraint jobs jobs_pkey

ALTER TABLE ONLY parley.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (user_id, id);

-- constraint key_encryption_keys key_encryption_keys_pkey

ALTER TABLE ONLY parley.key_encryption_keys
    ADD CONSTRAINT key_encryption_keys_pkey PRIMARY KEY (id);

-- constraint known_tools known_tools_pkey

ALTER TABLE ONLY parley.known_tools
    ADD CONSTRAINT known_tools_pkey PRIMARY KEY (user_id, id);

-- constraint known_tools known_tools_tool_name_key

ALTER TABLE ONLY parley.known_tools
    ADD CONSTRAINT known_tools_tool_name_key UNIQUE (user_id, tool_name);

-- constraint leases leases_pkey

ALTER TABLE ONLY parley.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (user_id, work_id, kind);

-- constraint llm_model_prices llm_model_prices_pkey

ALTER TABLE ONLY parley.llm_model_prices
    ADD CONSTRAINT llm_model_prices_pkey PRIMARY KEY (id);

-- constraint llm_model_prices llm_model_prices_valid_from_key

ALTER TABLE ONLY parley.llm_model_prices
    ADD CONSTRAINT llm_model_prices_valid_from_key UNIQUE (llm_model_id, valid_from);

-- constraint llm_models llm_models_model_id_key

ALTER TABLE ONLY parley.llm_models
    ADD CONSTRAINT llm_models_model_id_key UNIQUE (provider, model_id);

-- constraint llm_models llm_models_pkey

ALTER TABLE ONLY parley.llm_models
    ADD CONSTRAINT llm_models_pkey PRIMARY KEY (id);

-- constraint logins logins_pkey

ALTER TABLE ONLY parley.logins
    ADD CONSTRAINT logins_pkey PRIMARY KEY (email);

-- constraint logins logins_user_id_key

ALTER TABLE ONLY parley.logins
    ADD CONSTRAINT logins_user_id_key UNIQUE (user_id);

-- constraint logins logins_username_key

ALTER TABLE ONLY parley.logins
    ADD CONSTRAINT logins_username_key UNIQUE (username);

-- constraint message_feedback message_feedback_message_id_key

ALTER TABLE ONLY parley.message_feedback
    ADD CONSTRAINT message_feedback_message_id_key UNIQUE (user_id, message_id);

-- constraint message_feedback message_feedback_pkey

ALTER TABLE ONLY parley.message_feedback
    ADD CONSTRAINT message_feedback_pkey PRIMARY KEY (user_id, id);

-- constraint message_growths message_growths_pkey

ALTER TABLE ONLY parley.message_growths
    ADD CONSTRAINT message_growths_pkey PRIMARY KEY (user_id, message_id);

-- constraint message_pieces message_pieces_pkey

ALTER TABLE ONLY parley.message_pieces
    ADD CONSTRAINT message_pieces_pkey PRIMARY KEY (user_id, message_id, until);

-- constraint message_reactions message_reactions_emoji_key

ALTER TABLE ONLY parley.message_reactions
    ADD CONSTRAINT message_reactions_emoji_key UNIQUE (user_id, message_id, emoji);

-- constraint message_reactions message_reactions_pkey

ALTER TABLE ONLY parley.message_reactions
    ADD CONSTRAINT message_reactions_pkey PRIMARY KEY (user_id, id);

-- check constraint messages messages_content_blank

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_content_blank CHECK (((role <> ALL (ARRAY['user'::text, 'system'::text])) OR (content ~ '[^[:space:]]'::text) OR ((images || files) <> '[]'::jsonb))) NOT ENFORCED;

-- comment CONSTRAINT messages_content_blank ON messages

COMMENT ON CONSTRAINT messages_content_blank ON parley.messages IS 'A user or system message needs text, images or files.';

-- check constraint messages messages_content_length

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_content_length CHECK ((char_length(content) <= 262144)) NOT ENFORCED;

-- comment CONSTRAINT messages_content_length ON messages

COMMENT ON CONSTRAINT messages_content_length ON parley.messages IS 'A message has at most 262144 characters.';

-- constraint messages messages_conversation_key

ALTER TABLE ONLY parley.messages
    ADD CONSTRAINT messages_conversation_key UNIQUE (user_id, conversation_id, id);

-- check constraint messages messages_files_size

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_files_size CHECK (((jsonb_typeof(files) = 'array'::text) AND (pg_column_size(files) <= 65536))) NOT ENFORCED;

-- comment CONSTRAINT messages_files_size ON messages

COMMENT ON CONSTRAINT messages_files_size ON parley.messages IS 'Files must be a list of at most 64 KiB.';

-- check constraint messages messages_finish_reason_length

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_finish_reason_length CHECK (((char_length(finish_reason) >= 1) AND (char_length(finish_reason) <= 50))) NOT ENFORCED;

-- comment CONSTRAINT messages_finish_reason_length ON messages

COMMENT ON CONSTRAINT messages_finish_reason_length ON parley.messages IS 'A finish reason has 1 to 50 characters.';

-- check constraint messages messages_images_size

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_images_size CHECK (((jsonb_typeof(images) = 'array'::text) AND (pg_column_size(images) <= 65536))) NOT ENFORCED;

-- comment CONSTRAINT messages_images_size ON messages

COMMENT ON CONSTRAINT messages_images_size ON parley.messages IS 'Images must be a list of at most 64 KiB.';

-- check constraint messages messages_model_length

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_model_length CHECK (((char_length(model) >= 1) AND (char_length(model) <= 100))) NOT ENFORCED;

-- comment CONSTRAINT messages_model_length ON messages

COMMENT ON CONSTRAINT messages_model_length ON parley.messages IS 'A model name has 1 to 100 characters.';

-- constraint messages messages_pkey

ALTER TABLE ONLY parley.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (user_id, id);

-- check constraint messages messages_processing_ms_range

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_processing_ms_range CHECK ((processing_ms >= 0)) NOT ENFORCED;

-- comment CONSTRAINT messages_processing_ms_range ON messages

COMMENT ON CONSTRAINT messages_processing_ms_range ON parley.messages IS 'The processing time cannot be negative.';

-- check constraint messages messages_provider_metadata_size

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_provider_metadata_size CHECK (((jsonb_typeof(provider_metadata) = 'object'::text) AND (pg_column_size(provider_metadata) <= 65536))) NOT ENFORCED;

-- comment CONSTRAINT messages_provider_metadata_size ON messages

COMMENT ON CONSTRAINT messages_provider_metadata_size ON parley.messages IS 'Provider metadata must be an object of at most 64 KiB.';

-- check constraint messages messages_relevance_score_range

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_relevance_score_range CHECK (((relevance_score >= (0)::double precision) AND (relevance_score <= (1)::double precision))) NOT ENFORCED;

-- comment CONSTRAINT messages_relevance_score_range ON messages

COMMENT ON CONSTRAINT messages_relevance_score_range ON parley.messages IS 'The relevance score must be between 0 and 1.';

-- check constraint messages messages_role_known

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_role_known CHECK ((role = ANY (ARRAY['user'::text, 'assistant'::text, 'system'::text, 'tool'::text]))) NOT ENFORCED;

-- constraint messages messages_seq_key

ALTER TABLE ONLY parley.messages
    ADD CONSTRAINT messages_seq_key UNIQUE (user_id, conversation_id, seq);

-- check constraint messages messages_status_known

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_status_known CHECK ((status = ANY (ARRAY['complete'::text, 'streaming'::text, 'failed'::text, 'cancelled'::text]))) NOT ENFORCED;

-- check constraint messages messages_token_count_range

ALTER TABLE parley.messages
    ADD CONSTRAINT messages_token_count_range CHECK ((token_count >= 0)) NOT ENFORCED;

-- comment CONSTRAINT messages_token_count_range ON messages

COMMENT ON CONSTRAINT messages_token_count_range ON parley.messages IS 'The number of tokens cannot be negative.';

-- constraint migrations migrations_pkey

ALTER TABLE ONLY parley.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);

-- constraint plan_quotas plan_quotas_pkey

ALTER TABLE ONLY parley.plan_quotas
    ADD CONSTRAINT plan_quotas_pkey PRIMARY KEY (id);

-- constraint plan_subscriptions plan_subscriptions_external_id_key

ALTER TABLE ONLY parley.plan_subscriptions
    ADD CONSTRAINT plan_subscriptions_external_id_key UNIQUE (user_id, provider, external_id);

-- constraint plan_subscriptions plan_subscriptions_pkey

ALTER TABLE ONLY parley.plan_subscriptions
    ADD CONSTRAINT plan_subscriptions_pkey PRIMARY KEY (user_id, id);

-- constraint provider_configs provider_configs_pkey

ALTER TABLE ONLY parley.provider_configs
    ADD CONSTRAINT provider_configs_pkey PRIMARY KEY (user_id, id);

-- constraint provider_keys provider_keys_pkey

ALTER TABLE ONLY parley.provider_keys
    ADD CONSTRAINT provider_keys_pkey PRIMARY KEY (user_id, id);

-- constraint purges purges_pkey

ALTER TABLE ONLY parley.purges
    ADD CONSTRAINT purges_pkey PRIMARY KEY (user_id, entity, entity_id);

-- constraint revocations revocations_pkey

ALTER TABLE ONLY parley.revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (session_id);

-- constraint sealed_secrets sealed_secrets_pkey

ALTER TABLE ONLY parley.sealed_secrets
    ADD CONSTRAINT sealed_secrets_pkey PRIMARY KEY (user_id, row_id, purpose);

-- constraint sessions sessions_pkey

ALTER TABLE ONLY parley.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (user_id, id);

-- constraint tags tags_pkey

ALTER TABLE ONLY parley.tags
    ADD CONSTRAINT tags_pkey PRIMARY KEY (user_id, id);

-- constraint tool_executions tool_executions_pkey

ALTER TABLE ONLY parley.tool_executions
    ADD CONSTRAINT tool_executions_pkey PRIMARY KEY (user_id, id);

-- constraint tool_transitions tool_transitions_pkey

ALTER TABLE ONLY parley.tool_transitions
    ADD CONSTRAINT tool_transitions_pkey PRIMARY KEY (user_id, id);

-- constraint usage_day_parts usage_day_parts_key

ALTER TABLE ONLY parley.usage_day_parts
    ADD CONSTRAINT usage_day_parts_key UNIQUE (user_id, day, provider, model, automation, purpose, api_key_id, used_own_api_key);

-- constraint usage_day_parts usage_day_parts_pkey

ALTER TABLE ONLY parley.usage_day_parts
    ADD CONSTRAINT usage_day_parts_pkey PRIMARY KEY (user_id, id);

-- constraint usage_days usage_days_day_key

ALTER TABLE ONLY parley.usage_days
    ADD CONSTRAINT usage_days_day_key UNIQUE (user_id, day);

-- constraint usage_days usage_days_pkey

ALTER TABLE ONLY parley.usage_days
    ADD CONSTRAINT usage_days_pkey PRIMARY KEY (user_id, id);

-- check constraint usage_logs usage_logs_automation_length

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_automation_length CHECK (((char_length(automation) >= 1) AND (char_length(automation) <= 100))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_automation_length ON usage_logs

COMMENT ON CONSTRAINT usage_logs_automation_length ON parley.usage_logs IS 'An automation name has 1 to 100 characters.';

-- check constraint usage_logs usage_logs_cache_write_input_tokens_part

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_cache_write_input_tokens_part CHECK ((cache_write_input_tokens <= GREATEST(input_tokens, 0))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_cache_write_input_tokens_part ON usage_logs

COMMENT ON CONSTRAINT usage_logs_cache_write_input_tokens_part ON parley.usage_logs IS 'Input tokens include those written to the cache, so there cannot be more of these.';

-- check constraint usage_logs usage_logs_cache_write_input_tokens_range

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_cache_write_input_tokens_range CHECK ((cache_write_input_tokens >= 0)) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_cache_write_input_tokens_range ON usage_logs

COMMENT ON CONSTRAINT usage_logs_cache_write_input_tokens_range ON parley.usage_logs IS 'The number of tokens cannot be negative.';

-- check constraint usage_logs usage_logs_cached_input_tokens_part

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_cached_input_tokens_part CHECK ((cached_input_tokens <= GREATEST((GREATEST(input_tokens, 0) - GREATEST(cache_write_input_tokens, 0)), 0))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_cached_input_tokens_part ON usage_logs

COMMENT ON CONSTRAINT usage_logs_cached_input_tokens_part ON parley.usage_logs IS 'Input tokens include those read from the cache and those written to it, so there cannot be more of these.';

-- check constraint usage_logs usage_logs_cached_input_tokens_range

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_cached_input_tokens_range CHECK ((cached_input_tokens >= 0)) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_cached_input_tokens_range ON usage_logs

COMMENT ON CONSTRAINT usage_logs_cached_input_tokens_range ON parley.usage_logs IS 'The number of tokens cannot be negative.';

-- check constraint usage_logs usage_logs_cost_source_known

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_cost_source_known CHECK ((cost_source = ANY (ARRAY['stated'::text, 'catalogue'::text, 'unknown'::text]))) NOT ENFORCED;

-- check constraint usage_logs usage_logs_cost_usd_range

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_cost_usd_range CHECK (((cost_usd >= (0)::numeric) AND (cost_usd <= (1000000)::numeric))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_cost_usd_range ON usage_logs

COMMENT ON CONSTRAINT usage_logs_cost_usd_range ON parley.usage_logs IS 'The cost must be between 0 and 1000000.';

-- check constraint usage_logs usage_logs_input_tokens_range

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_input_tokens_range CHECK (((input_tokens >= 0) AND (input_tokens <= 1000000000))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_input_tokens_range ON usage_logs

COMMENT ON CONSTRAINT usage_logs_input_tokens_range ON parley.usage_logs IS 'The number of tokens must be between 0 and 1000000000.';

-- check constraint usage_logs usage_logs_message_id_conversation

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_message_id_conversation CHECK (((message_id IS NULL) OR (conversation_id IS NOT NULL))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_message_id_conversation ON usage_logs

COMMENT ON CONSTRAINT usage_logs_message_id_conversation ON parley.usage_logs IS 'A message requires its conversation.';

-- check constraint usage_logs usage_logs_model_length

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_model_length CHECK (((char_length(model) >= 1) AND (char_length(model) <= 100))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_model_length ON usage_logs

COMMENT ON CONSTRAINT usage_logs_model_length ON parley.usage_logs IS 'A model name has 1 to 100 characters.';

-- check constraint usage_logs usage_logs_output_tokens_range

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_output_tokens_range CHECK (((output_tokens >= 0) AND (output_tokens <= 1000000000))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_output_tokens_range ON usage_logs

COMMENT ON CONSTRAINT usage_logs_output_tokens_range ON parley.usage_logs IS 'The number of tokens must be between 0 and 1000000000.';

-- constraint usage_logs usage_logs_pkey

ALTER TABLE ONLY parley.usage_logs
    ADD CONSTRAINT usage_logs_pkey PRIMARY KEY (user_id, id);

-- check constraint usage_logs usage_logs_provider_length

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_provider_length CHECK (((char_length(provider) >= 1) AND (char_length(provider) <= 50))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_provider_length ON usage_logs

COMMENT ON CONSTRAINT usage_logs_provider_length ON parley.usage_logs IS 'A provider name has 1 to 50 characters.';

-- check constraint usage_logs usage_logs_purpose_length

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_purpose_length CHECK (((char_length(purpose) >= 1) AND (char_length(purpose) <= 100))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_purpose_length ON usage_logs

COMMENT ON CONSTRAINT usage_logs_purpose_length ON parley.usage_logs IS 'A purpose has 1 to 100 characters.';

-- check constraint usage_logs usage_logs_reasoning_tokens_part

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_reasoning_tokens_part CHECK ((reasoning_tokens <= GREATEST(output_tokens, 0))) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_reasoning_tokens_part ON usage_logs

COMMENT ON CONSTRAINT usage_logs_reasoning_tokens_part ON parley.usage_logs IS 'Output tokens include reasoning tokens, so there cannot be more of these.';

-- check constraint usage_logs usage_logs_reasoning_tokens_range

ALTER TABLE parley.usage_logs
    ADD CONSTRAINT usage_logs_reasoning_tokens_range CHECK ((reasoning_tokens >= 0)) NOT ENFORCED;

-- comment CONSTRAINT usage_logs_reasoning_tokens_range ON usage_logs

COMMENT ON CONSTRAINT usage_logs_reasoning_tokens_range ON parley.usage_logs IS 'The number of tokens cannot be negative.';

-- constraint usage_quarter_hours usage_quarter_hours_pkey

ALTER TABLE ONLY parley.usage_quarter_hours
    ADD CONSTRAINT usage_quarter_hours_pkey PRIMARY KEY (user_id, begins_at);

-- constraint usage_quotas usage_quotas_pkey

ALTER TABLE ONLY parley.usage_quotas
    ADD CONSTRAINT usage_quotas_pkey PRIMARY KEY (user_id, id);

-- constraint usage_reservations usage_reservations_pkey

ALTER TABLE ONLY parley.usage_reservations
    ADD CONSTRAINT usage_reservations_pkey PRIMARY KEY (user_id, id);

-- constraint user_settings user_settings_pkey

ALTER TABLE ONLY parley.user_settings
    ADD CONSTRAINT user_settings_pkey PRIMARY KEY (user_id, id);

-- constraint user_settings user_settings_user_id_key

ALTER TABLE ONLY parley.user_settings
    ADD CONSTRAINT user_settings_user_id_key UNIQUE (user_id);

-- constraint users users_pkey

ALTER TABLE ONLY parley.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id, id);

-- constraint users users_user_id_key

ALTER TABLE ONLY parley.users
    ADD CONSTRAINT users_user_id_key UNIQUE (user_id);

-- constraint webhook_events webhook_events_pkey

ALTER TABLE ONLY parley.webhook_events
    ADD CONSTRAINT webhook_events_pkey PRIMARY KEY (provider, event_id);

-- constraint pgqueuer_log pgqueuer_log_pkey

ALTER TABLE ONLY parley_work.pgqueuer_log
    ADD CONSTRAINT pgqueuer_log_pkey PRIMARY KEY (id);

-- constraint pgqueuer pgqueuer_pkey

ALTER TABLE ONLY parley_work.pgqueuer
    ADD CONSTRAINT pgqueuer_pkey PRIMARY KEY (id);

-- constraint pgqueuer_schedules pgqueuer_schedules_expression_entrypoint_key

ALTER TABLE ONLY parley_work.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_expression_entrypoint_key UNIQUE (expression, entrypoint);

-- constraint pgqueuer_schedules pgqueuer_schedules_pkey

ALTER TABLE ONLY parley_work.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_pkey PRIMARY KEY (id);

-- constraint pgqueuer_statistics pgqueuer_statistics_pkey

ALTER TABLE ONLY parley_work.pgqueuer_statistics
    ADD CONSTRAINT pgqueuer_statistics_pkey PRIMARY KEY (id);

-- index agent_tokens_by_creation

CREATE INDEX agent_tokens_by_creation ON parley.agent_tokens USING btree (user_id, created_at, id);

-- index agent_tokens_by_expiry

CREATE INDEX agent_tokens_by_expiry ON parley.agent_tokens USING btree (LEAST(revoked_at, expires_at));

-- index audit_entries_by_action

CREATE INDEX audit_entries_by_action ON parley.audit_entries USING btree (user_id, action, created_at, id);

-- index audit_entries_by_creation

CREATE INDEX audit_entries_by_creation ON parley.audit_entries USING btree (user_id, created_at, id);

-- index audit_entries_by_entity

CREATE INDEX audit_entries_by_entity ON parley.audit_entries USING btree (user_id, entity_id, created_at, id);

-- index audit_entries_by_expiry

CREATE INDEX audit_entries_by_expiry ON parley.audit_entries USING btree (created_at);

-- index auto_approval_rules_by_conversation

CREATE INDEX auto_approval_rules_by_conversation ON parley.auto_approval_rules USING btree (user_id, conversation_id, created_at, id);

-- index auto_approval_rules_by_creation

CREATE INDEX auto_approval_rules_by_creation ON parley.auto_approval_rules USING btree (user_id, created_at, id) WHERE (deleted_at IS NULL);

-- index auto_approval_rules_by_tool

CREATE INDEX auto_approval_rules_by_tool ON parley.auto_approval_rules USING btree (user_id, tool_key) WHERE (deleted_at IS NULL);

-- index auto_approval_rules_tool_name_unique

CREATE UNIQUE INDEX auto_approval_rules_tool_name_unique ON parley.auto_approval_rules USING btree (user_id, tool_name, effect, parley.natural_id(VARIADIC ARRAY[(arguments)::text]), ignore_case, COALESCE(lower(host), ''::text), COALESCE(max_cost_usd, ('-1'::integer)::numeric), COALESCE(conversation_id, '00000000-0000-0000-0000-000000000000'::uuid), COALESCE(expires_at, 'infinity'::timestamp with time zone)) WHERE (deleted_at IS NULL);

-- comment INDEX auto_approval_rules_tool_name_unique

COMMENT ON INDEX parley.auto_approval_rules_tool_name_unique IS 'There is already a rule with this tool, effect, arguments, host, cost, conversation and expiry.';

-- index auto_approval_rules_trash

CREATE INDEX auto_approval_rules_trash ON parley.auto_approval_rules USING btree (user_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

-- index context_optimization_messages_by_message

CREATE INDEX context_optimization_messages_by_message ON parley.context_optimization_messages USING btree (user_id, message_id, context_optimization_id);

-- index context_optimization_messages_in_order

CREATE INDEX context_optimization_messages_in_order ON parley.context_optimization_messages USING btree (user_id, context_optimization_id, seq, message_id);

-- index context_optimizations_by_conversation

CREATE INDEX context_optimizations_by_conversation ON parley.context_optimizations USING btree (user_id, conversation_id, created_at, id);

-- index conversation_tags_by_conversation

CREATE INDEX conversation_tags_by_conversation ON parley.conversation_tags USING btree (user_id, conversation_id, created_at, tag_id);

-- index conversation_tags_by_tag

CREATE INDEX conversation_tags_by_tag ON parley.conversation_tags USING btree (user_id, tag_id, created_at, conversation_id);

-- index conversation_tags_trash

CREATE INDEX conversation_tags_trash ON parley.conversation_tags USING btree (user_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

-- index conversations_by_creation

CREATE INDEX conversations_by_creation ON parley.conversations USING btree (user_id, created_at, id) WHERE (deleted_at IS NULL);

-- index conversations_latest

CREATE INDEX conversations_latest ON parley.conversations USING btree (user_id, active_since, id) WHERE (deleted_at IS NULL);

-- index conversations_latest_in_folder

CREATE INDEX conversations_latest_in_folder ON parley.conversations USING btree (user_id, folder, active_since, id) WHERE ((folder IS NOT NULL) AND (deleted_at IS NULL));

-- index conversations_latest_pinned

CREATE INDEX conversations_latest_pinned ON parley.conversations USING btree (user_id, active_since, id) WHERE (is_pinned AND (deleted_at IS NULL));

-- index conversations_trash

CREATE INDEX conversations_trash ON parley.conversations USING btree (user_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

-- index data_keys_by_key

CREATE INDEX data_keys_by_key ON parley.data_keys USING btree (key_id, user_id);

-- index export_parts_first

CREATE INDEX export_parts_first ON parley.export_parts USING btree (job_id) WHERE ("position" = 0);

-- index feed_ages_by_age

CREATE INDEX feed_ages_by_age ON parley.feed_ages USING btree (oldest_at);

-- index jobs_by_creation

CREATE INDEX jobs_by_creation ON parley.jobs USING btree (user_id, created_at, id);

-- index jobs_by_expiry

CREATE INDEX jobs_by_expiry ON parley.jobs USING btree (finished_at);

-- index jobs_unfinished

CREATE INDEX jobs_unfinished ON parley.jobs USING btree (updated_at) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));

-- index known_tools_by_creation

CREATE INDEX known_tools_by_creation ON parley.known_tools USING btree (user_id, created_at, id);

-- index known_tools_most_used

CREATE INDEX known_tools_most_used ON parley.known_tools USING btree (user_id, proposed DESC, tool_name);

-- index leases_by_end

CREATE INDEX leases_by_end ON parley.leases USING btree (until);

-- index llm_models_by_latency

CREATE INDEX llm_models_by_latency ON parley.llm_models USING btree (latency_score DESC NULLS LAST, name, id);

-- index llm_models_by_name

CREATE INDEX llm_models_by_name ON parley.llm_models USING btree (name, id);

-- index llm_models_by_price

CREATE INDEX llm_models_by_price ON parley.llm_models USING btree (blended_usd_per_million, id);

-- index llm_models_by_quality

CREATE INDEX llm_models_by_quality ON parley.llm_models USING btree (quality_score DESC NULLS LAST, name, id);

-- index message_feedback_by_conversation

CREATE INDEX message_feedback_by_conversation ON parley.message_feedback USING btree (user_id, conversation_id, created_at, id);

-- index message_feedback_by_creation

CREATE INDEX message_feedback_by_creation ON parley.message_feedback USING btree (user_id, created_at, id) WHERE (deleted_at IS NULL);

-- index message_feedback_trash

CREATE INDEX message_feedback_trash ON parley.message_feedback USING btree (user_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

-- index message_reactions_by_conversation

CREATE INDEX message_reactions_by_conversation ON parley.message_reactions USING btree (user_id, conversation_id, created_at, id);

-- index message_reactions_by_message

CREATE INDEX message_reactions_by_message ON parley.message_reactions USING btree (user_id, message_id, created_at, id);

-- index message_reactions_trash

CREATE INDEX message_reactions_trash ON parley.message_reactions USING btree (user_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

-- index messages_by_parent

CREATE INDEX messages_by_parent ON parley.messages USING btree (user_id, parent_id, seq) WHERE (parent_id IS NOT NULL);

-- index messages_trash

CREATE INDEX messages_trash ON parley.messages USING btree (user_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

-- index plan_quotas_unit_unique

CREATE UNIQUE INDEX plan_quotas_unit_unique ON parley.plan_quotas USING btree (plan_type, unit, period, COALESCE(provider, ''::text), COALESCE(parley.canonical_name(model), ''::text), COALESCE(automation, ''::text), counts_own_key);

-- comment INDEX plan_quotas_unit_unique

COMMENT ON INDEX parley.plan_quotas_unit_unique IS 'The plan has a quota of the same unit, period and calls already.';

-- index plan_subscriptions_by_creation

CREATE INDEX plan_subscriptions_by_creation ON parley.plan_subscriptions USING btree (user_id, created_at, id);

-- index provider_configs_by_provider

CREATE INDEX provider_configs_by_provider ON parley.provider_configs USING btree (user_id, provider, id) WHERE (deleted_at IS NULL);

-- index provider_configs_is_default_unique

CREATE UNIQUE INDEX provider_configs_is_default_unique ON parley.provider_configs USING btree (user_id) WHERE (is_default AND (deleted_at IS NULL));

-- comment INDEX provider_configs_is_default_unique

COMMENT ON INDEX parley.provider_configs_is_default_unique IS 'There is already a default configuration.';

-- index provider_configs_provider_unique

CREATE UNIQUE INDEX provider_configs_provider_unique ON parley.provider_configs USING btree (user_id, provider) WHERE (deleted_at IS NULL);

-- comment INDEX provider_configs_provider_unique

COMMENT ON INDEX parley.provider_configs_provider_unique IS 'There is already a configuration for this provider.';

-- index provider_configs_trash

CREATE INDEX provider_configs_trash ON parley.provider_configs USING btree (user_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

-- index provider_keys_by_creation

CREATE INDEX provider_keys_by_creation ON parley.provider_keys USING btree (user_id, created_at, id) WHERE (deleted_at IS NULL);

-- index provider_keys_by_provider_config

CREATE INDEX provider_keys_by_provider_config ON parley.provider_keys USING btree (user_id, provider_config_id, created_at, id);

-- index provider_keys_in_use

CREATE INDEX provider_keys_in_use ON parley.provider_keys USING btree (user_id, provider_config_id, is_default, created_at, id) WHERE (deleted_at IS NULL);

-- index provider_keys_is_default_unique

CREATE UNIQUE INDEX provider_keys_is_default_unique ON parley.provider_keys USING btree (user_id, provider_config_id) WHERE (is_default AND (deleted_at IS NULL));

-- comment INDEX provider_keys_is_default_unique

COMMENT ON INDEX parley.provider_keys_is_default_unique IS 'The configuration already has a default key.';

-- index provider_keys_key_name_unique

CREATE UNIQUE INDEX provider_keys_key_name_unique ON parley.provider_keys USING btree (user_id, provider, key_name) WHERE (deleted_at IS NULL);

-- comment INDEX provider_keys_key_name_unique

COMMENT ON INDEX parley.provider_keys_key_name_unique IS 'There is already a key of this provider with this name.';

-- index revocations_by_time

CREATE INDEX revocations_by_time ON parley.revocations USING btree (at);

-- index sessions_by_expiry

CREATE INDEX sessions_by_expiry ON parley.sessions USING btree (LEAST(expires_at, ends_at));

-- index sessions_by_last_used

CREATE INDEX sessions_by_last_used ON parley.sessions USING btree (user_id, last_used_at, id);

-- index tags_by_creation

CREATE INDEX tags_by_creation ON parley.tags USING btree (user_id, created_at, id) WHERE (deleted_at IS NULL);

-- index tags_by_name

CREATE INDEX tags_by_name ON parley.tags USING btree (user_id, folded_name, id) WHERE (deleted_at IS NULL);

-- index tags_most_used

CREATE INDEX tags_most_used ON parley.tags USING btree (user_id, uses DESC, folded_name, id) WHERE (deleted_at IS NULL);

-- index tags_name_unique

CREATE UNIQUE INDEX tags_name_unique ON parley.tags USING btree (user_id, folded_name, type) WHERE (deleted_at IS NULL);

-- comment INDEX tags_name_unique

COMMENT ON INDEX parley.tags_name_unique IS 'There is already a tag of this type with this name.';

-- index tags_trash

CREATE INDEX tags_trash ON parley.tags USING btree (user_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

-- index tool_executions_by_conversation

CREATE INDEX tool_executions_by_conversation ON parley.tool_executions USING btree (user_id, conversation_id, created_at, id);

-- index tool_executions_by_creation

CREATE INDEX tool_executions_by_creation ON parley.tool_executions USING btree (user_id, created_at, id) WHERE (deleted_at IS NULL);

-- index tool_executions_by_known_tool

CREATE INDEX tool_executions_by_known_tool ON parley.tool_executions USING btree (user_id, known_tool_id, created_at, id);

-- index tool_executions_by_message

CREATE INDEX tool_executions_by_message ON parley.tool_executions USING btree (user_id, message_id, created_at, id);

-- index tool_executions_by_status

CREATE INDEX tool_executions_by_status ON parley.tool_executions USING btree (user_id, status, created_at, id) WHERE (deleted_at IS NULL);

-- index tool_executions_spending

CREATE INDEX tool_executions_spending ON parley.tool_executions USING btree (user_id, approved_at) WHERE (reserved_usd IS NOT NULL);

-- index tool_executions_trash

CREATE INDEX tool_executions_trash ON parley.tool_executions USING btree (user_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

-- index tool_transitions_by_execution

CREATE INDEX tool_transitions_by_execution ON parley.tool_transitions USING btree (user_id, tool_execution_id, created_at, id);

-- index usage_logs_by_api_key

CREATE INDEX usage_logs_by_api_key ON parley.usage_logs USING btree (user_id, api_key_id, created_at, id) WHERE (api_key_id IS NOT NULL);

-- index usage_logs_by_automation

CREATE INDEX usage_logs_by_automation ON parley.usage_logs USING btree (user_id, automation, created_at, id) WHERE (automation IS NOT NULL);

-- index usage_logs_by_conversation

CREATE INDEX usage_logs_by_conversation ON parley.usage_logs USING btree (user_id, conversation_id, created_at, id);

-- index usage_logs_by_creation

CREATE INDEX usage_logs_by_creation ON parley.usage_logs USING btree (user_id, created_at, id);

-- index usage_logs_by_message

CREATE INDEX usage_logs_by_message ON parley.usage_logs USING btree (user_id, message_id, created_at, id) WHERE (message_id IS NOT NULL);

-- index usage_quotas_by_creation

CREATE INDEX usage_quotas_by_creation ON parley.usage_quotas USING btree (user_id, created_at, id) WHERE (deleted_at IS NULL);

-- index usage_quotas_trash

CREATE INDEX usage_quotas_trash ON parley.usage_quotas USING btree (user_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

-- index usage_reservations_by_creation

CREATE INDEX usage_reservations_by_creation ON parley.usage_reservations USING btree (user_id, created_at, id);

-- index usage_reservations_by_expiry

CREATE INDEX usage_reservations_by_expiry ON parley.usage_reservations USING btree (expires_at);

-- index usage_reservations_held

CREATE INDEX usage_reservations_held ON parley.usage_reservations USING btree (user_id, expires_at) WHERE (status = 'held'::text);

-- index users_by_purge

CREATE INDEX users_by_purge ON parley.users USING btree (purge_at) WHERE (purge_at IS NOT NULL);

-- index webhook_events_by_time

CREATE INDEX webhook_events_by_time ON parley.webhook_events USING btree (seen_at);

-- index pgqueuer_ep_ea_idx

CREATE INDEX pgqueuer_ep_ea_idx ON parley_work.pgqueuer USING btree (entrypoint, execute_after) WHERE (status = 'queued'::parley_work.pgqueuer_status);

-- index pgqueuer_ep_prio_id_idx

CREATE INDEX pgqueuer_ep_prio_id_idx ON parley_work.pgqueuer USING btree (entrypoint, priority DESC, id) WHERE (status = 'queued'::parley_work.pgqueuer_status);

-- index pgqueuer_log_created

CREATE INDEX pgqueuer_log_created ON parley_work.pgqueuer_log USING btree (created);

-- index pgqueuer_log_job_id_status

CREATE INDEX pgqueuer_log_job_id_status ON parley_work.pgqueuer_log USING btree (job_id, created DESC);

-- index pgqueuer_log_not_aggregated

CREATE INDEX pgqueuer_log_not_aggregated ON parley_work.pgqueuer_log USING btree ((1)) WHERE (NOT aggregated);

-- index pgqueuer_log_status

CREATE INDEX pgqueuer_log_status ON parley_work.pgqueuer_log USING btree (status);

-- index pgqueuer_picked_heartbeat_idx

CREATE INDEX pgqueuer_picked_heartbeat_idx ON parley_work.pgqueuer USING btree (heartbeat) WHERE (status = 'picked'::parley_work.pgqueuer_status);

-- index pgqueuer_picked_slot_idx

CREATE UNIQUE INDEX pgqueuer_picked_slot_idx ON parley_work.pgqueuer USING btree (entrypoint, slot) WHERE ((status = 'picked'::parley_work.pgqueuer_status) AND (slot IS NOT NULL));

-- index pgqueuer_priority_id_id1_idx

CREATE INDEX pgqueuer_priority_id_id1_idx ON parley_work.pgqueuer USING btree (priority, id DESC) INCLUDE (id) WHERE (status = 'queued'::parley_work.pgqueuer_status);

-- index pgqueuer_queue_manager_id_idx

CREATE INDEX pgqueuer_queue_manager_id_idx ON parley_work.pgqueuer USING btree (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);

-- index pgqueuer_statistics_unique_count

CREATE UNIQUE INDEX pgqueuer_statistics_unique_count ON parley_work.pgqueuer_statistics USING btree (priority, date_trunc('sec'::text, timezone('UTC'::text, created)), status, entrypoint);

-- index pgqueuer_unique_dedupe_key

CREATE UNIQUE INDEX pgqueuer_unique_dedupe_key ON parley_work.pgqueuer USING btree (dedupe_key) WHERE ((status = ANY (ARRAY['queued'::parley_work.pgqueuer_status, 'picked'::parley_work.pgqueuer_status])) AND (dedupe_key IS NOT NULL));

-- index pgqueuer_updated_id_id1_idx

CREATE INDEX pgqueuer_updated_id_id1_idx ON parley_work.pgqueuer USING btree (updated, id DESC) INCLUDE (id) WHERE (status = 'picked'::parley_work.pgqueuer_status);

-- trigger plan_subscriptions apply

CREATE TRIGGER apply AFTER INSERT OR UPDATE ON parley.plan_subscriptions FOR EACH ROW EXECUTE FUNCTION parley.plan_subscriptions_apply();

-- trigger conversations approvals

CREATE TRIGGER approvals BEFORE INSERT OR UPDATE OF auto_approval_settings ON parley.conversations FOR EACH ROW WHEN (((new.auto_approval_settings <> '{}'::jsonb) OR (new.approval_overrides IS NOT NULL))) EXECUTE FUNCTION parley.conversations_override();

-- trigger users audit_account_deleted_update

CREATE TRIGGER audit_account_deleted_update AFTER UPDATE OF deleted_at ON parley.users FOR EACH ROW WHEN (((new.deleted_at IS NOT NULL) AND (old.deleted_at IS DISTINCT FROM new.deleted_at))) EXECUTE FUNCTION parley.users_audit_account_deleted();

-- trigger auto_approval_rules audit_approval_rule_changed_insert

CREATE TRIGGER audit_approval_rule_changed_insert AFTER INSERT ON parley.auto_approval_rules FOR EACH ROW WHEN (true) EXECUTE FUNCTION parley.auto_approval_rules_audit_approval_rule_changed();

-- trigger auto_approval_rules audit_approval_rule_changed_update

CREATE TRIGGER audit_approval_rule_changed_update AFTER UPDATE OF tool_name, arguments, ignore_case, host, effect, max_cost_usd, conversation_id, expires_at, deleted_at ON parley.auto_approval_rules FOR EACH ROW WHEN ((true AND ((old.tool_name IS DISTINCT FROM new.tool_name) OR (old.arguments IS DISTINCT FROM new.arguments) OR (old.ignore_case IS DISTINCT FROM new.ignore_case) OR (old.host IS DISTINCT FROM new.host) OR (old.effect IS DISTINCT FROM new.effect) OR (old.max_cost_usd IS DISTINCT FROM new.max_cost_usd) OR (old.conversation_id IS DISTINCT FROM new.conversation_id) OR (old.expires_at IS DISTINCT FROM new.expires_at) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)))) EXECUTE FUNCTION parley.auto_approval_rules_audit_approval_rule_changed();

-- trigger users audit_email_changed_update

CREATE TRIGGER audit_email_changed_update AFTER UPDATE OF email ON parley.users FOR EACH ROW WHEN ((true AND (old.email IS DISTINCT FROM new.email))) EXECUTE FUNCTION parley.users_audit_email_changed();

-- trigger jobs audit_exported_insert

CREATE TRIGGER audit_exported_insert AFTER INSERT ON parley.jobs FOR EACH ROW WHEN ((new.kind = 'export'::text)) EXECUTE FUNCTION parley.jobs_audit_exported();

-- trigger provider_keys audit_key_created_insert

CREATE TRIGGER audit_key_created_insert AFTER INSERT ON parley.provider_keys FOR EACH ROW WHEN (true) EXECUTE FUNCTION parley.provider_keys_audit_key_created();

-- trigger provider_keys audit_key_created_update

CREATE TRIGGER audit_key_created_update AFTER UPDATE OF sealed_key, sealed_key_generation ON parley.provider_keys FOR EACH ROW WHEN ((true AND ((old.sealed_key IS DISTINCT FROM new.sealed_key) OR (old.sealed_key_generation IS DISTINCT FROM new.sealed_key_generation)))) EXECUTE FUNCTION parley.provider_keys_audit_key_created();

-- trigger provider_keys audit_key_deleted_update

CREATE TRIGGER audit_key_deleted_update AFTER UPDATE OF deleted_at ON parley.provider_keys FOR EACH ROW WHEN ((true AND (old.deleted_at IS DISTINCT FROM new.deleted_at))) EXECUTE FUNCTION parley.provider_keys_audit_key_deleted();

-- trigger provider_keys audit_key_used_update

CREATE TRIGGER audit_key_used_update AFTER UPDATE OF last_used_at ON parley.provider_keys FOR EACH ROW WHEN ((true AND (date_trunc('day'::text, (old.last_used_at AT TIME ZONE 'UTC'::text)) IS DISTINCT FROM date_trunc('day'::text, (new.last_used_at AT TIME ZONE 'UTC'::text))))) EXECUTE FUNCTION parley.provider_keys_audit_key_used();

-- trigger logins audit_password_changed_update

CREATE TRIGGER audit_password_changed_update AFTER UPDATE OF password_hash ON parley.logins FOR EACH ROW WHEN (((COALESCE(current_setting('app.rehashing'::text, true), ''::text) <> 'on'::text) AND (old.password_hash IS DISTINCT FROM new.password_hash))) EXECUTE FUNCTION parley.logins_audit_password_changed();

-- trigger purges audit_purged_insert

CREATE TRIGGER audit_purged_insert AFTER INSERT ON parley.purges FOR EACH ROW WHEN (true) EXECUTE FUNCTION parley.purges_audit_purged();

-- trigger sessions audit_session_revoked_update

CREATE TRIGGER audit_session_revoked_update AFTER UPDATE OF revoked_at ON parley.sessions FOR EACH ROW WHEN (((((new.revoked_reason = 'signed_out'::text) AND (new.id = parley.actor_session())) IS NOT TRUE) AND (old.revoked_at IS DISTINCT FROM new.revoked_at))) EXECUTE FUNCTION parley.sessions_audit_session_revoked();

-- trigger conversations audit_settings_changed_insert

CREATE TRIGGER audit_settings_changed_insert AFTER INSERT ON parley.conversations FOR EACH ROW WHEN ((new.auto_approval_settings <> '{}'::jsonb)) EXECUTE FUNCTION parley.conversations_audit_settings_changed();

-- trigger provider_configs audit_settings_changed_insert

CREATE TRIGGER audit_settings_changed_insert AFTER INSERT ON parley.provider_configs FOR EACH ROW WHEN ((new.base_url IS NOT NULL)) EXECUTE FUNCTION parley.provider_configs_audit_settings_changed();

-- trigger auto_approval_settings audit_settings_changed_update

CREATE TRIGGER audit_settings_changed_update AFTER UPDATE OF read_only_operations, low_risk_operations, max_cost_per_tool_usd, max_cost_per_hour_usd, require_approval_for_new_tools ON parley.auto_approval_settings FOR EACH ROW WHEN ((true AND ((old.read_only_operations IS DISTINCT FROM new.read_only_operations) OR (old.low_risk_operations IS DISTINCT FROM new.low_risk_operations) OR (old.max_cost_per_tool_usd IS DISTINCT FROM new.max_cost_per_tool_usd) OR (old.max_cost_per_hour_usd IS DISTINCT FROM new.max_cost_per_hour_usd) OR (old.require_approval_for_new_tools IS DISTINCT FROM new.require_approval_for_new_tools)))) EXECUTE FUNCTION parley.auto_approval_settings_audit_settings_changed();

-- trigger conversations audit_settings_changed_update

CREATE TRIGGER audit_settings_changed_update AFTER UPDATE OF auto_approval_settings ON parley.conversations FOR EACH ROW WHEN ((true AND (old.auto_approval_settings IS DISTINCT FROM new.auto_approval_settings))) EXECUTE FUNCTION parley.conversations_audit_settings_changed();

-- trigger known_tools audit_settings_changed_update

CREATE TRIGGER audit_settings_changed_update AFTER UPDATE OF risk ON parley.known_tools FOR EACH ROW WHEN ((true AND (old.risk IS DISTINCT FROM new.risk))) EXECUTE FUNCTION parley.known_tools_audit_settings_changed();

-- trigger provider_configs audit_settings_changed_update

CREATE TRIGGER audit_settings_changed_update AFTER UPDATE OF base_url, is_active ON parley.provider_configs FOR EACH ROW WHEN ((true AND ((old.base_url IS DISTINCT FROM new.base_url) OR (old.is_active IS DISTINCT FROM new.is_active)))) EXECUTE FUNCTION parley.provider_configs_audit_settings_changed();

-- trigger provider_keys audit_settings_changed_update

CREATE TRIGGER audit_settings_changed_update AFTER UPDATE OF is_active ON parley.provider_keys FOR EACH ROW WHEN ((true AND (old.is_active IS DISTINCT FROM new.is_active))) EXECUTE FUNCTION parley.provider_keys_audit_settings_changed();

-- trigger usage_quotas audit_settings_changed_update

CREATE TRIGGER audit_settings_changed_update AFTER UPDATE OF unit, period, provider, model, automation, "limit", mode, counts_own_key, deleted_at ON parley.usage_quotas FOR EACH ROW WHEN (((new.set_by = 'user'::text) AND ((old.unit IS DISTINCT FROM new.unit) OR (old.period IS DISTINCT FROM new.period) OR (old.provider IS DISTINCT FROM new.provider) OR (old.model IS DISTINCT FROM new.model) OR (old.automation IS DISTINCT FROM new.automation) OR (old."limit" IS DISTINCT FROM new."limit") OR (old.mode IS DISTINCT FROM new.mode) OR (old.counts_own_key IS DISTINCT FROM new.counts_own_key) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)))) EXECUTE FUNCTION parley.usage_quotas_audit_settings_changed();

-- trigger user_settings audit_settings_changed_update

CREATE TRIGGER audit_settings_changed_update AFTER UPDATE OF share_usage_data, enable_analytics, auto_sync, sync_frequency_minutes, enable_notifications, archive_after_months, delete_after_months, max_messages_per_conversation ON parley.user_settings FOR EACH ROW WHEN ((true AND ((old.share_usage_data IS DISTINCT FROM new.share_usage_data) OR (old.enable_analytics IS DISTINCT FROM new.enable_analytics) OR (old.auto_sync IS DISTINCT FROM new.auto_sync) OR (old.sync_frequency_minutes IS DISTINCT FROM new.sync_frequency_minutes) OR (old.enable_notifications IS DISTINCT FROM new.enable_notifications) OR (old.archive_after_months IS DISTINCT FROM new.archive_after_months) OR (old.delete_after_months IS DISTINCT FROM new.delete_after_months) OR (old.max_messages_per_conversation IS DISTINCT FROM new.max_messages_per_conversation)))) EXECUTE FUNCTION parley.user_settings_audit_settings_changed();

-- trigger sessions audit_signed_in_insert

CREATE TRIGGER audit_signed_in_insert AFTER INSERT ON parley.sessions FOR EACH ROW WHEN (true) EXECUTE FUNCTION parley.sessions_audit_signed_in();

-- trigger sessions audit_signed_out_update

CREATE TRIGGER audit_signed_out_update AFTER UPDATE OF revoked_at ON parley.sessions FOR EACH ROW WHEN (((new.revoked_reason = 'signed_out'::text) AND (new.id = parley.actor_session()) AND (old.revoked_at IS DISTINCT FROM new.revoked_at))) EXECUTE FUNCTION parley.sessions_audit_signed_out();

-- trigger agent_tokens audit_token_created_insert

CREATE TRIGGER audit_token_created_insert AFTER INSERT ON parley.agent_tokens FOR EACH ROW WHEN (true) EXECUTE FUNCTION parley.agent_tokens_audit_token_created();

-- trigger agent_tokens audit_token_revoked_update

CREATE TRIGGER audit_token_revoked_update AFTER UPDATE OF revoked_at ON parley.agent_tokens FOR EACH ROW WHEN ((true AND (old.revoked_at IS DISTINCT FROM new.revoked_at))) EXECUTE FUNCTION parley.agent_tokens_audit_token_revoked();

-- trigger tool_executions await

CREATE TRIGGER await AFTER UPDATE ON parley.tool_executions FOR EACH ROW WHEN (((new.expires_at IS NOT NULL) AND (old.status = 'pending'::text) AND (new.status <> 'pending'::text))) EXECUTE FUNCTION parley.tool_executions_await();

-- trigger tool_executions await_new

CREATE TRIGGER await_new AFTER INSERT ON parley.tool_executions FOR EACH ROW WHEN (((new.expires_at IS NOT NULL) AND (new.status = 'pending'::text))) EXECUTE FUNCTION parley.tool_executions_await();

-- trigger plan_quotas canonical

CREATE TRIGGER canonical BEFORE INSERT OR UPDATE OF provider ON parley.plan_quotas FOR EACH ROW WHEN ((new.provider <> parley.canonical_name(new.provider))) EXECUTE FUNCTION parley.plan_quotas_canonical();

-- trigger usage_logs canonical

CREATE TRIGGER canonical BEFORE INSERT OR UPDATE OF provider ON parley.usage_logs FOR EACH ROW WHEN ((new.provider <> parley.canonical_name(new.provider))) EXECUTE FUNCTION parley.usage_logs_canonical();

-- trigger usage_quotas canonical

CREATE TRIGGER canonical BEFORE INSERT OR UPDATE OF provider ON parley.usage_quotas FOR EACH ROW WHEN ((new.provider <> parley.canonical_name(new.provider))) EXECUTE FUNCTION parley.usage_quotas_canonical();

-- trigger usage_reservations canonical

CREATE TRIGGER canonical BEFORE INSERT OR UPDATE OF provider ON parley.usage_reservations FOR EACH ROW WHEN ((new.provider <> parley.canonical_name(new.provider))) EXECUTE FUNCTION parley.usage_reservations_canonical();

-- trigger conversations change

CREATE TRIGGER change BEFORE UPDATE OF is_archived, deleted_at ON parley.conversations FOR EACH ROW EXECUTE FUNCTION parley.conversations_change();

-- trigger users check_own_api_key

CREATE TRIGGER check_own_api_key BEFORE INSERT OR UPDATE OF uses_own_api_key ON parley.users FOR EACH ROW WHEN (new.uses_own_api_key) EXECUTE FUNCTION parley.users_check_own_api_key();

-- trigger users check_time_zone

CREATE TRIGGER check_time_zone BEFORE INSERT OR UPDATE OF time_zone ON parley.users FOR EACH ROW WHEN ((new.time_zone <> 'UTC'::text)) EXECUTE FUNCTION parley.users_check_time_zone();

-- trigger auto_approval_rules compile

CREATE TRIGGER compile BEFORE INSERT OR UPDATE OF tool_name, arguments, ignore_case, effect ON parley.auto_approval_rules FOR EACH ROW EXECUTE FUNCTION parley.auto_approval_rules_compile();

-- trigger users complete

CREATE TRIGGER complete AFTER INSERT ON parley.users FOR EACH ROW EXECUTE FUNCTION parley.users_complete('auto_approval_settings', 'user_settings');

-- trigger tool_executions delete

CREATE TRIGGER delete BEFORE UPDATE OF deleted_at ON parley.tool_executions FOR EACH ROW EXECUTE FUNCTION parley.tool_executions_delete();

-- trigger provider_keys deleted_for_good

CREATE TRIGGER deleted_for_good BEFORE UPDATE OF deleted_at ON parley.provider_keys FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_restored();

-- trigger provider_keys destroy_sealed_key

CREATE TRIGGER destroy_sealed_key AFTER UPDATE OF deleted_at ON parley.provider_keys FOR EACH ROW WHEN ((new.deleted_at IS NOT NULL)) EXECUTE FUNCTION parley.provider_keys_sealed_key_keep();

-- trigger conversations enter

CREATE TRIGGER enter BEFORE INSERT ON parley.conversations FOR EACH ROW EXECUTE FUNCTION parley.conversations_enter();

-- trigger messages enter

CREATE TRIGGER enter BEFORE INSERT ON parley.messages FOR EACH ROW EXECUTE FUNCTION parley.messages_enter();

-- trigger usage_logs enter

CREATE TRIGGER enter BEFORE INSERT ON parley.usage_logs FOR EACH ROW WHEN ((new.version IS NULL)) EXECUTE FUNCTION parley.usage_logs_enter();

-- trigger usage_reservations enter

CREATE TRIGGER enter BEFORE INSERT ON parley.usage_reservations FOR EACH ROW EXECUTE FUNCTION parley.usage_reservations_enter();

-- trigger jobs exports

CREATE TRIGGER exports BEFORE INSERT ON parley.jobs FOR EACH ROW WHEN ((new.kind = 'export'::text)) EXECUTE FUNCTION parley.jobs_limit_exports();

-- trigger agent_tokens feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE OF user_id, id, name, scopes, hash, last_four, expires_at, revoked_at, created_at, updated_at, version, request_hash ON parley.agent_tokens FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger audit_entries feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.audit_entries FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger auto_approval_rules feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE OF user_id, id, tool_name, arguments, ignore_case, host, effect, max_cost_usd, conversation_id, expires_at, note, tool_key, tool_like, pointers, likes, regexes, created_at, updated_at, deleted_at, version, request_hash ON parley.auto_approval_rules FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger auto_approval_settings feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.auto_approval_settings FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger context_optimization_messages feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.context_optimization_messages FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger context_optimizations feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.context_optimizations FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger conversation_tags feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.conversation_tags FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger conversations feed_lock

CREATE TRIGGER feed_lock BEFORE DELETE OR UPDATE OF user_id, id, title, provider, model, system_prompt, temperature, max_tokens, context_window, is_pinned, is_archived, is_auto_archived, max_messages, folder, client_session, metadata, auto_approval_settings, usage_requests, usage_input_tokens, usage_output_tokens, usage_cost_usd, created_at, deleted_at, positive_feedback, negative_feedback, neutral_feedback ON parley.conversations FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger jobs feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.jobs FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger known_tools feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.known_tools FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger message_feedback feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.message_feedback FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger message_reactions feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.message_reactions FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger messages feed_lock

CREATE TRIGGER feed_lock BEFORE DELETE OR UPDATE ON parley.messages FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger plan_subscriptions feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.plan_subscriptions FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger provider_configs feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.provider_configs FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger provider_keys feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE OF user_id, id, provider_config_id, provider, key_name, last_four, is_active, is_default, expires_at, created_at, updated_at, deleted_at, version, request_hash, sealed_key, sealed_key_generation ON parley.provider_keys FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger sessions feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.sessions FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger tags feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.tags FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger tool_executions feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.tool_executions FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger tool_transitions feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.tool_transitions FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger usage_days feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.usage_days FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger usage_logs feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.usage_logs FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger usage_quotas feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.usage_quotas FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger usage_reservations feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.usage_reservations FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger user_settings feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.user_settings FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger users feed_lock

CREATE TRIGGER feed_lock BEFORE INSERT OR DELETE OR UPDATE ON parley.users FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION parley.feed_lock();

-- trigger message_feedback fill

CREATE TRIGGER fill BEFORE INSERT ON parley.message_feedback FOR EACH ROW EXECUTE FUNCTION parley.message_feedback_fill();

-- trigger message_reactions fill

CREATE TRIGGER fill BEFORE INSERT ON parley.message_reactions FOR EACH ROW EXECUTE FUNCTION parley.message_reactions_fill();

-- trigger provider_keys fill

CREATE TRIGGER fill BEFORE INSERT ON parley.provider_keys FOR EACH ROW EXECUTE FUNCTION parley.provider_keys_fill();

-- trigger conversations fit_window

CREATE TRIGGER fit_window BEFORE UPDATE OF context_window ON parley.conversations FOR EACH ROW EXECUTE FUNCTION parley.conversations_fit_window();

-- trigger auto_approval_rules future_expires_at

CREATE TRIGGER future_expires_at BEFORE INSERT OR UPDATE OF expires_at ON parley.auto_approval_rules FOR EACH ROW WHEN ((new.expires_at <= clock_timestamp())) EXECUTE FUNCTION parley.refuse_past('expires_at');

-- trigger provider_keys future_expires_at

CREATE TRIGGER future_expires_at BEFORE INSERT OR UPDATE OF expires_at ON parley.provider_keys FOR EACH ROW WHEN ((new.expires_at <= clock_timestamp())) EXECUTE FUNCTION parley.refuse_past('expires_at');

-- trigger tool_executions future_expires_at

CREATE TRIGGER future_expires_at BEFORE INSERT OR UPDATE OF expires_at ON parley.tool_executions FOR EACH ROW WHEN ((new.expires_at <= clock_timestamp())) EXECUTE FUNCTION parley.refuse_past('expires_at');

-- trigger messages gather

CREATE TRIGGER gather BEFORE UPDATE ON parley.messages FOR EACH ROW WHEN (((old.status = 'streaming'::text) AND ((new.status <> 'streaming'::text) OR (new.deleted_at IS NOT NULL) OR (new.content <> old.content)))) EXECUTE FUNCTION parley.messages_gather();

-- trigger users give_quotas

CREATE TRIGGER give_quotas AFTER INSERT OR UPDATE OF plan_type ON parley.users FOR EACH ROW EXECUTE FUNCTION parley.users_give_quotas();

-- trigger messages guard

CREATE TRIGGER guard BEFORE UPDATE ON parley.messages FOR EACH ROW WHEN (((old.status <> new.status) AND (old.status <> 'streaming'::text))) EXECUTE FUNCTION parley.messages_guard();

-- trigger usage_quotas guard

CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE ON parley.usage_quotas FOR EACH ROW EXECUTE FUNCTION parley.usage_quotas_guard();

-- trigger conversations guard_approval

CREATE TRIGGER guard_approval BEFORE INSERT OR UPDATE OF metadata, auto_approval_settings ON parley.conversations FOR EACH ROW WHEN ((current_setting('app.actor'::text, true) = 'agent'::text)) EXECUTE FUNCTION parley.conversations_guard_approval();

-- trigger provider_keys keep_sealed_key

CREATE TRIGGER keep_sealed_key BEFORE INSERT OR UPDATE OF sealed_key ON parley.provider_keys FOR EACH ROW WHEN ((new.sealed_key IS NOT NULL)) EXECUTE FUNCTION parley.provider_keys_sealed_key_keep();

-- trigger tool_executions lease

CREATE TRIGGER lease AFTER UPDATE ON parley.tool_executions FOR EACH ROW WHEN ((old.status <> new.status)) EXECUTE FUNCTION parley.tool_executions_lease();

-- trigger conversations leave

CREATE TRIGGER leave AFTER DELETE ON parley.conversations FOR EACH ROW EXECUTE FUNCTION parley.conversations_leave();

-- trigger provider_keys leave_flag

CREATE TRIGGER leave_flag AFTER UPDATE OF is_active, deleted_at ON parley.provider_keys FOR EACH ROW WHEN ((old.is_active AND (old.deleted_at IS NULL) AND ((new.deleted_at IS NOT NULL) OR (NOT new.is_active)))) EXECUTE FUNCTION parley.provider_keys_leave_flag();

-- trigger conversations leave_key

CREATE TRIGGER leave_key AFTER UPDATE OF user_id, id ON parley.conversations FOR EACH ROW WHEN (((old.user_id <> new.user_id) OR (old.id <> new.id))) EXECUTE FUNCTION parley.conversations_leave();

-- trigger auto_approval_rules links

CREATE TRIGGER links BEFORE INSERT OR UPDATE ON parley.auto_approval_rules FOR EACH ROW EXECUTE FUNCTION parley.auto_approval_rules_links();

-- trigger context_optimization_messages links

CREATE TRIGGER links BEFORE INSERT OR UPDATE ON parley.context_optimization_messages FOR EACH ROW EXECUTE FUNCTION parley.context_optimization_messages_links();

-- trigger context_optimizations links

CREATE TRIGGER links BEFORE INSERT OR UPDATE ON parley.context_optimizations FOR EACH ROW EXECUTE FUNCTION parley.context_optimizations_links();

-- trigger conversation_tags links

CREATE TRIGGER links BEFORE INSERT OR UPDATE ON parley.conversation_tags FOR EACH ROW EXECUTE FUNCTION parley.conversation_tags_links();

-- trigger message_feedback links

CREATE TRIGGER links BEFORE INSERT OR UPDATE ON parley.message_feedback FOR EACH ROW EXECUTE FUNCTION parley.message_feedback_links();

-- trigger message_reactions links

CREATE TRIGGER links BEFORE INSERT OR UPDATE ON parley.message_reactions FOR EACH ROW EXECUTE FUNCTION parley.message_reactions_links();

-- trigger messages links

CREATE TRIGGER links BEFORE UPDATE ON parley.messages FOR EACH ROW EXECUTE FUNCTION parley.messages_links();

-- trigger provider_keys links

CREATE TRIGGER links BEFORE INSERT OR UPDATE ON parley.provider_keys FOR EACH ROW EXECUTE FUNCTION parley.provider_keys_links();

-- trigger tool_executions links

CREATE TRIGGER links BEFORE INSERT OR UPDATE ON parley.tool_executions FOR EACH ROW EXECUTE FUNCTION parley.tool_executions_links();

-- trigger usage_logs links

CREATE TRIGGER links BEFORE INSERT OR UPDATE ON parley.usage_logs FOR EACH ROW EXECUTE FUNCTION parley.usage_logs_links();

-- trigger conversations mark

CREATE TRIGGER mark AFTER UPDATE OF deleted_at ON parley.conversations FOR EACH ROW EXECUTE FUNCTION parley.mark_deleted('auto_approval_rules.conversation_id', 'conversation_tags.conversation_id', 'message_feedback.conversation_id', 'message_reactions.conversation_id', 'tool_executions.conversation_id');

-- trigger messages mark

CREATE TRIGGER mark AFTER UPDATE OF deleted_at ON parley.messages FOR EACH ROW EXECUTE FUNCTION parley.mark_deleted('message_feedback.message_id', 'message_reactions.message_id', 'tool_executions.message_id');

-- trigger provider_configs mark

CREATE TRIGGER mark AFTER UPDATE OF deleted_at ON parley.provider_configs FOR EACH ROW EXECUTE FUNCTION parley.mark_deleted('provider_keys.provider_config_id');

-- trigger agent_tokens most

CREATE TRIGGER most AFTER INSERT OR UPDATE ON parley.agent_tokens FOR EACH ROW EXECUTE FUNCTION parley.agent_tokens_most();

-- trigger usage_quotas most

CREATE TRIGGER most AFTER INSERT OR UPDATE ON parley.usage_quotas FOR EACH ROW EXECUTE FUNCTION parley.usage_quotas_most();

-- trigger message_reactions most_message_id

CREATE TRIGGER most_message_id AFTER INSERT OR UPDATE ON parley.message_reactions FOR EACH ROW EXECUTE FUNCTION parley.message_reactions_message_id_most();

-- trigger jobs move

CREATE TRIGGER move BEFORE INSERT OR UPDATE ON parley.jobs FOR EACH ROW EXECUTE FUNCTION parley.jobs_move();

-- trigger tool_executions move

CREATE TRIGGER move BEFORE INSERT OR UPDATE ON parley.tool_executions FOR EACH ROW EXECUTE FUNCTION parley.tool_executions_move();

-- trigger usage_reservations move

CREATE TRIGGER move BEFORE UPDATE OF status ON parley.usage_reservations FOR EACH ROW EXECUTE FUNCTION parley.usage_reservations_move();

-- trigger tool_executions move_attempt

CREATE TRIGGER move_attempt BEFORE INSERT OR UPDATE ON parley.tool_executions FOR EACH ROW EXECUTE FUNCTION parley.tool_executions_attempt();

-- trigger users open_feed

CREATE TRIGGER open_feed BEFORE INSERT ON parley.users FOR EACH ROW EXECUTE FUNCTION parley.users_open_feed();

-- trigger agent_tokens persons_only

CREATE TRIGGER persons_only BEFORE INSERT OR UPDATE ON parley.agent_tokens FOR EACH ROW WHEN ((current_setting('app.actor'::text, true) = 'agent'::text)) EXECUTE FUNCTION parley.refuse_agents();

-- trigger auto_approval_rules persons_only

CREATE TRIGGER persons_only BEFORE INSERT OR UPDATE ON parley.auto_approval_rules FOR EACH ROW WHEN ((current_setting('app.actor'::text, true) = 'agent'::text)) EXECUTE FUNCTION parley.refuse_agents();

-- trigger auto_approval_settings persons_only

CREATE TRIGGER persons_only BEFORE UPDATE ON parley.auto_approval_settings FOR EACH ROW WHEN ((current_setting('app.actor'::text, true) = 'agent'::text)) EXECUTE FUNCTION parley.refuse_agents();

-- trigger known_tools persons_only

CREATE TRIGGER persons_only BEFORE UPDATE OF risk ON parley.known_tools FOR EACH ROW WHEN ((current_setting('app.actor'::text, true) = 'agent'::text)) EXECUTE FUNCTION parley.refuse_agents();

-- trigger known_tools persons_only_new

CREATE TRIGGER persons_only_new BEFORE INSERT ON parley.known_tools FOR EACH ROW WHEN (((current_setting('app.actor'::text, true) = 'agent'::text) AND (new.risk <> 'high'::text))) EXECUTE FUNCTION parley.refuse_agents();

-- trigger auto_approval_rules purged

CREATE TRIGGER purged BEFORE UPDATE OF deleted_at ON parley.auto_approval_rules FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_purged();

-- trigger conversation_tags purged

CREATE TRIGGER purged BEFORE UPDATE OF deleted_at ON parley.conversation_tags FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_purged();

-- trigger conversations purged

CREATE TRIGGER purged BEFORE UPDATE OF deleted_at ON parley.conversations FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_purged();

-- trigger message_feedback purged

CREATE TRIGGER purged BEFORE UPDATE OF deleted_at ON parley.message_feedback FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_purged();

-- trigger message_reactions purged

CREATE TRIGGER purged BEFORE UPDATE OF deleted_at ON parley.message_reactions FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_purged();

-- trigger messages purged

CREATE TRIGGER purged BEFORE UPDATE OF deleted_at ON parley.messages FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_purged();

-- trigger provider_configs purged

CREATE TRIGGER purged BEFORE UPDATE OF deleted_at ON parley.provider_configs FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_purged();

-- trigger tags purged

CREATE TRIGGER purged BEFORE UPDATE OF deleted_at ON parley.tags FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_purged();

-- trigger tool_executions purged

CREATE TRIGGER purged BEFORE UPDATE OF deleted_at ON parley.tool_executions FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_purged();

-- trigger usage_quotas purged

CREATE TRIGGER purged BEFORE UPDATE OF deleted_at ON parley.usage_quotas FOR EACH ROW WHEN (((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.refuse_purged();

-- trigger messages recount

CREATE TRIGGER recount AFTER UPDATE ON parley.messages FOR EACH ROW WHEN ((((old.deleted_at IS NULL) <> (new.deleted_at IS NULL)) OR (old.token_count IS DISTINCT FROM new.token_count) OR (old.processing_ms IS DISTINCT FROM new.processing_ms))) EXECUTE FUNCTION parley.messages_recount();

-- trigger provider_keys remove_sealed_key

CREATE TRIGGER remove_sealed_key AFTER DELETE ON parley.provider_keys FOR EACH ROW EXECUTE FUNCTION parley.provider_keys_sealed_key_keep();

-- trigger users rename_login

CREATE TRIGGER rename_login AFTER UPDATE OF username ON parley.users FOR EACH ROW WHEN ((old.username IS DISTINCT FROM new.username)) EXECUTE FUNCTION parley.users_rename_login();

-- trigger provider_keys renew

CREATE TRIGGER renew BEFORE UPDATE OF sealed_key ON parley.provider_keys FOR EACH ROW WHEN ((new.sealed_key_generation <> old.sealed_key_generation)) EXECUTE FUNCTION parley.provider_keys_renew();

-- trigger agent_tokens revoke

CREATE TRIGGER revoke AFTER UPDATE OF revoked_at ON parley.agent_tokens FOR EACH ROW WHEN (((old.revoked_at IS NULL) AND (new.revoked_at IS NOT NULL))) EXECUTE FUNCTION parley.sessions_revoke();

-- trigger sessions revoke

CREATE TRIGGER revoke AFTER UPDATE OF revoked_at ON parley.sessions FOR EACH ROW WHEN (((old.revoked_at IS NULL) AND (new.revoked_at IS NOT NULL))) EXECUTE FUNCTION parley.sessions_revoke();

-- trigger message_feedback rollup_conversation_delete

CREATE TRIGGER rollup_conversation_delete AFTER DELETE ON parley.message_feedback REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.message_feedback_rollup_conversation();

-- trigger message_feedback rollup_conversation_insert

CREATE TRIGGER rollup_conversation_insert AFTER INSERT ON parley.message_feedback REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.message_feedback_rollup_conversation();

-- trigger message_feedback rollup_conversation_update

CREATE TRIGGER rollup_conversation_update AFTER UPDATE ON parley.message_feedback REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.message_feedback_rollup_conversation();

-- trigger tool_executions rollup_known_tool_delete

CREATE TRIGGER rollup_known_tool_delete AFTER DELETE ON parley.tool_executions REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.tool_executions_rollup_known_tool();

-- trigger tool_executions rollup_known_tool_insert

CREATE TRIGGER rollup_known_tool_insert AFTER INSERT ON parley.tool_executions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.tool_executions_rollup_known_tool();

-- trigger tool_executions rollup_known_tool_update

CREATE TRIGGER rollup_known_tool_update AFTER UPDATE ON parley.tool_executions REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.tool_executions_rollup_known_tool();

-- trigger conversation_tags rollup_tag_delete

CREATE TRIGGER rollup_tag_delete AFTER DELETE ON parley.conversation_tags REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.conversation_tags_rollup_tag();

-- trigger conversation_tags rollup_tag_insert

CREATE TRIGGER rollup_tag_insert AFTER INSERT ON parley.conversation_tags REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.conversation_tags_rollup_tag();

-- trigger conversation_tags rollup_tag_update

CREATE TRIGGER rollup_tag_update AFTER UPDATE ON parley.conversation_tags REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.conversation_tags_rollup_tag();

-- trigger tool_executions settle

CREATE TRIGGER settle BEFORE INSERT OR UPDATE ON parley.tool_executions FOR EACH ROW EXECUTE FUNCTION parley.tool_executions_settle();

-- trigger audit_entries stay

CREATE TRIGGER stay BEFORE DELETE OR UPDATE ON parley.audit_entries FOR EACH ROW EXECUTE FUNCTION parley.audit_entries_stay();

-- trigger audit_entries stay_all

CREATE TRIGGER stay_all BEFORE TRUNCATE ON parley.audit_entries FOR EACH STATEMENT EXECUTE FUNCTION parley.audit_entries_stay();

-- trigger agent_tokens stay_revoked

CREATE TRIGGER stay_revoked BEFORE UPDATE OF revoked_at ON parley.agent_tokens FOR EACH ROW WHEN ((old.revoked_at IS NOT NULL)) EXECUTE FUNCTION parley.agent_tokens_stay_revoked();

-- trigger provider_configs take_is_default

CREATE TRIGGER take_is_default BEFORE INSERT OR UPDATE OF is_default ON parley.provider_configs FOR EACH ROW WHEN ((new.is_default AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.provider_configs_is_default_taken();

-- trigger provider_keys take_is_default

CREATE TRIGGER take_is_default BEFORE INSERT OR UPDATE OF is_default ON parley.provider_keys FOR EACH ROW WHEN ((new.is_default AND (new.deleted_at IS NULL))) EXECUTE FUNCTION parley.provider_keys_is_default_taken();

-- trigger conversation_tags touch_delete

CREATE TRIGGER touch_delete AFTER DELETE ON parley.conversation_tags REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.conversation_tags_touch();

-- trigger conversation_tags touch_insert

CREATE TRIGGER touch_insert AFTER INSERT ON parley.conversation_tags REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION parley.conversation_tags_touch();

-- trigger message_feedback write

CREATE TRIGGER write BEFORE INSERT OR UPDATE OF type, comment, reasons, message_id, session_id ON parley.message_feedback FOR EACH ROW EXECUTE FUNCTION parley.message_feedback_write();

-- trigger message_reactions write

CREATE TRIGGER write BEFORE INSERT ON parley.message_reactions FOR EACH ROW EXECUTE FUNCTION parley.message_reactions_write();

-- trigger agent_tokens zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE OF user_id, id, name, scopes, hash, last_four, expires_at, revoked_at, created_at, updated_at, version, request_hash ON parley.agent_tokens FOR EACH ROW EXECUTE FUNCTION parley.feed_agent_tokens();

-- trigger audit_entries zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.audit_entries FOR EACH ROW EXECUTE FUNCTION parley.feed_audit_entries();

-- trigger auto_approval_rules zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE OF user_id, id, tool_name, arguments, ignore_case, host, effect, max_cost_usd, conversation_id, expires_at, note, tool_key, tool_like, pointers, likes, regexes, created_at, updated_at, deleted_at, version, request_hash ON parley.auto_approval_rules FOR EACH ROW EXECUTE FUNCTION parley.feed_auto_approval_rules();

-- trigger auto_approval_settings zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.auto_approval_settings FOR EACH ROW EXECUTE FUNCTION parley.feed_auto_approval_settings();

-- trigger context_optimization_messages zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.context_optimization_messages FOR EACH ROW EXECUTE FUNCTION parley.feed_context_optimization_messages();

-- trigger context_optimizations zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.context_optimizations FOR EACH ROW EXECUTE FUNCTION parley.feed_context_optimizations();

-- trigger conversation_tags zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.conversation_tags FOR EACH ROW EXECUTE FUNCTION parley.feed_conversation_tags();

-- trigger conversations zz_feed

CREATE TRIGGER zz_feed BEFORE DELETE OR UPDATE OF user_id, id, title, provider, model, system_prompt, temperature, max_tokens, context_window, is_pinned, is_archived, is_auto_archived, max_messages, folder, client_session, metadata, auto_approval_settings, usage_requests, usage_input_tokens, usage_output_tokens, usage_cost_usd, created_at, deleted_at, positive_feedback, negative_feedback, neutral_feedback ON parley.conversations FOR EACH ROW EXECUTE FUNCTION parley.feed_conversations();

-- trigger jobs zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.jobs FOR EACH ROW EXECUTE FUNCTION parley.feed_jobs();

-- trigger known_tools zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.known_tools FOR EACH ROW EXECUTE FUNCTION parley.feed_known_tools();

-- trigger message_feedback zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.message_feedback FOR EACH ROW EXECUTE FUNCTION parley.feed_message_feedback();

-- trigger message_reactions zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.message_reactions FOR EACH ROW EXECUTE FUNCTION parley.feed_message_reactions();

-- trigger messages zz_feed

CREATE TRIGGER zz_feed BEFORE DELETE OR UPDATE ON parley.messages FOR EACH ROW EXECUTE FUNCTION parley.feed_messages();

-- trigger plan_subscriptions zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.plan_subscriptions FOR EACH ROW EXECUTE FUNCTION parley.feed_plan_subscriptions();

-- trigger provider_configs zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.provider_configs FOR EACH ROW EXECUTE FUNCTION parley.feed_provider_configs();

-- trigger provider_keys zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE OF user_id, id, provider_config_id, provider, key_name, last_four, is_active, is_default, expires_at, created_at, updated_at, deleted_at, version, request_hash, sealed_key, sealed_key_generation ON parley.provider_keys FOR EACH ROW EXECUTE FUNCTION parley.feed_provider_keys();

-- trigger sessions zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.sessions FOR EACH ROW EXECUTE FUNCTION parley.feed_sessions();

-- trigger tags zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.tags FOR EACH ROW EXECUTE FUNCTION parley.feed_tags();

-- trigger tool_executions zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.tool_executions FOR EACH ROW EXECUTE FUNCTION parley.feed_tool_executions();

-- trigger tool_transitions zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.tool_transitions FOR EACH ROW EXECUTE FUNCTION parley.feed_tool_transitions();

-- trigger usage_days zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.usage_days FOR EACH ROW EXECUTE FUNCTION parley.feed_usage_days();

-- trigger usage_logs zz_feed

CREATE TRIGGER zz_feed BEFORE DELETE OR UPDATE ON parley.usage_logs FOR EACH ROW EXECUTE FUNCTION parley.feed_usage_logs();

-- trigger usage_quotas zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.usage_quotas FOR EACH ROW EXECUTE FUNCTION parley.feed_usage_quotas();

-- trigger usage_reservations zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.usage_reservations FOR EACH ROW EXECUTE FUNCTION parley.feed_usage_reservations();

-- trigger user_settings zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.user_settings FOR EACH ROW EXECUTE FUNCTION parley.feed_user_settings();

-- trigger users zz_feed

CREATE TRIGGER zz_feed BEFORE INSERT OR DELETE OR UPDATE ON parley.users FOR EACH ROW EXECUTE FUNCTION parley.feed_users();

-- trigger conversations zz_feed_one

CREATE TRIGGER zz_feed_one BEFORE INSERT ON parley.conversations FOR EACH ROW WHEN ((new.version IS NULL)) EXECUTE FUNCTION parley.feed_conversations();

-- trigger usage_logs zz_feed_one

CREATE TRIGGER zz_feed_one BEFORE INSERT ON parley.usage_logs FOR EACH ROW WHEN ((new.version IS NULL)) EXECUTE FUNCTION parley.feed_usage_logs();

-- trigger conversations zz_rules

CREATE TRIGGER zz_rules BEFORE INSERT OR UPDATE OF auto_approval_settings, client_session, context_window, folder, max_messages, max_tokens, metadata, model, provider, system_prompt, temperature, title ON parley.conversations FOR EACH ROW EXECUTE FUNCTION parley.conversations_rules();

-- trigger messages zz_rules

CREATE TRIGGER zz_rules BEFORE INSERT OR UPDATE ON parley.messages FOR EACH ROW EXECUTE FUNCTION parley.messages_rules();

-- trigger usage_logs zz_rules

CREATE TRIGGER zz_rules BEFORE INSERT OR UPDATE ON parley.usage_logs FOR EACH ROW EXECUTE FUNCTION parley.usage_logs_rules();

-- trigger pgqueuer tg_pgqueuer_changed

CREATE TRIGGER tg_pgqueuer_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON parley_work.pgqueuer FOR EACH STATEMENT EXECUTE FUNCTION parley_work.fn_pgqueuer_changed();

-- fk constraint agent_tokens agent_tokens_user_id_fkey

ALTER TABLE ONLY parley.agent_tokens
    ADD CONSTRAINT agent_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint audit_entries audit_entries_user_id_fkey

ALTER TABLE ONLY parley.audit_entries
    ADD CONSTRAINT audit_entries_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint auto_approval_rules auto_approval_rules_conversation_id_exists

ALTER TABLE ONLY parley.auto_approval_rules
    ADD CONSTRAINT auto_approval_rules_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES parley.conversations(user_id, id);

-- comment CONSTRAINT auto_approval_rules_conversation_id_exists ON auto_approval_rules

COMMENT ON CONSTRAINT auto_approval_rules_conversation_id_exists ON parley.auto_approval_rules IS 'There is no such conversation.';

-- fk constraint auto_approval_rules auto_approval_rules_user_id_fkey

ALTER TABLE ONLY parley.auto_approval_rules
    ADD CONSTRAINT auto_approval_rules_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint auto_approval_settings auto_approval_settings_user_id_fkey

ALTER TABLE ONLY parley.auto_approval_settings
    ADD CONSTRAINT auto_approval_settings_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint context_optimization_messages context_optimization_messages_message_id_exists

ALTER TABLE ONLY parley.context_optimization_messages
    ADD CONSTRAINT context_optimization_messages_message_id_exists FOREIGN KEY (user_id, message_id) REFERENCES parley.messages(user_id, id);

-- fk constraint context_optimization_messages context_optimization_messages_optimization_exists

ALTER TABLE ONLY parley.context_optimization_messages
    ADD CONSTRAINT context_optimization_messages_optimization_exists FOREIGN KEY (user_id, context_optimization_id) REFERENCES parley.context_optimizations(user_id, id);

-- fk constraint context_optimizations context_optimizations_conversation_id_exists

ALTER TABLE ONLY parley.context_optimizations
    ADD CONSTRAINT context_optimizations_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES parley.conversations(user_id, id);

-- comment CONSTRAINT context_optimizations_conversation_id_exists ON context_optimizations

COMMENT ON CONSTRAINT context_optimizations_conversation_id_exists ON parley.context_optimizations IS 'There is no such conversation.';

-- fk constraint conversation_tags conversation_tags_conversation_id_exists

ALTER TABLE ONLY parley.conversation_tags
    ADD CONSTRAINT conversation_tags_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES parley.conversations(user_id, id);

-- comment CONSTRAINT conversation_tags_conversation_id_exists ON conversation_tags

COMMENT ON CONSTRAINT conversation_tags_conversation_id_exists ON parley.conversation_tags IS 'There is no such conversation.';

-- fk constraint conversation_tags conversation_tags_tag_id_exists

ALTER TABLE ONLY parley.conversation_tags
    ADD CONSTRAINT conversation_tags_tag_id_exists FOREIGN KEY (user_id, tag_id) REFERENCES parley.tags(user_id, id);

-- comment CONSTRAINT conversation_tags_tag_id_exists ON conversation_tags

COMMENT ON CONSTRAINT conversation_tags_tag_id_exists ON parley.conversation_tags IS 'There is no such tag.';

-- fk constraint conversations conversations_user_id_fkey

ALTER TABLE ONLY parley.conversations
    ADD CONSTRAINT conversations_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint data_keys data_keys_key_id_fkey

ALTER TABLE ONLY parley.data_keys
    ADD CONSTRAINT data_keys_key_id_fkey FOREIGN KEY (key_id) REFERENCES parley.key_encryption_keys(id);

-- fk constraint data_keys data_keys_user_id_fkey

ALTER TABLE ONLY parley.data_keys
    ADD CONSTRAINT data_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint export_parts export_parts_job_id_exists

ALTER TABLE ONLY parley.export_parts
    ADD CONSTRAINT export_parts_job_id_exists FOREIGN KEY (user_id, job_id) REFERENCES parley.jobs(user_id, id) ON DELETE CASCADE;

-- fk constraint jobs jobs_user_id_fkey

ALTER TABLE ONLY parley.jobs
    ADD CONSTRAINT jobs_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint known_tools known_tools_user_id_fkey

ALTER TABLE ONLY parley.known_tools
    ADD CONSTRAINT known_tools_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint llm_model_prices llm_model_prices_llm_model_id_exists

ALTER TABLE ONLY parley.llm_model_prices
    ADD CONSTRAINT llm_model_prices_llm_model_id_exists FOREIGN KEY (llm_model_id) REFERENCES parley.llm_models(id);

-- fk constraint message_feedback message_feedback_conversation_id_exists

ALTER TABLE ONLY parley.message_feedback
    ADD CONSTRAINT message_feedback_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES parley.conversations(user_id, id);

-- comment CONSTRAINT message_feedback_conversation_id_exists ON message_feedback

COMMENT ON CONSTRAINT message_feedback_conversation_id_exists ON parley.message_feedback IS 'There is no such conversation.';

-- fk constraint message_feedback message_feedback_message_id_exists

ALTER TABLE ONLY parley.message_feedback
    ADD CONSTRAINT message_feedback_message_id_exists FOREIGN KEY (user_id, conversation_id, message_id) REFERENCES parley.messages(user_id, conversation_id, id);

-- comment CONSTRAINT message_feedback_message_id_exists ON message_feedback

COMMENT ON CONSTRAINT message_feedback_message_id_exists ON parley.message_feedback IS 'There is no such message.';

-- fk constraint message_growths message_growths_message_id_exists

ALTER TABLE ONLY parley.message_growths
    ADD CONSTRAINT message_growths_message_id_exists FOREIGN KEY (user_id, message_id) REFERENCES parley.messages(user_id, id) ON DELETE CASCADE;

-- fk constraint message_pieces message_pieces_message_id_exists

ALTER TABLE ONLY parley.message_pieces
    ADD CONSTRAINT message_pieces_message_id_exists FOREIGN KEY (user_id, message_id) REFERENCES parley.message_growths(user_id, message_id) ON DELETE CASCADE;

-- fk constraint message_reactions message_reactions_conversation_id_exists

ALTER TABLE ONLY parley.message_reactions
    ADD CONSTRAINT message_reactions_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES parley.conversations(user_id, id);

-- comment CONSTRAINT message_reactions_conversation_id_exists ON message_reactions

COMMENT ON CONSTRAINT message_reactions_conversation_id_exists ON parley.message_reactions IS 'There is no such conversation.';

-- fk constraint message_reactions message_reactions_message_id_exists

ALTER TABLE ONLY parley.message_reactions
    ADD CONSTRAINT message_reactions_message_id_exists FOREIGN KEY (user_id, conversation_id, message_id) REFERENCES parley.messages(user_id, conversation_id, id);

-- comment CONSTRAINT message_reactions_message_id_exists ON message_reactions

COMMENT ON CONSTRAINT message_reactions_message_id_exists ON parley.message_reactions IS 'There is no such message.';

-- fk constraint messages messages_conversation_id_exists

ALTER TABLE ONLY parley.messages
    ADD CONSTRAINT messages_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES parley.conversations(user_id, id) NOT ENFORCED;

-- comment CONSTRAINT messages_conversation_id_exists ON messages

COMMENT ON CONSTRAINT messages_conversation_id_exists ON parley.messages IS 'There is no such conversation.';

-- fk constraint messages messages_parent_id_exists

ALTER TABLE ONLY parley.messages
    ADD CONSTRAINT messages_parent_id_exists FOREIGN KEY (user_id, conversation_id, parent_id) REFERENCES parley.messages(user_id, conversation_id, id);

-- comment CONSTRAINT messages_parent_id_exists ON messages

COMMENT ON CONSTRAINT messages_parent_id_exists ON parley.messages IS 'There is no such message in this conversation.';

-- fk constraint plan_subscriptions plan_subscriptions_user_id_fkey

ALTER TABLE ONLY parley.plan_subscriptions
    ADD CONSTRAINT plan_subscriptions_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint provider_configs provider_configs_user_id_fkey

ALTER TABLE ONLY parley.provider_configs
    ADD CONSTRAINT provider_configs_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint provider_keys provider_keys_provider_config_id_exists

ALTER TABLE ONLY parley.provider_keys
    ADD CONSTRAINT provider_keys_provider_config_id_exists FOREIGN KEY (user_id, provider_config_id) REFERENCES parley.provider_configs(user_id, id);

-- comment CONSTRAINT provider_keys_provider_config_id_exists ON provider_keys

COMMENT ON CONSTRAINT provider_keys_provider_config_id_exists ON parley.provider_keys IS 'There is no such provider configuration.';

-- fk constraint sealed_secrets sealed_secrets_user_id_fkey

ALTER TABLE ONLY parley.sealed_secrets
    ADD CONSTRAINT sealed_secrets_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint sessions sessions_user_id_fkey

ALTER TABLE ONLY parley.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint tags tags_user_id_fkey

ALTER TABLE ONLY parley.tags
    ADD CONSTRAINT tags_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint tool_executions tool_executions_conversation_id_exists

ALTER TABLE ONLY parley.tool_executions
    ADD CONSTRAINT tool_executions_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES parley.conversations(user_id, id);

-- comment CONSTRAINT tool_executions_conversation_id_exists ON tool_executions

COMMENT ON CONSTRAINT tool_executions_conversation_id_exists ON parley.tool_executions IS 'There is no such conversation.';

-- fk constraint tool_executions tool_executions_known_tool_id_exists

ALTER TABLE ONLY parley.tool_executions
    ADD CONSTRAINT tool_executions_known_tool_id_exists FOREIGN KEY (user_id, known_tool_id) REFERENCES parley.known_tools(user_id, id);

-- comment CONSTRAINT tool_executions_known_tool_id_exists ON tool_executions

COMMENT ON CONSTRAINT tool_executions_known_tool_id_exists ON parley.tool_executions IS 'There is no such known tool.';

-- fk constraint tool_executions tool_executions_message_id_exists

ALTER TABLE ONLY parley.tool_executions
    ADD CONSTRAINT tool_executions_message_id_exists FOREIGN KEY (user_id, conversation_id, message_id) REFERENCES parley.messages(user_id, conversation_id, id);

-- comment CONSTRAINT tool_executions_message_id_exists ON tool_executions

COMMENT ON CONSTRAINT tool_executions_message_id_exists ON parley.tool_executions IS 'There is no such message in this conversation.';

-- fk constraint tool_transitions tool_transitions_tool_execution_id_exists

ALTER TABLE ONLY parley.tool_transitions
    ADD CONSTRAINT tool_transitions_tool_execution_id_exists FOREIGN KEY (user_id, tool_execution_id) REFERENCES parley.tool_executions(user_id, id) DEFERRABLE INITIALLY DEFERRED;

-- fk constraint usage_days usage_days_user_id_fkey

ALTER TABLE ONLY parley.usage_days
    ADD CONSTRAINT usage_days_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint usage_logs usage_logs_api_key_id_exists

ALTER TABLE ONLY parley.usage_logs
    ADD CONSTRAINT usage_logs_api_key_id_exists FOREIGN KEY (user_id, api_key_id) REFERENCES parley.provider_keys(user_id, id);

-- comment CONSTRAINT usage_logs_api_key_id_exists ON usage_logs

COMMENT ON CONSTRAINT usage_logs_api_key_id_exists ON parley.usage_logs IS 'There is no such provider key.';

-- fk constraint usage_logs usage_logs_conversation_id_exists

ALTER TABLE ONLY parley.usage_logs
    ADD CONSTRAINT usage_logs_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES parley.conversations(user_id, id);

-- comment CONSTRAINT usage_logs_conversation_id_exists ON usage_logs

COMMENT ON CONSTRAINT usage_logs_conversation_id_exists ON parley.usage_logs IS 'There is no such conversation.';

-- fk constraint usage_logs usage_logs_message_id_exists

ALTER TABLE ONLY parley.usage_logs
    ADD CONSTRAINT usage_logs_message_id_exists FOREIGN KEY (user_id, conversation_id, message_id) REFERENCES parley.messages(user_id, conversation_id, id);

-- comment CONSTRAINT usage_logs_message_id_exists ON usage_logs

COMMENT ON CONSTRAINT usage_logs_message_id_exists ON parley.usage_logs IS 'There is no such message in this conversation.';

-- fk constraint usage_logs usage_logs_user_id_fkey

ALTER TABLE ONLY parley.usage_logs
    ADD CONSTRAINT usage_logs_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint usage_quotas usage_quotas_user_id_fkey

ALTER TABLE ONLY parley.usage_quotas
    ADD CONSTRAINT usage_quotas_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint usage_reservations usage_reservations_user_id_fkey

ALTER TABLE ONLY parley.usage_reservations
    ADD CONSTRAINT usage_reservations_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- fk constraint user_settings user_settings_user_id_fkey

ALTER TABLE ONLY parley.user_settings
    ADD CONSTRAINT user_settings_user_id_fkey FOREIGN KEY (user_id) REFERENCES parley.users(user_id);

-- row security agent_tokens

ALTER TABLE parley.agent_tokens ENABLE ROW LEVEL SECURITY;

-- policy audit_entries appending

CREATE POLICY appending ON parley.audit_entries FOR INSERT TO parley_owner WITH CHECK (true);

-- policy changes appending

CREATE POLICY appending ON parley.changes TO parley_owner USING (true);

-- policy feeds appending

CREATE POLICY appending ON parley.feeds TO parley_owner USING (true);

-- row security audit_entries

ALTER TABLE parley.audit_entries ENABLE ROW LEVEL SECURITY;

-- row security auto_approval_rules

ALTER TABLE parley.auto_approval_rules ENABLE ROW LEVEL SECURITY;

-- row security auto_approval_settings

ALTER TABLE parley.auto_approval_settings ENABLE ROW LEVEL SECURITY;

-- row security changes

ALTER TABLE parley.changes ENABLE ROW LEVEL SECURITY;

-- policy auto_approval_settings completing

CREATE POLICY completing ON parley.auto_approval_settings FOR INSERT TO parley_owner WITH CHECK (true);

-- policy user_settings completing

CREATE POLICY completing ON parley.user_settings FOR INSERT TO parley_owner WITH CHECK (true);

-- row security context_optimization_messages

ALTER TABLE parley.context_optimization_messages ENABLE ROW LEVEL SECURITY;

-- row security context_optimizations

ALTER TABLE parley.context_optimizations ENABLE ROW LEVEL SECURITY;

-- row security conversation_tags

ALTER TABLE parley.conversation_tags ENABLE ROW LEVEL SECURITY;

-- row security conversations

ALTER TABLE parley.conversations ENABLE ROW LEVEL SECURITY;

-- row security data_keys

ALTER TABLE parley.data_keys ENABLE ROW LEVEL SECURITY;

-- policy logins directory

CREATE POLICY directory ON parley.logins TO parley_owner USING (true);

-- policy agent_tokens expiring

CREATE POLICY expiring ON parley.agent_tokens FOR SELECT TO parley_owner USING (parley.is_background_work());

-- policy audit_entries expiring

CREATE POLICY expiring ON parley.audit_entries FOR SELECT TO parley_owner USING (parley.is_background_work());

-- policy jobs expiring

CREATE POLICY expiring ON parley.jobs FOR SELECT TO parley_owner USING (parley.is_background_work());

-- policy sessions expiring

CREATE POLICY expiring ON parley.sessions FOR SELECT TO parley_owner USING (parley.is_background_work());

-- policy usage_reservations expiring

CREATE POLICY expiring ON parley.usage_reservations FOR SELECT TO parley_owner USING (parley.is_background_work());

-- row security export_parts

ALTER TABLE parley.export_parts ENABLE ROW LEVEL SECURITY;

-- row security feed_ages

ALTER TABLE parley.feed_ages ENABLE ROW LEVEL SECURITY;

-- row security feeds

ALTER TABLE parley.feeds ENABLE ROW LEVEL SECURITY;

-- policy auto_approval_rules finding

CREATE POLICY finding ON parley.auto_approval_rules FOR SELECT TO parley_owner USING (((deleted_at IS NOT NULL) AND parley.is_background_work()));

-- policy conversation_tags finding

CREATE POLICY finding ON parley.conversation_tags FOR SELECT TO parley_owner USING (((deleted_at IS NOT NULL) AND parley.is_background_work()));

-- policy conversations finding

CREATE POLICY finding ON parley.conversations FOR SELECT TO parley_owner USING (((deleted_at IS NOT NULL) AND parley.is_background_work()));

-- policy jobs finding

CREATE POLICY finding ON parley.jobs FOR SELECT TO parley_owner USING (true);

-- policy message_feedback finding

CREATE POLICY finding ON parley.message_feedback FOR SELECT TO parley_owner USING (((deleted_at IS NOT NULL) AND parley.is_background_work()));

-- policy message_reactions finding

CREATE POLICY finding ON parley.message_reactions FOR SELECT TO parley_owner USING (((deleted_at IS NOT NULL) AND parley.is_background_work()));

-- policy messages finding

CREATE POLICY finding ON parley.messages FOR SELECT TO parley_owner USING (((deleted_at IS NOT NULL) AND parley.is_background_work()));

-- policy provider_configs finding

CREATE POLICY finding ON parley.provider_configs FOR SELECT TO parley_owner USING (((deleted_at IS NOT NULL) AND parley.is_background_work()));

-- policy purges finding

CREATE POLICY finding ON parley.purges FOR SELECT TO parley_owner USING (parley.is_background_work());

-- policy tags finding

CREATE POLICY finding ON parley.tags FOR SELECT TO parley_owner USING (((deleted_at IS NOT NULL) AND parley.is_background_work()));

-- policy tool_executions finding

CREATE POLICY finding ON parley.tool_executions FOR SELECT TO parley_owner USING (((deleted_at IS NOT NULL) AND parley.is_background_work()));

-- policy usage_quotas finding

CREATE POLICY finding ON parley.usage_quotas FOR SELECT TO parley_owner USING (((deleted_at IS NOT NULL) AND parley.is_background_work()));

-- policy user_settings finding

CREATE POLICY finding ON parley.user_settings FOR SELECT TO parley_owner USING (true);

-- row security jobs

ALTER TABLE parley.jobs ENABLE ROW LEVEL SECURITY;

-- policy export_parts keeping

CREATE POLICY keeping ON parley.export_parts TO parley_owner USING (true);

-- policy feed_ages keeping

CREATE POLICY keeping ON parley.feed_ages TO parley_owner USING (true);

-- policy leases keeping

CREATE POLICY keeping ON parley.leases TO parley_owner USING (true);

-- policy plan_quotas keeping

CREATE POLICY keeping ON parley.plan_quotas TO parley_owner USING (true);

-- policy usage_day_parts keeping

CREATE POLICY keeping ON parley.usage_day_parts TO parley_owner USING (true);

-- policy usage_quarter_hours keeping

CREATE POLICY keeping ON parley.usage_quarter_hours TO parley_owner USING (true);

-- policy webhook_events keeping

CREATE POLICY keeping ON parley.webhook_events TO parley_owner USING (true);

-- row security known_tools

ALTER TABLE parley.known_tools ENABLE ROW LEVEL SECURITY;

-- row security leases

ALTER TABLE parley.leases ENABLE ROW LEVEL SECURITY;

-- row security logins

ALTER TABLE parley.logins ENABLE ROW LEVEL SECURITY;

-- row security message_feedback

ALTER TABLE parley.message_feedback ENABLE ROW LEVEL SECURITY;

-- row security message_growths

ALTER TABLE parley.message_growths ENABLE ROW LEVEL SECURITY;

-- row security message_pieces

ALTER TABLE parley.message_pieces ENABLE ROW LEVEL SECURITY;

-- row security message_reactions

ALTER TABLE parley.message_reactions ENABLE ROW LEVEL SECURITY;

-- row security messages

ALTER TABLE parley.messages ENABLE ROW LEVEL SECURITY;

-- row security plan_quotas

ALTER TABLE parley.plan_quotas ENABLE ROW LEVEL SECURITY;

-- row security plan_subscriptions

ALTER TABLE parley.plan_subscriptions ENABLE ROW LEVEL SECURITY;

-- row security provider_configs

ALTER TABLE parley.provider_configs ENABLE ROW LEVEL SECURITY;

-- row security provider_keys

ALTER TABLE parley.provider_keys ENABLE ROW LEVEL SECURITY;

-- row security purges

ALTER TABLE parley.purges ENABLE ROW LEVEL SECURITY;

-- policy auto_approval_settings reading

CREATE POLICY reading ON parley.auto_approval_settings FOR SELECT TO parley_owner USING (true);

-- policy usage_quotas reading

CREATE POLICY reading ON parley.usage_quotas FOR SELECT TO parley_owner USING (true);

-- policy usage_reservations reading

CREATE POLICY reading ON parley.usage_reservations FOR SELECT TO parley_owner USING (true);

-- policy user_settings reading

CREATE POLICY reading ON parley.user_settings FOR SELECT TO parley_owner USING (true);

-- policy users reading

CREATE POLICY reading ON parley.users FOR SELECT TO parley_owner USING (true);

-- policy usage_days reporting

CREATE POLICY reporting ON parley.usage_days FOR SELECT TO parley_owner USING (parley.is_background_work());

-- policy data_keys rotating

CREATE POLICY rotating ON parley.data_keys TO parley_owner USING (parley.is_background_work());

-- row security sealed_secrets

ALTER TABLE parley.sealed_secrets ENABLE ROW LEVEL SECURITY;

-- row security sessions

ALTER TABLE parley.sessions ENABLE ROW LEVEL SECURITY;

-- row security tags

ALTER TABLE parley.tags ENABLE ROW LEVEL SECURITY;

-- policy agent_tokens tenant

CREATE POLICY tenant ON parley.agent_tokens USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy audit_entries tenant

CREATE POLICY tenant ON parley.audit_entries USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy auto_approval_rules tenant

CREATE POLICY tenant ON parley.auto_approval_rules USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy auto_approval_settings tenant

CREATE POLICY tenant ON parley.auto_approval_settings USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy changes tenant

CREATE POLICY tenant ON parley.changes FOR SELECT USING ((user_id = ANY (( SELECT parley.feed_tenants() AS feed_tenants)::uuid[])));

-- policy context_optimization_messages tenant

CREATE POLICY tenant ON parley.context_optimization_messages USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy context_optimizations tenant

CREATE POLICY tenant ON parley.context_optimizations USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy conversation_tags tenant

CREATE POLICY tenant ON parley.conversation_tags USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy conversations tenant

CREATE POLICY tenant ON parley.conversations TO parley_runtime USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy data_keys tenant

CREATE POLICY tenant ON parley.data_keys USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy export_parts tenant

CREATE POLICY tenant ON parley.export_parts TO parley_runtime USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy feed_ages tenant

CREATE POLICY tenant ON parley.feed_ages TO parley_runtime USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy feeds tenant

CREATE POLICY tenant ON parley.feeds FOR SELECT USING ((user_id = ANY (( SELECT parley.feed_tenants() AS feed_tenants)::uuid[])));

-- policy jobs tenant

CREATE POLICY tenant ON parley.jobs USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy known_tools tenant

CREATE POLICY tenant ON parley.known_tools USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy leases tenant

CREATE POLICY tenant ON parley.leases TO parley_runtime USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy message_feedback tenant

CREATE POLICY tenant ON parley.message_feedback USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy message_growths tenant

CREATE POLICY tenant ON parley.message_growths USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy message_pieces tenant

CREATE POLICY tenant ON parley.message_pieces USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy message_reactions tenant

CREATE POLICY tenant ON parley.message_reactions USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy messages tenant

CREATE POLICY tenant ON parley.messages USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy plan_subscriptions tenant

CREATE POLICY tenant ON parley.plan_subscriptions USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy provider_configs tenant

CREATE POLICY tenant ON parley.provider_configs USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy provider_keys tenant

CREATE POLICY tenant ON parley.provider_keys USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy purges tenant

CREATE POLICY tenant ON parley.purges USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy sealed_secrets tenant

CREATE POLICY tenant ON parley.sealed_secrets USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy sessions tenant

CREATE POLICY tenant ON parley.sessions USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy tags tenant

CREATE POLICY tenant ON parley.tags USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy tool_executions tenant

CREATE POLICY tenant ON parley.tool_executions USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy tool_transitions tenant

CREATE POLICY tenant ON parley.tool_transitions USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy usage_day_parts tenant

CREATE POLICY tenant ON parley.usage_day_parts TO parley_runtime USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy usage_days tenant

CREATE POLICY tenant ON parley.usage_days USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy usage_logs tenant

CREATE POLICY tenant ON parley.usage_logs USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy usage_quarter_hours tenant

CREATE POLICY tenant ON parley.usage_quarter_hours TO parley_runtime USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy usage_quotas tenant

CREATE POLICY tenant ON parley.usage_quotas USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy usage_reservations tenant

CREATE POLICY tenant ON parley.usage_reservations USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy user_settings tenant

CREATE POLICY tenant ON parley.user_settings USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy users tenant

CREATE POLICY tenant ON parley.users USING ((user_id = ( SELECT parley.tenant() AS tenant)));

-- policy conversations tenant_of_trigger

CREATE POLICY tenant_of_trigger ON parley.conversations TO parley_owner USING ((NOT (user_id IS DISTINCT FROM parley.tenant())));

-- row security tool_executions

ALTER TABLE parley.tool_executions ENABLE ROW LEVEL SECURITY;

-- row security tool_transitions

ALTER TABLE parley.tool_transitions ENABLE ROW LEVEL SECURITY;

-- row security usage_day_parts

ALTER TABLE parley.usage_day_parts ENABLE ROW LEVEL SECURITY;

-- row security usage_days

ALTER TABLE parley.usage_days ENABLE ROW LEVEL SECURITY;

-- row security usage_logs

ALTER TABLE parley.usage_logs ENABLE ROW LEVEL SECURITY;

-- row security usage_quarter_hours

ALTER TABLE parley.usage_quarter_hours ENABLE ROW LEVEL SECURITY;

-- row security usage_quotas

ALTER TABLE parley.usage_quotas ENABLE ROW LEVEL SECURITY;

-- row security usage_reservations

ALTER TABLE parley.usage_reservations ENABLE ROW LEVEL SECURITY;

-- row security user_settings

ALTER TABLE parley.user_settings ENABLE ROW LEVEL SECURITY;

-- row security users

ALTER TABLE parley.users ENABLE ROW LEVEL SECURITY;

-- row security webhook_events

ALTER TABLE parley.webhook_events ENABLE ROW LEVEL SECURITY;

-- policy pgqueuer keeping

CREATE POLICY keeping ON parley_work.pgqueuer TO parley_owner USING (true);

-- policy pgqueuer_log keeping

CREATE POLICY keeping ON parley_work.pgqueuer_log TO parley_owner USING (true);

-- policy pgqueuer_schedules keeping

CREATE POLICY keeping ON parley_work.pgqueuer_schedules TO parley_owner USING (true);

-- policy pgqueuer_statistics keeping

CREATE POLICY keeping ON parley_work.pgqueuer_statistics TO parley_owner USING (true);

-- row security pgqueuer

ALTER TABLE parley_work.pgqueuer ENABLE ROW LEVEL SECURITY;

-- row security pgqueuer_log

ALTER TABLE parley_work.pgqueuer_log ENABLE ROW LEVEL SECURITY;

-- row security pgqueuer_schedules

ALTER TABLE parley_work.pgqueuer_schedules ENABLE ROW LEVEL SECURITY;

-- row security pgqueuer_statistics

ALTER TABLE parley_work.pgqueuer_statistics ENABLE ROW LEVEL SECURITY;

-- policy pgqueuer working

CREATE POLICY working ON parley_work.pgqueuer TO parley_runtime USING ((( SELECT current_setting('app.work'::text, true) AS current_setting) = 'on'::text));

-- policy pgqueuer_log working

CREATE POLICY working ON parley_work.pgqueuer_log TO parley_runtime USING ((( SELECT current_setting('app.work'::text, true) AS current_setting) = 'on'::text));

-- policy pgqueuer_schedules working

CREATE POLICY working ON parley_work.pgqueuer_schedules TO parley_runtime USING ((( SELECT current_setting('app.work'::text, true) AS current_setting) = 'on'::text));

-- policy pgqueuer_statistics working

CREATE POLICY working ON parley_work.pgqueuer_statistics TO parley_runtime USING ((( SELECT current_setting('app.work'::text, true) AS current_setting) = 'on'::text));

-- acl SCHEMA parley

GRANT USAGE ON SCHEMA parley TO parley_runtime;

-- acl SCHEMA parley_work

GRANT USAGE ON SCHEMA parley_work TO parley_runtime;

-- acl FUNCTION about_approval(metadata jsonb)

REVOKE ALL ON FUNCTION parley.about_approval(metadata jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.about_approval(metadata jsonb) TO parley_runtime;

-- acl FUNCTION account_is_due(account uuid)

REVOKE ALL ON FUNCTION parley.account_is_due(account uuid) FROM PUBLIC;

-- acl FUNCTION account_purge(most integer)

REVOKE ALL ON FUNCTION parley.account_purge(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.account_purge(most integer) TO parley_runtime;

-- acl FUNCTION account_purge_rows(account uuid, most integer)

REVOKE ALL ON FUNCTION parley.account_purge_rows(account uuid, most integer) FROM PUBLIC;

-- acl FUNCTION act_for(account uuid)

REVOKE ALL ON FUNCTION parley.act_for(account uuid) FROM PUBLIC;

-- acl FUNCTION actor()

REVOKE ALL ON FUNCTION parley.actor() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.actor() TO parley_runtime;

-- acl FUNCTION actor_agent_token()

REVOKE ALL ON FUNCTION parley.actor_agent_token() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.actor_agent_token() TO parley_runtime;

-- acl FUNCTION actor_session()

REVOKE ALL ON FUNCTION parley.actor_session() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.actor_session() TO parley_runtime;

-- acl FUNCTION add_audit(table_name text, action text, kinds text[], of text[], shown text[], condition text, each text, inserted text)

REVOKE ALL ON FUNCTION parley.add_audit(table_name text, action text, kinds text[], of text[], shown text[], condition text, each text, inserted text) FROM PUBLIC;

-- acl FUNCTION add_bulk_insert(table_name text, carry text[], sums text, fills text)

REVOKE ALL ON FUNCTION parley.add_bulk_insert(table_name text, carry text[], sums text, fills text) FROM PUBLIC;

-- acl FUNCTION add_expiry(table_name text, moment text, kept interval)

REVOKE ALL ON FUNCTION parley.add_expiry(table_name text, moment text, kept interval) FROM PUBLIC;

-- acl FUNCTION add_feed(table_name text, statements text)

REVOKE ALL ON FUNCTION parley.add_feed(table_name text, statements text) FROM PUBLIC;

-- acl FUNCTION add_feed_lock(table_name text, statements text)

REVOKE ALL ON FUNCTION parley.add_feed_lock(table_name text, statements text) FROM PUBLIC;

-- acl FUNCTION add_future(table_name text, column_name text)

REVOKE ALL ON FUNCTION parley.add_future(table_name text, column_name text) FROM PUBLIC;

-- acl FUNCTION add_link(table_name text, key text, parent text, reason text, order_by text, sharing text)

REVOKE ALL ON FUNCTION parley.add_link(table_name text, key text, parent text, reason text, order_by text, sharing text) FROM PUBLIC;

-- acl FUNCTION add_list_rule(table_name text, column_name text, most integer, length integer, members json, reason text)

REVOKE ALL ON FUNCTION parley.add_list_rule(table_name text, column_name text, most integer, length integer, members json, reason text) FROM PUBLIC;

-- acl FUNCTION add_most(table_name text, most integer, reason text, counted text, within text)

REVOKE ALL ON FUNCTION parley.add_most(table_name text, most integer, reason text, counted text, within text) FROM PUBLIC;

-- acl FUNCTION add_only_one(table_name text, flag text, reason text, within text)

REVOKE ALL ON FUNCTION parley.add_only_one(table_name text, flag text, reason text, within text) FROM PUBLIC;

-- acl FUNCTION add_rank(table_name text, column_name text, members text[])

REVOKE ALL ON FUNCTION parley.add_rank(table_name text, column_name text, members text[]) FROM PUBLIC;

-- acl FUNCTION add_removal(table_name text)

REVOKE ALL ON FUNCTION parley.add_removal(table_name text) FROM PUBLIC;

-- acl FUNCTION add_rollup(parent text, column_name text, of text, by text, sum text, last text, in_order text)

REVOKE ALL ON FUNCTION parley.add_rollup(parent text, column_name text, of text, by text, sum text, last text, in_order text) FROM PUBLIC;

-- acl FUNCTION add_rule(table_name text, name text, condition text, reason text)

REVOKE ALL ON FUNCTION parley.add_rule(table_name text, name text, condition text, reason text) FROM PUBLIC;

-- acl FUNCTION add_secret(table_name text, column_name text)

REVOKE ALL ON FUNCTION parley.add_secret(table_name text, column_name text) FROM PUBLIC;

-- acl FUNCTION add_touch(table_name text, keys text[], kinds text[])

REVOKE ALL ON FUNCTION parley.add_touch(table_name text, keys text[], kinds text[]) FROM PUBLIC;

-- acl FUNCTION add_trash(table_name text)

REVOKE ALL ON FUNCTION parley.add_trash(table_name text) FROM PUBLIC;

-- acl FUNCTION add_unique(table_name text, name text, columns text, reason text)

REVOKE ALL ON FUNCTION parley.add_unique(table_name text, name text, columns text, reason text) FROM PUBLIC;

-- acl FUNCTION add_usual_columns(table_name text, without text[])

REVOKE ALL ON FUNCTION parley.add_usual_columns(table_name text, without text[]) FROM PUBLIC;

-- acl FUNCTION agent_tokens_audit_token_created()

REVOKE ALL ON FUNCTION parley.agent_tokens_audit_token_created() FROM PUBLIC;

-- acl FUNCTION agent_tokens_audit_token_revoked()

REVOKE ALL ON FUNCTION parley.agent_tokens_audit_token_revoked() FROM PUBLIC;

-- acl FUNCTION agent_tokens_expire(after interval, most integer)

REVOKE ALL ON FUNCTION parley.agent_tokens_expire(after interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.agent_tokens_expire(after interval, most integer) TO parley_runtime;

-- acl FUNCTION agent_tokens_most()

REVOKE ALL ON FUNCTION parley.agent_tokens_most() FROM PUBLIC;

-- acl FUNCTION agent_tokens_record_use(ids uuid[])

REVOKE ALL ON FUNCTION parley.agent_tokens_record_use(ids uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.agent_tokens_record_use(ids uuid[]) TO parley_runtime;

-- acl FUNCTION agent_tokens_stay_revoked()

REVOKE ALL ON FUNCTION parley.agent_tokens_stay_revoked() FROM PUBLIC;

-- acl FUNCTION approval_are_of(hosts text, host text)

REVOKE ALL ON FUNCTION parley.approval_are_of(hosts text, host text) FROM PUBLIC;

-- acl FUNCTION approval_argument(value jsonb)

REVOKE ALL ON FUNCTION parley.approval_argument(value jsonb) FROM PUBLIC;

-- acl FUNCTION approval_arguments_mistake(arguments jsonb)

REVOKE ALL ON FUNCTION parley.approval_arguments_mistake(arguments jsonb) FROM PUBLIC;

-- acl FUNCTION approval_decide(owner_id uuid, conversation uuid, tool text, arguments jsonb, estimate numeric, explains boolean)

REVOKE ALL ON FUNCTION parley.approval_decide(owner_id uuid, conversation uuid, tool text, arguments jsonb, estimate numeric, explains boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.approval_decide(owner_id uuid, conversation uuid, tool text, arguments jsonb, estimate numeric, explains boolean) TO parley_runtime;

-- acl FUNCTION approval_expanded(commands text, is_path boolean)

REVOKE ALL ON FUNCTION parley.approval_expanded(commands text, is_path boolean) FROM PUBLIC;

-- acl FUNCTION approval_fold(value text, slashes boolean)

REVOKE ALL ON FUNCTION parley.approval_fold(value text, slashes boolean) FROM PUBLIC;

-- acl FUNCTION approval_host_reading(arguments jsonb)

REVOKE ALL ON FUNCTION parley.approval_host_reading(arguments jsonb) FROM PUBLIC;

-- acl FUNCTION approval_inapplicable(of_conversation uuid, expires_at timestamp with time zone, conversation uuid, at timestamp with time zone)

REVOKE ALL ON FUNCTION parley.approval_inapplicable(of_conversation uuid, expires_at timestamp with time zone, conversation uuid, at timestamp with time zone) FROM PUBLIC;

-- acl FUNCTION approval_is_path(pattern text)

REVOKE ALL ON FUNCTION parley.approval_is_path(pattern text) FROM PUBLIC;

-- acl FUNCTION approval_is_unreadable(value jsonb)

REVOKE ALL ON FUNCTION parley.approval_is_unreadable(value jsonb) FROM PUBLIC;

-- acl FUNCTION approval_label(tool_name text, arguments jsonb, host text)

REVOKE ALL ON FUNCTION parley.approval_label(tool_name text, arguments jsonb, host text) FROM PUBLIC;

-- acl FUNCTION approval_letters(value text, most integer)

REVOKE ALL ON FUNCTION parley.approval_letters(value text, most integer) FROM PUBLIC;

-- acl FUNCTION approval_like(pattern text)

REVOKE ALL ON FUNCTION parley.approval_like(pattern text) FROM PUBLIC;

-- acl FUNCTION approval_may_match(reading text, pattern_like text)

REVOKE ALL ON FUNCTION parley.approval_may_match(reading text, pattern_like text) FROM PUBLIC;

-- acl FUNCTION approval_mentions(reading text, host text)

REVOKE ALL ON FUNCTION parley.approval_mentions(reading text, host text) FROM PUBLIC;

-- acl FUNCTION approval_mismatch(effect text, ignore_case boolean, pointers text[], likes text[], regexes text[], host text, keys text[], readings text[], arguments jsonb)

REVOKE ALL ON FUNCTION parley.approval_mismatch(effect text, ignore_case boolean, pointers text[], likes text[], regexes text[], host text, keys text[], readings text[], arguments jsonb) FROM PUBLIC;

-- acl FUNCTION approval_misses(owner_id uuid, conversation uuid, tool text, arguments jsonb, outcome text, decisive uuid)

REVOKE ALL ON FUNCTION parley.approval_misses(owner_id uuid, conversation uuid, tool text, arguments jsonb, outcome text, decisive uuid) FROM PUBLIC;

-- acl FUNCTION approval_near_miss(key text, arguments jsonb, value text, pattern_like text)

REVOKE ALL ON FUNCTION parley.approval_near_miss(key text, arguments jsonb, value text, pattern_like text) FROM PUBLIC;

-- acl FUNCTION approval_oddity(value text, is_path boolean)

REVOKE ALL ON FUNCTION parley.approval_oddity(value text, is_path boolean) FROM PUBLIC;

-- acl FUNCTION approval_path(path text)

REVOKE ALL ON FUNCTION parley.approval_path(path text) FROM PUBLIC;

-- acl FUNCTION approval_read(key text, arguments jsonb)

REVOKE ALL ON FUNCTION parley.approval_read(key text, arguments jsonb) FROM PUBLIC;

-- acl FUNCTION approval_readings(value text, is_path boolean)

REVOKE ALL ON FUNCTION parley.approval_readings(value text, is_path boolean) FROM PUBLIC;

-- acl FUNCTION approval_regex(pattern text)

REVOKE ALL ON FUNCTION parley.approval_regex(pattern text) FROM PUBLIC;

-- acl FUNCTION approval_rule_for(owner_id uuid, conversation uuid, tool text, arguments jsonb, cost numeric)

REVOKE ALL ON FUNCTION parley.approval_rule_for(owner_id uuid, conversation uuid, tool text, arguments jsonb, cost numeric) FROM PUBLIC;

-- acl FUNCTION approval_spent(owner_id uuid)

REVOKE ALL ON FUNCTION parley.approval_spent(owner_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.approval_spent(owner_id uuid) TO parley_runtime;

-- acl FUNCTION approval_urls(arguments jsonb, host text, OUT hosts text, OUT mistake text)

REVOKE ALL ON FUNCTION parley.approval_urls(arguments jsonb, host text, OUT hosts text, OUT mistake text) FROM PUBLIC;

-- acl FUNCTION approval_visible(value text)

REVOKE ALL ON FUNCTION parley.approval_visible(value text) FROM PUBLIC;

-- acl FUNCTION audit_differs(columns text[], each text)

REVOKE ALL ON FUNCTION parley.audit_differs(columns text[], each text) FROM PUBLIC;

-- acl FUNCTION audit_entries_expire(after interval, most integer)

REVOKE ALL ON FUNCTION parley.audit_entries_expire(after interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.audit_entries_expire(after interval, most integer) TO parley_runtime;

-- acl FUNCTION audit_entries_stay()

REVOKE ALL ON FUNCTION parley.audit_entries_stay() FROM PUBLIC;

-- acl FUNCTION audit_kept()

REVOKE ALL ON FUNCTION parley.audit_kept() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.audit_kept() TO parley_runtime;

-- acl FUNCTION audit_subject(table_name text)

REVOKE ALL ON FUNCTION parley.audit_subject(table_name text) FROM PUBLIC;

-- acl FUNCTION audit_write(owner_id uuid, action text, entity text, entity_id uuid, changes jsonb, address inet)

REVOKE ALL ON FUNCTION parley.audit_write(owner_id uuid, action text, entity text, entity_id uuid, changes jsonb, address inet) FROM PUBLIC;

-- acl FUNCTION auto_approval_rules_audit_approval_rule_changed()

REVOKE ALL ON FUNCTION parley.auto_approval_rules_audit_approval_rule_changed() FROM PUBLIC;

-- acl FUNCTION auto_approval_rules_compile()

REVOKE ALL ON FUNCTION parley.auto_approval_rules_compile() FROM PUBLIC;

-- acl FUNCTION auto_approval_rules_links()

REVOKE ALL ON FUNCTION parley.auto_approval_rules_links() FROM PUBLIC;

-- acl FUNCTION auto_approval_settings_audit_settings_changed()

REVOKE ALL ON FUNCTION parley.auto_approval_settings_audit_settings_changed() FROM PUBLIC;

-- acl FUNCTION canonical_name(name text)

REVOKE ALL ON FUNCTION parley.canonical_name(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.canonical_name(name text) TO parley_runtime;

-- acl FUNCTION carried(subject text, names text[])

REVOKE ALL ON FUNCTION parley.carried(subject text, names text[]) FROM PUBLIC;

-- acl FUNCTION change_conversation_tags(joined_id uuid, ids uuid[], how text)

REVOKE ALL ON FUNCTION parley.change_conversation_tags(joined_id uuid, ids uuid[], how text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.change_conversation_tags(joined_id uuid, ids uuid[], how text) TO parley_runtime;

-- acl FUNCTION children_of(table_name text)

REVOKE ALL ON FUNCTION parley.children_of(table_name text) FROM PUBLIC;

-- acl FUNCTION columns_without(privilege text, table_name text)

REVOKE ALL ON FUNCTION parley.columns_without(privilege text, table_name text) FROM PUBLIC;

-- acl FUNCTION uuid7()

REVOKE ALL ON FUNCTION parley.uuid7() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.uuid7() TO parley_runtime;

-- acl TABLE messages

GRANT SELECT,UPDATE ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.user_id

GRANT INSERT(user_id) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.id

GRANT INSERT(id) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.conversation_id

GRANT INSERT(conversation_id) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.parent_id

GRANT INSERT(parent_id) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.role

GRANT INSERT(role) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.content

GRANT INSERT(content) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.status

GRANT INSERT(status) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.token_count

GRANT INSERT(token_count) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.model

GRANT INSERT(model) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.finish_reason

GRANT INSERT(finish_reason) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.processing_ms

GRANT INSERT(processing_ms) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.relevance_score

GRANT INSERT(relevance_score) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.images

GRANT INSERT(images) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.files

GRANT INSERT(files) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.provider_metadata

GRANT INSERT(provider_metadata) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.created_at

GRANT INSERT(created_at) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.updated_at

GRANT INSERT(updated_at) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.deleted_at

GRANT INSERT(deleted_at) ON TABLE parley.messages TO parley_runtime;

-- acl COLUMN messages.request_hash

GRANT INSERT(request_hash) ON TABLE parley.messages TO parley_runtime;

-- acl FUNCTION content_so_far(message parley.messages)

REVOKE ALL ON FUNCTION parley.content_so_far(message parley.messages) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.content_so_far(message parley.messages) TO parley_runtime;

-- acl FUNCTION context_optimization_messages_links()

REVOKE ALL ON FUNCTION parley.context_optimization_messages_links() FROM PUBLIC;

-- acl FUNCTION context_optimizations_links()

REVOKE ALL ON FUNCTION parley.context_optimizations_links() FROM PUBLIC;

-- acl FUNCTION context_window_of(provider text, model text)

REVOKE ALL ON FUNCTION parley.context_window_of(provider text, model text) FROM PUBLIC;

-- acl FUNCTION conversation_tags_links()

REVOKE ALL ON FUNCTION parley.conversation_tags_links() FROM PUBLIC;

-- acl FUNCTION conversation_tags_rollup_tag()

REVOKE ALL ON FUNCTION parley.conversation_tags_rollup_tag() FROM PUBLIC;

-- acl FUNCTION conversation_tags_touch()

REVOKE ALL ON FUNCTION parley.conversation_tags_touch() FROM PUBLIC;

-- acl FUNCTION conversations_audit_settings_changed()

REVOKE ALL ON FUNCTION parley.conversations_audit_settings_changed() FROM PUBLIC;

-- acl FUNCTION conversations_change()

REVOKE ALL ON FUNCTION parley.conversations_change() FROM PUBLIC;

-- acl FUNCTION conversations_enter()

REVOKE ALL ON FUNCTION parley.conversations_enter() FROM PUBLIC;

-- acl FUNCTION conversations_fit_window()

REVOKE ALL ON FUNCTION parley.conversations_fit_window() FROM PUBLIC;

-- acl FUNCTION conversations_guard_approval()

REVOKE ALL ON FUNCTION parley.conversations_guard_approval() FROM PUBLIC;

-- acl FUNCTION conversations_leave()

REVOKE ALL ON FUNCTION parley.conversations_leave() FROM PUBLIC;

-- acl FUNCTION conversations_override()

REVOKE ALL ON FUNCTION parley.conversations_override() FROM PUBLIC;

-- acl FUNCTION conversations_rules()

REVOKE ALL ON FUNCTION parley.conversations_rules() FROM PUBLIC;

-- acl FUNCTION data_key_keep(wrapped_by text, new_wrapped bytea)

REVOKE ALL ON FUNCTION parley.data_key_keep(wrapped_by text, new_wrapped bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.data_key_keep(wrapped_by text, new_wrapped bytea) TO parley_runtime;

-- acl FUNCTION data_key_of()

REVOKE ALL ON FUNCTION parley.data_key_of() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.data_key_of() TO parley_runtime;

-- acl FUNCTION data_keys_rewrap(user_ids uuid[], old_wrapped bytea[], newest text, new_wrapped bytea[])

REVOKE ALL ON FUNCTION parley.data_keys_rewrap(user_ids uuid[], old_wrapped bytea[], newest text, new_wrapped bytea[]) FROM PUBLIC;

-- acl FUNCTION delete_for_good(table_name text)

REVOKE ALL ON FUNCTION parley.delete_for_good(table_name text) FROM PUBLIC;

-- acl FUNCTION end_abandoned_work()

REVOKE ALL ON FUNCTION parley.end_abandoned_work() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.end_abandoned_work() TO parley_runtime;

-- acl FUNCTION exports_expire(keep interval, most integer)

REVOKE ALL ON FUNCTION parley.exports_expire(keep interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.exports_expire(keep interval, most integer) TO parley_runtime;

-- acl FUNCTION feed_agent_tokens()

REVOKE ALL ON FUNCTION parley.feed_agent_tokens() FROM PUBLIC;

-- acl FUNCTION feed_audit_entries()

REVOKE ALL ON FUNCTION parley.feed_audit_entries() FROM PUBLIC;

-- acl FUNCTION feed_auto_approval_rules()

REVOKE ALL ON FUNCTION parley.feed_auto_approval_rules() FROM PUBLIC;

-- acl FUNCTION feed_auto_approval_settings()

REVOKE ALL ON FUNCTION parley.feed_auto_approval_settings() FROM PUBLIC;

-- acl FUNCTION feed_context_optimization_messages()

REVOKE ALL ON FUNCTION parley.feed_context_optimization_messages() FROM PUBLIC;

-- acl FUNCTION feed_context_optimizations()

REVOKE ALL ON FUNCTION parley.feed_context_optimizations() FROM PUBLIC;

-- acl FUNCTION feed_conversation_tags()

REVOKE ALL ON FUNCTION parley.feed_conversation_tags() FROM PUBLIC;

-- acl FUNCTION feed_conversations()

REVOKE ALL ON FUNCTION parley.feed_conversations() FROM PUBLIC;

-- acl FUNCTION feed_function(table_name text, carry text[])

REVOKE ALL ON FUNCTION parley.feed_function(table_name text, carry text[]) FROM PUBLIC;

-- acl FUNCTION feed_jobs()

REVOKE ALL ON FUNCTION parley.feed_jobs() FROM PUBLIC;

-- acl FUNCTION feed_known_tools()

REVOKE ALL ON FUNCTION parley.feed_known_tools() FROM PUBLIC;

-- acl FUNCTION feed_lock()

REVOKE ALL ON FUNCTION parley.feed_lock() FROM PUBLIC;

-- acl FUNCTION feed_message_feedback()

REVOKE ALL ON FUNCTION parley.feed_message_feedback() FROM PUBLIC;

-- acl FUNCTION feed_message_reactions()

REVOKE ALL ON FUNCTION parley.feed_message_reactions() FROM PUBLIC;

-- acl FUNCTION feed_messages()

REVOKE ALL ON FUNCTION parley.feed_messages() FROM PUBLIC;

-- acl FUNCTION feed_missing(owner_id uuid)

REVOKE ALL ON FUNCTION parley.feed_missing(owner_id uuid) FROM PUBLIC;

-- acl FUNCTION feed_plan_subscriptions()

REVOKE ALL ON FUNCTION parley.feed_plan_subscriptions() FROM PUBLIC;

-- acl FUNCTION feed_provider_configs()

REVOKE ALL ON FUNCTION parley.feed_provider_configs() FROM PUBLIC;

-- acl FUNCTION feed_provider_keys()

REVOKE ALL ON FUNCTION parley.feed_provider_keys() FROM PUBLIC;

-- acl FUNCTION feed_prune(keep interval, most integer)

REVOKE ALL ON FUNCTION parley.feed_prune(keep interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.feed_prune(keep interval, most integer) TO parley_runtime;

-- acl FUNCTION feed_sessions()

REVOKE ALL ON FUNCTION parley.feed_sessions() FROM PUBLIC;

-- acl FUNCTION feed_spares(table_name text, sums text[])

REVOKE ALL ON FUNCTION parley.feed_spares(table_name text, sums text[]) FROM PUBLIC;

-- acl FUNCTION feed_tags()

REVOKE ALL ON FUNCTION parley.feed_tags() FROM PUBLIC;

-- acl FUNCTION feed_tenants()

REVOKE ALL ON FUNCTION parley.feed_tenants() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.feed_tenants() TO parley_runtime;

-- acl FUNCTION feed_tool_executions()

REVOKE ALL ON FUNCTION parley.feed_tool_executions() FROM PUBLIC;

-- acl FUNCTION feed_tool_transitions()

REVOKE ALL ON FUNCTION parley.feed_tool_transitions() FROM PUBLIC;

-- acl FUNCTION feed_usage_days()

REVOKE ALL ON FUNCTION parley.feed_usage_days() FROM PUBLIC;

-- acl FUNCTION feed_usage_logs()

REVOKE ALL ON FUNCTION parley.feed_usage_logs() FROM PUBLIC;

-- acl FUNCTION feed_usage_quotas()

REVOKE ALL ON FUNCTION parley.feed_usage_quotas() FROM PUBLIC;

-- acl FUNCTION feed_usage_reservations()

REVOKE ALL ON FUNCTION parley.feed_usage_reservations() FROM PUBLIC;

-- acl FUNCTION feed_user_settings()

REVOKE ALL ON FUNCTION parley.feed_user_settings() FROM PUBLIC;

-- acl FUNCTION feed_users()

REVOKE ALL ON FUNCTION parley.feed_users() FROM PUBLIC;

-- acl FUNCTION fill_from(table_name text, key text, columns text[])

REVOKE ALL ON FUNCTION parley.fill_from(table_name text, key text, columns text[]) FROM PUBLIC;

-- acl FUNCTION grant_columns(table_name text, privilege text, without text[])

REVOKE ALL ON FUNCTION parley.grant_columns(table_name text, privilege text, without text[]) FROM PUBLIC;

-- acl FUNCTION has_provider_key(whose uuid)

REVOKE ALL ON FUNCTION parley.has_provider_key(whose uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.has_provider_key(whose uuid) TO parley_runtime;

-- acl FUNCTION has_secret(value jsonb)

REVOKE ALL ON FUNCTION parley.has_secret(value jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.has_secret(value jsonb) TO parley_runtime;

-- acl FUNCTION has_trash(table_name text)

REVOKE ALL ON FUNCTION parley.has_trash(table_name text) FROM PUBLIC;

-- acl FUNCTION holds_credential(text text)

REVOKE ALL ON FUNCTION parley.holds_credential(text text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.holds_credential(text text) TO parley_runtime;

-- acl FUNCTION is_background_work()

REVOKE ALL ON FUNCTION parley.is_background_work() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.is_background_work() TO parley_runtime;

-- acl FUNCTION is_deletable(table_name text)

REVOKE ALL ON FUNCTION parley.is_deletable(table_name text) FROM PUBLIC;

-- acl FUNCTION is_emoji(value text)

REVOKE ALL ON FUNCTION parley.is_emoji(value text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.is_emoji(value text) TO parley_runtime;

-- acl TABLE usage_quotas

GRANT SELECT ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.user_id

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.id

GRANT INSERT(id),UPDATE(id) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.unit

GRANT INSERT(unit),UPDATE(unit) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.period

GRANT INSERT(period),UPDATE(period) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.provider

GRANT INSERT(provider),UPDATE(provider) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.model

GRANT INSERT(model),UPDATE(model) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.automation

GRANT INSERT(automation),UPDATE(automation) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas."limit"

GRANT INSERT("limit"),UPDATE("limit") ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.mode

GRANT INSERT(mode),UPDATE(mode) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.counts_own_key

GRANT INSERT(counts_own_key),UPDATE(counts_own_key) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.created_at

GRANT INSERT(created_at),UPDATE(created_at) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.updated_at

GRANT INSERT(updated_at),UPDATE(updated_at) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.deleted_at

GRANT INSERT(deleted_at),UPDATE(deleted_at) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.version

GRANT INSERT(version),UPDATE(version) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl COLUMN usage_quotas.request_hash

GRANT INSERT(request_hash),UPDATE(request_hash) ON TABLE parley.usage_quotas TO parley_runtime;

-- acl FUNCTION is_same_quota(quota parley.usage_quotas, of_plan parley.plan_quotas)

REVOKE ALL ON FUNCTION parley.is_same_quota(quota parley.usage_quotas, of_plan parley.plan_quotas) FROM PUBLIC;

-- acl FUNCTION job_move_is_legal(from_status text, to_status text)

REVOKE ALL ON FUNCTION parley.job_move_is_legal(from_status text, to_status text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.job_move_is_legal(from_status text, to_status text) TO parley_runtime;

-- acl FUNCTION jobs_audit_exported()

REVOKE ALL ON FUNCTION parley.jobs_audit_exported() FROM PUBLIC;

-- acl FUNCTION jobs_expire(after interval, most integer)

REVOKE ALL ON FUNCTION parley.jobs_expire(after interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.jobs_expire(after interval, most integer) TO parley_runtime;

-- acl FUNCTION jobs_limit_exports()

REVOKE ALL ON FUNCTION parley.jobs_limit_exports() FROM PUBLIC;

-- acl FUNCTION jobs_move()

REVOKE ALL ON FUNCTION parley.jobs_move() FROM PUBLIC;

-- acl FUNCTION jobs_waiting(longer_than interval)

REVOKE ALL ON FUNCTION parley.jobs_waiting(longer_than interval) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.jobs_waiting(longer_than interval) TO parley_runtime;

-- acl FUNCTION join_function(table_name text, first_key text, first_table text, second_key text, second_table text)

REVOKE ALL ON FUNCTION parley.join_function(table_name text, first_key text, first_table text, second_key text, second_table text) FROM PUBLIC;

-- acl FUNCTION join_table(table_name text, first_key text, first_table text, second_key text, second_table text, counted_in text)

REVOKE ALL ON FUNCTION parley.join_table(table_name text, first_key text, first_table text, second_key text, second_table text, counted_in text) FROM PUBLIC;

-- acl FUNCTION keep_canonical(table_name text, columns text[])

REVOKE ALL ON FUNCTION parley.keep_canonical(table_name text, columns text[]) FROM PUBLIC;

-- acl FUNCTION keep_links(table_name text, within text[], marked boolean, on_insert boolean)

REVOKE ALL ON FUNCTION parley.keep_links(table_name text, within text[], marked boolean, on_insert boolean) FROM PUBLIC;

-- acl FUNCTION key_encryption_key_drop(old_id text)

REVOKE ALL ON FUNCTION parley.key_encryption_key_drop(old_id text) FROM PUBLIC;

-- acl FUNCTION known_tools_audit_settings_changed()

REVOKE ALL ON FUNCTION parley.known_tools_audit_settings_changed() FROM PUBLIC;

-- acl FUNCTION lease_length()

REVOKE ALL ON FUNCTION parley.lease_length() FROM PUBLIC;

-- acl TABLE tool_executions

GRANT SELECT,INSERT,UPDATE ON TABLE parley.tool_executions TO parley_runtime;

-- acl FUNCTION leased_until(execution parley.tool_executions)

REVOKE ALL ON FUNCTION parley.leased_until(execution parley.tool_executions) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.leased_until(execution parley.tool_executions) TO parley_runtime;

-- acl FUNCTION leave_inserts(table_name text, trigger_name text)

REVOKE ALL ON FUNCTION parley.leave_inserts(table_name text, trigger_name text) FROM PUBLIC;

-- acl FUNCTION links_of(table_name text)

REVOKE ALL ON FUNCTION parley.links_of(table_name text) FROM PUBLIC;

-- acl FUNCTION login_create(email text, username text, password_hash text)

REVOKE ALL ON FUNCTION parley.login_create(email text, username text, password_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.login_create(email text, username text, password_hash text) TO parley_runtime;

-- acl FUNCTION login_find(name text)

REVOKE ALL ON FUNCTION parley.login_find(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.login_find(name text) TO parley_runtime;

-- acl FUNCTION login_rehash(new_hash text)

REVOKE ALL ON FUNCTION parley.login_rehash(new_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.login_rehash(new_hash text) TO parley_runtime;

-- acl FUNCTION logins_audit_password_changed()

REVOKE ALL ON FUNCTION parley.logins_audit_password_changed() FROM PUBLIC;

-- acl FUNCTION looks_secret(name text)

REVOKE ALL ON FUNCTION parley.looks_secret(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.looks_secret(name text) TO parley_runtime;

-- acl FUNCTION mark_deleted()

REVOKE ALL ON FUNCTION parley.mark_deleted() FROM PUBLIC;

-- acl FUNCTION mark_with(parent text, child text)

REVOKE ALL ON FUNCTION parley.mark_with(parent text, child text) FROM PUBLIC;

-- acl FUNCTION message_append(owner_id uuid, growing_id uuid, at_offset integer, addition text, OUT outcome text, OUT length integer)

REVOKE ALL ON FUNCTION parley.message_append(owner_id uuid, growing_id uuid, at_offset integer, addition text, OUT outcome text, OUT length integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.message_append(owner_id uuid, growing_id uuid, at_offset integer, addition text, OUT outcome text, OUT length integer) TO parley_runtime;

-- acl FUNCTION message_feedback_fill()

REVOKE ALL ON FUNCTION parley.message_feedback_fill() FROM PUBLIC;

-- acl FUNCTION message_feedback_links()

REVOKE ALL ON FUNCTION parley.message_feedback_links() FROM PUBLIC;

-- acl FUNCTION message_feedback_rollup_conversation()

REVOKE ALL ON FUNCTION parley.message_feedback_rollup_conversation() FROM PUBLIC;

-- acl FUNCTION message_feedback_write()

REVOKE ALL ON FUNCTION parley.message_feedback_write() FROM PUBLIC;

-- acl FUNCTION message_grown(owner_id uuid, growing_id uuid, from_offset integer)

REVOKE ALL ON FUNCTION parley.message_grown(owner_id uuid, growing_id uuid, from_offset integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.message_grown(owner_id uuid, growing_id uuid, from_offset integer) TO parley_runtime;

-- acl FUNCTION message_reactions_fill()

REVOKE ALL ON FUNCTION parley.message_reactions_fill() FROM PUBLIC;

-- acl FUNCTION message_reactions_links()

REVOKE ALL ON FUNCTION parley.message_reactions_links() FROM PUBLIC;

-- acl FUNCTION message_reactions_message_id_most()

REVOKE ALL ON FUNCTION parley.message_reactions_message_id_most() FROM PUBLIC;

-- acl FUNCTION message_reactions_write()

REVOKE ALL ON FUNCTION parley.message_reactions_write() FROM PUBLIC;

-- acl FUNCTION message_renew(owner_id uuid, growing_id uuid)

REVOKE ALL ON FUNCTION parley.message_renew(owner_id uuid, growing_id uuid) FROM PUBLIC;

-- acl FUNCTION messages_enter()

REVOKE ALL ON FUNCTION parley.messages_enter() FROM PUBLIC;

-- acl FUNCTION messages_gather()

REVOKE ALL ON FUNCTION parley.messages_gather() FROM PUBLIC;

-- acl FUNCTION messages_guard()

REVOKE ALL ON FUNCTION parley.messages_guard() FROM PUBLIC;

-- acl FUNCTION messages_insert_all(proposed jsonb)

REVOKE ALL ON FUNCTION parley.messages_insert_all(proposed jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.messages_insert_all(proposed jsonb) TO parley_runtime;

-- acl FUNCTION messages_links()

REVOKE ALL ON FUNCTION parley.messages_links() FROM PUBLIC;

-- acl FUNCTION messages_recount()

REVOKE ALL ON FUNCTION parley.messages_recount() FROM PUBLIC;

-- acl FUNCTION messages_rules()

REVOKE ALL ON FUNCTION parley.messages_rules() FROM PUBLIC;

-- acl FUNCTION model_price(provider text, model text, at timestamp with time zone, input_tokens bigint)

REVOKE ALL ON FUNCTION parley.model_price(provider text, model text, at timestamp with time zone, input_tokens bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.model_price(provider text, model text, at timestamp with time zone, input_tokens bigint) TO parley_runtime;

-- acl TABLE llm_model_prices

GRANT SELECT ON TABLE parley.llm_model_prices TO parley_runtime;

-- acl FUNCTION model_price_at(provider text, model text, at timestamp with time zone)

REVOKE ALL ON FUNCTION parley.model_price_at(provider text, model text, at timestamp with time zone) FROM PUBLIC;

-- acl FUNCTION model_prices_apply()

REVOKE ALL ON FUNCTION parley.model_prices_apply() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.model_prices_apply() TO parley_runtime;

-- acl FUNCTION named_model(provider text, model text)

REVOKE ALL ON FUNCTION parley.named_model(provider text, model text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.named_model(provider text, model text) TO parley_runtime;

-- acl FUNCTION natural_id(VARIADIC parts text[])

REVOKE ALL ON FUNCTION parley.natural_id(VARIADIC parts text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.natural_id(VARIADIC parts text[]) TO parley_runtime;

-- acl FUNCTION object_list_mistake(list jsonb, most integer, members jsonb)

REVOKE ALL ON FUNCTION parley.object_list_mistake(list jsonb, most integer, members jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.object_list_mistake(list jsonb, most integer, members jsonb) TO parley_runtime;

-- acl FUNCTION one_per_user(table_name text, carry text[])

REVOKE ALL ON FUNCTION parley.one_per_user(table_name text, carry text[]) FROM PUBLIC;

-- acl FUNCTION plan_in_force(account uuid)

REVOKE ALL ON FUNCTION parley.plan_in_force(account uuid) FROM PUBLIC;

-- acl FUNCTION plan_quotas_apply(account uuid, plan text)

REVOKE ALL ON FUNCTION parley.plan_quotas_apply(account uuid, plan text) FROM PUBLIC;

-- acl FUNCTION plan_quotas_apply_to_users(plans text[], after_id uuid, most integer)

REVOKE ALL ON FUNCTION parley.plan_quotas_apply_to_users(plans text[], after_id uuid, most integer) FROM PUBLIC;

-- acl FUNCTION plan_quotas_canonical()

REVOKE ALL ON FUNCTION parley.plan_quotas_canonical() FROM PUBLIC;

-- acl FUNCTION plan_set(account uuid, plan text, status text)

REVOKE ALL ON FUNCTION parley.plan_set(account uuid, plan text, status text) FROM PUBLIC;

-- acl FUNCTION plan_subscription_state(said_by text, event text, event_at timestamp with time zone, account uuid, subscription text, plan text, new_status text, period_start timestamp with time zone, period_end timestamp with time zone, ends_at timestamp with time zone)

REVOKE ALL ON FUNCTION parley.plan_subscription_state(said_by text, event text, event_at timestamp with time zone, account uuid, subscription text, plan text, new_status text, period_start timestamp with time zone, period_end timestamp with time zone, ends_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.plan_subscription_state(said_by text, event text, event_at timestamp with time zone, account uuid, subscription text, plan text, new_status text, period_start timestamp with time zone, period_end timestamp with time zone, ends_at timestamp with time zone) TO parley_runtime;

-- acl FUNCTION plan_subscriptions_apply()

REVOKE ALL ON FUNCTION parley.plan_subscriptions_apply() FROM PUBLIC;

-- acl FUNCTION price_for_input(price parley.llm_model_prices, input_tokens bigint)

REVOKE ALL ON FUNCTION parley.price_for_input(price parley.llm_model_prices, input_tokens bigint) FROM PUBLIC;

-- acl FUNCTION provider_configs_audit_settings_changed()

REVOKE ALL ON FUNCTION parley.provider_configs_audit_settings_changed() FROM PUBLIC;

-- acl FUNCTION provider_configs_is_default_taken()

REVOKE ALL ON FUNCTION parley.provider_configs_is_default_taken() FROM PUBLIC;

-- acl FUNCTION provider_key_in_use(config_id uuid)

REVOKE ALL ON FUNCTION parley.provider_key_in_use(config_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.provider_key_in_use(config_id uuid) TO parley_runtime;

-- acl FUNCTION provider_key_used(used_id uuid, generation integer)

REVOKE ALL ON FUNCTION parley.provider_key_used(used_id uuid, generation integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.provider_key_used(used_id uuid, generation integer) TO parley_runtime;

-- acl FUNCTION provider_keys_audit_key_created()

REVOKE ALL ON FUNCTION parley.provider_keys_audit_key_created() FROM PUBLIC;

-- acl FUNCTION provider_keys_audit_key_deleted()

REVOKE ALL ON FUNCTION parley.provider_keys_audit_key_deleted() FROM PUBLIC;

-- acl FUNCTION provider_keys_audit_key_used()

REVOKE ALL ON FUNCTION parley.provider_keys_audit_key_used() FROM PUBLIC;

-- acl FUNCTION provider_keys_audit_settings_changed()

REVOKE ALL ON FUNCTION parley.provider_keys_audit_settings_changed() FROM PUBLIC;

-- acl FUNCTION provider_keys_fill()

REVOKE ALL ON FUNCTION parley.provider_keys_fill() FROM PUBLIC;

-- acl FUNCTION provider_keys_is_default_taken()

REVOKE ALL ON FUNCTION parley.provider_keys_is_default_taken() FROM PUBLIC;

-- acl FUNCTION provider_keys_leave_flag()

REVOKE ALL ON FUNCTION parley.provider_keys_leave_flag() FROM PUBLIC;

-- acl FUNCTION provider_keys_links()

REVOKE ALL ON FUNCTION parley.provider_keys_links() FROM PUBLIC;

-- acl FUNCTION provider_keys_renew()

REVOKE ALL ON FUNCTION parley.provider_keys_renew() FROM PUBLIC;

-- acl FUNCTION provider_keys_sealed_key_keep()

REVOKE ALL ON FUNCTION parley.provider_keys_sealed_key_keep() FROM PUBLIC;

-- acl FUNCTION purge_begin(table_name text, row_id uuid)

REVOKE ALL ON FUNCTION parley.purge_begin(table_name text, row_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.purge_begin(table_name text, row_id uuid) TO parley_runtime;

-- acl FUNCTION purge_next(most integer)

REVOKE ALL ON FUNCTION parley.purge_next(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.purge_next(most integer) TO parley_runtime;

-- acl FUNCTION purge_rows(table_name text, ids uuid[], most integer)

REVOKE ALL ON FUNCTION parley.purge_rows(table_name text, ids uuid[], most integer) FROM PUBLIC;

-- acl FUNCTION purges_audit_purged()

REVOKE ALL ON FUNCTION parley.purges_audit_purged() FROM PUBLIC;

-- acl FUNCTION quiet_table(table_name text, told_by text, without text[], privileges text)

REVOKE ALL ON FUNCTION parley.quiet_table(table_name text, told_by text, without text[], privileges text) FROM PUBLIC;

-- acl FUNCTION quiet_version()

REVOKE ALL ON FUNCTION parley.quiet_version() FROM PUBLIC;

-- acl FUNCTION quoted_names(names text[])

REVOKE ALL ON FUNCTION parley.quoted_names(names text[]) FROM PUBLIC;

-- acl FUNCTION raise_epoch()

REVOKE ALL ON FUNCTION parley.raise_epoch() FROM PUBLIC;

-- acl FUNCTION reference_table(table_name text)

REVOKE ALL ON FUNCTION parley.reference_table(table_name text) FROM PUBLIC;

-- acl FUNCTION refuse_agents()

REVOKE ALL ON FUNCTION parley.refuse_agents() FROM PUBLIC;

-- acl FUNCTION refuse_audit(name text, action text, table_name text, kinds text[], watched text[], told text[], each text)

REVOKE ALL ON FUNCTION parley.refuse_audit(name text, action text, table_name text, kinds text[], watched text[], told text[], each text) FROM PUBLIC;

-- acl FUNCTION refuse_past()

REVOKE ALL ON FUNCTION parley.refuse_past() FROM PUBLIC;

-- acl FUNCTION refuse_purged()

REVOKE ALL ON FUNCTION parley.refuse_purged() FROM PUBLIC;

-- acl FUNCTION refuse_restored()

REVOKE ALL ON FUNCTION parley.refuse_restored() FROM PUBLIC;

-- acl FUNCTION refuse_rollup(parent text, column_name text, child text, key text, sum text, last text, in_order text)

REVOKE ALL ON FUNCTION parley.refuse_rollup(parent text, column_name text, child text, key text, sum text, last text, in_order text) FROM PUBLIC;

-- acl FUNCTION remove_conversation_tags(ids uuid[])

REVOKE ALL ON FUNCTION parley.remove_conversation_tags(ids uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.remove_conversation_tags(ids uuid[]) TO parley_runtime;

-- acl FUNCTION remove_message_feedback(ids uuid[])

REVOKE ALL ON FUNCTION parley.remove_message_feedback(ids uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.remove_message_feedback(ids uuid[]) TO parley_runtime;

-- acl FUNCTION remove_message_reactions(ids uuid[])

REVOKE ALL ON FUNCTION parley.remove_message_reactions(ids uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.remove_message_reactions(ids uuid[]) TO parley_runtime;

-- acl FUNCTION rolled_up(table_name text)

REVOKE ALL ON FUNCTION parley.rolled_up(table_name text) FROM PUBLIC;

-- acl FUNCTION rollup_counts(parent text, child text, parent_deleted_at text)

REVOKE ALL ON FUNCTION parley.rollup_counts(parent text, child text, parent_deleted_at text) FROM PUBLIC;

-- acl FUNCTION rollup_function(child text, key text, parent text, columns jsonb)

REVOKE ALL ON FUNCTION parley.rollup_function(child text, key text, parent text, columns jsonb) FROM PUBLIC;

-- acl FUNCTION rollup_last(child text, key text, parent text, column_name text, definition jsonb)

REVOKE ALL ON FUNCTION parley.rollup_last(child text, key text, parent text, column_name text, definition jsonb) FROM PUBLIC;

-- acl FUNCTION rollup_recount(parent text, child text, key text, definition jsonb)

REVOKE ALL ON FUNCTION parley.rollup_recount(parent text, child text, key text, definition jsonb) FROM PUBLIC;

-- acl FUNCTION rollup_rows(transition text, sign text, child text, key text, parent text, columns jsonb)

REVOKE ALL ON FUNCTION parley.rollup_rows(transition text, sign text, child text, key text, parent text, columns jsonb) FROM PUBLIC;

-- acl FUNCTION rollups()

REVOKE ALL ON FUNCTION parley.rollups() FROM PUBLIC;

-- acl FUNCTION rows_expire(table_name text, most integer)

REVOKE ALL ON FUNCTION parley.rows_expire(table_name text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.rows_expire(table_name text, most integer) TO parley_runtime;

-- acl FUNCTION rule_of_new(table_name text, condition text)

REVOKE ALL ON FUNCTION parley.rule_of_new(table_name text, condition text) FROM PUBLIC;

-- acl FUNCTION rules_at_once(table_name text, spare_others boolean)

REVOKE ALL ON FUNCTION parley.rules_at_once(table_name text, spare_others boolean) FROM PUBLIC;

-- acl FUNCTION scope_list_mistake(scopes jsonb)

REVOKE ALL ON FUNCTION parley.scope_list_mistake(scopes jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.scope_list_mistake(scopes jsonb) TO parley_runtime;

-- acl FUNCTION secret_of(owner_id uuid, secret_purpose text)

REVOKE ALL ON FUNCTION parley.secret_of(owner_id uuid, secret_purpose text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.secret_of(owner_id uuid, secret_purpose text) TO parley_runtime;

-- acl FUNCTION secure_rows(table_name text)

REVOKE ALL ON FUNCTION parley.secure_rows(table_name text) FROM PUBLIC;

-- acl FUNCTION sessions_audit_session_revoked()

REVOKE ALL ON FUNCTION parley.sessions_audit_session_revoked() FROM PUBLIC;

-- acl FUNCTION sessions_audit_signed_in()

REVOKE ALL ON FUNCTION parley.sessions_audit_signed_in() FROM PUBLIC;

-- acl FUNCTION sessions_audit_signed_out()

REVOKE ALL ON FUNCTION parley.sessions_audit_signed_out() FROM PUBLIC;

-- acl FUNCTION sessions_expire(after interval, most integer)

REVOKE ALL ON FUNCTION parley.sessions_expire(after interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.sessions_expire(after interval, most integer) TO parley_runtime;

-- acl FUNCTION sessions_revoke()

REVOKE ALL ON FUNCTION parley.sessions_revoke() FROM PUBLIC;

-- acl FUNCTION sign_in_failed(name text, address inet)

REVOKE ALL ON FUNCTION parley.sign_in_failed(name text, address inet) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.sign_in_failed(name text, address inet) TO parley_runtime;

-- acl FUNCTION singular(table_name text)

REVOKE ALL ON FUNCTION parley.singular(table_name text) FROM PUBLIC;

-- acl FUNCTION sparing_statements(table_name text, trigger_name text, columns text)

REVOKE ALL ON FUNCTION parley.sparing_statements(table_name text, trigger_name text, columns text) FROM PUBLIC;

-- acl FUNCTION stamp_again(stamp jsonb)

REVOKE ALL ON FUNCTION parley.stamp_again(stamp jsonb) FROM PUBLIC;

-- acl FUNCTION statement_triggers(table_name text, stem text, function_name text, kinds text[])

REVOKE ALL ON FUNCTION parley.statement_triggers(table_name text, stem text, function_name text, kinds text[]) FROM PUBLIC;

-- acl FUNCTION tables_of_users()

REVOKE ALL ON FUNCTION parley.tables_of_users() FROM PUBLIC;

-- acl FUNCTION tables_that_expire()

REVOKE ALL ON FUNCTION parley.tables_that_expire() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.tables_that_expire() TO parley_runtime;

-- acl FUNCTION tell_of(table_name text, columns text[])

REVOKE ALL ON FUNCTION parley.tell_of(table_name text, columns text[]) FROM PUBLIC;

-- acl FUNCTION tenant()

REVOKE ALL ON FUNCTION parley.tenant() FROM PUBLIC;
GRANT ALL ON FUNCTION parley.tenant() TO parley_runtime;

-- acl FUNCTION tenant_table(table_name text, carry text[], without text[], privileges text)

REVOKE ALL ON FUNCTION parley.tenant_table(table_name text, carry text[], without text[], privileges text) FROM PUBLIC;

-- acl FUNCTION text_list_mistake(list jsonb, most integer, length integer)

REVOKE ALL ON FUNCTION parley.text_list_mistake(list jsonb, most integer, length integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.text_list_mistake(list jsonb, most integer, length integer) TO parley_runtime;

-- acl FUNCTION tool_execution_renew(working_id uuid, named_attempt integer)

REVOKE ALL ON FUNCTION parley.tool_execution_renew(working_id uuid, named_attempt integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.tool_execution_renew(working_id uuid, named_attempt integer) TO parley_runtime;

-- acl FUNCTION tool_executions_attempt()

REVOKE ALL ON FUNCTION parley.tool_executions_attempt() FROM PUBLIC;

-- acl FUNCTION tool_executions_await()

REVOKE ALL ON FUNCTION parley.tool_executions_await() FROM PUBLIC;

-- acl FUNCTION tool_executions_delete()

REVOKE ALL ON FUNCTION parley.tool_executions_delete() FROM PUBLIC;

-- acl FUNCTION tool_executions_lease()

REVOKE ALL ON FUNCTION parley.tool_executions_lease() FROM PUBLIC;

-- acl FUNCTION tool_executions_links()

REVOKE ALL ON FUNCTION parley.tool_executions_links() FROM PUBLIC;

-- acl FUNCTION tool_executions_move()

REVOKE ALL ON FUNCTION parley.tool_executions_move() FROM PUBLIC;

-- acl FUNCTION tool_executions_rollup_known_tool()

REVOKE ALL ON FUNCTION parley.tool_executions_rollup_known_tool() FROM PUBLIC;

-- acl FUNCTION tool_executions_settle()

REVOKE ALL ON FUNCTION parley.tool_executions_settle() FROM PUBLIC;

-- acl FUNCTION tool_given_back_at(execution parley.tool_executions)

REVOKE ALL ON FUNCTION parley.tool_given_back_at(execution parley.tool_executions) FROM PUBLIC;

-- acl FUNCTION tool_is_given_back(execution parley.tool_executions, to_status text)

REVOKE ALL ON FUNCTION parley.tool_is_given_back(execution parley.tool_executions, to_status text) FROM PUBLIC;

-- acl FUNCTION tool_move_is_legal(from_status text, to_status text)

REVOKE ALL ON FUNCTION parley.tool_move_is_legal(from_status text, to_status text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.tool_move_is_legal(from_status text, to_status text) TO parley_runtime;

-- acl FUNCTION touching(table_name text, keys text[], transitions text[])

REVOKE ALL ON FUNCTION parley.touching(table_name text, keys text[], transitions text[]) FROM PUBLIC;

-- acl FUNCTION trash_page(tables text[], after_at timestamp with time zone, after_id uuid, most integer)

REVOKE ALL ON FUNCTION parley.trash_page(tables text[], after_at timestamp with time zone, after_id uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.trash_page(tables text[], after_at timestamp with time zone, after_id uuid, most integer) TO parley_runtime;

-- acl FUNCTION trash_tables()

REVOKE ALL ON FUNCTION parley.trash_tables() FROM PUBLIC;

-- acl FUNCTION usage_check(account uuid, at timestamp with time zone, provider text, model text, automation text, says_own_key boolean, input_tokens bigint, output_tokens bigint, stated_usd numeric)

REVOKE ALL ON FUNCTION parley.usage_check(account uuid, at timestamp with time zone, provider text, model text, automation text, says_own_key boolean, input_tokens bigint, output_tokens bigint, stated_usd numeric) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_check(account uuid, at timestamp with time zone, provider text, model text, automation text, says_own_key boolean, input_tokens bigint, output_tokens bigint, stated_usd numeric) TO parley_runtime;

-- acl FUNCTION usage_estimate(provider text, model text, at timestamp with time zone, input_tokens bigint, output_tokens bigint)

REVOKE ALL ON FUNCTION parley.usage_estimate(provider text, model text, at timestamp with time zone, input_tokens bigint, output_tokens bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_estimate(provider text, model text, at timestamp with time zone, input_tokens bigint, output_tokens bigint) TO parley_runtime;

-- acl FUNCTION usage_has_own_key(account uuid, called text)

REVOKE ALL ON FUNCTION parley.usage_has_own_key(account uuid, called text) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_has_own_key(account uuid, called text) TO parley_runtime;

-- acl FUNCTION usage_in_unit(unit text, requests bigint, tokens bigint, cost_usd numeric)

REVOKE ALL ON FUNCTION parley.usage_in_unit(unit text, requests bigint, tokens bigint, cost_usd numeric) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_in_unit(unit text, requests bigint, tokens bigint, cost_usd numeric) TO parley_runtime;

-- acl FUNCTION usage_lever(quota parley.usage_quotas, remaining numeric, needed numeric, is_cost_stated boolean, input_tokens bigint, input_usd numeric)

REVOKE ALL ON FUNCTION parley.usage_lever(quota parley.usage_quotas, remaining numeric, needed numeric, is_cost_stated boolean, input_tokens bigint, input_usd numeric) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_lever(quota parley.usage_quotas, remaining numeric, needed numeric, is_cost_stated boolean, input_tokens bigint, input_usd numeric) TO parley_runtime;

-- acl FUNCTION usage_logs_canonical()

REVOKE ALL ON FUNCTION parley.usage_logs_canonical() FROM PUBLIC;

-- acl FUNCTION usage_logs_enter()

REVOKE ALL ON FUNCTION parley.usage_logs_enter() FROM PUBLIC;

-- acl TABLE usage_logs

GRANT SELECT ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.user_id

GRANT INSERT(user_id) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.id

GRANT INSERT(id) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.conversation_id

GRANT INSERT(conversation_id) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.message_id

GRANT INSERT(message_id) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.provider

GRANT INSERT(provider) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.model

GRANT INSERT(model) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.input_tokens

GRANT INSERT(input_tokens) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.output_tokens

GRANT INSERT(output_tokens) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.total_tokens

GRANT INSERT(total_tokens) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.cost_usd

GRANT INSERT(cost_usd) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.used_own_api_key

GRANT INSERT(used_own_api_key) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.api_key_id

GRANT INSERT(api_key_id) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.automation

GRANT INSERT(automation) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.purpose

GRANT INSERT(purpose) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.created_at

GRANT INSERT(created_at) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.updated_at

GRANT INSERT(updated_at) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.request_hash

GRANT INSERT(request_hash) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.cached_input_tokens

GRANT INSERT(cached_input_tokens) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.cache_write_input_tokens

GRANT INSERT(cache_write_input_tokens) ON TABLE parley.usage_logs TO parley_runtime;

-- acl COLUMN usage_logs.reasoning_tokens

GRANT INSERT(reasoning_tokens) ON TABLE parley.usage_logs TO parley_runtime;

-- acl FUNCTION usage_logs_enter_all(made parley.usage_logs[])

REVOKE ALL ON FUNCTION parley.usage_logs_enter_all(made parley.usage_logs[]) FROM PUBLIC;

-- acl FUNCTION usage_logs_insert_all(proposed jsonb)

REVOKE ALL ON FUNCTION parley.usage_logs_insert_all(proposed jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_logs_insert_all(proposed jsonb) TO parley_runtime;

-- acl FUNCTION usage_logs_links()

REVOKE ALL ON FUNCTION parley.usage_logs_links() FROM PUBLIC;

-- acl FUNCTION usage_logs_meter(account uuid, entries parley.usage_logs[], at timestamp with time zone)

REVOKE ALL ON FUNCTION parley.usage_logs_meter(account uuid, entries parley.usage_logs[], at timestamp with time zone) FROM PUBLIC;

-- acl FUNCTION usage_logs_price_all(proposed parley.usage_logs[], at timestamp with time zone)

REVOKE ALL ON FUNCTION parley.usage_logs_price_all(proposed parley.usage_logs[], at timestamp with time zone) FROM PUBLIC;

-- acl FUNCTION usage_logs_priced(entry parley.usage_logs, price parley.llm_model_prices)

REVOKE ALL ON FUNCTION parley.usage_logs_priced(entry parley.usage_logs, price parley.llm_model_prices) FROM PUBLIC;

-- acl FUNCTION usage_logs_rules()

REVOKE ALL ON FUNCTION parley.usage_logs_rules() FROM PUBLIC;

-- acl FUNCTION usage_logs_sum()

REVOKE ALL ON FUNCTION parley.usage_logs_sum() FROM PUBLIC;

-- acl TABLE usage_reservations

GRANT SELECT ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.user_id

GRANT INSERT(user_id) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.id

GRANT INSERT(id) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.provider

GRANT INSERT(provider) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.model

GRANT INSERT(model) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.automation

GRANT INSERT(automation) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.used_own_api_key

GRANT INSERT(used_own_api_key) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.estimated_input_tokens

GRANT INSERT(estimated_input_tokens) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.estimated_output_tokens

GRANT INSERT(estimated_output_tokens) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.estimated_cost_usd

GRANT INSERT(estimated_cost_usd) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.status

GRANT UPDATE(status) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.created_at

GRANT INSERT(created_at) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.updated_at

GRANT INSERT(updated_at) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.version

GRANT INSERT(version) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl COLUMN usage_reservations.request_hash

GRANT INSERT(request_hash) ON TABLE parley.usage_reservations TO parley_runtime;

-- acl FUNCTION usage_own_key(account uuid, called text, key_id uuid, says_own_key boolean, reserved parley.usage_reservations)

REVOKE ALL ON FUNCTION parley.usage_own_key(account uuid, called text, key_id uuid, says_own_key boolean, reserved parley.usage_reservations) FROM PUBLIC;

-- acl FUNCTION usage_quota_counts(quota parley.usage_quotas, provider text, model text, automation text, used_own_api_key boolean)

REVOKE ALL ON FUNCTION parley.usage_quota_counts(quota parley.usage_quotas, provider text, model text, automation text, used_own_api_key boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_quota_counts(quota parley.usage_quotas, provider text, model text, automation text, used_own_api_key boolean) TO parley_runtime;

-- acl FUNCTION usage_quota_period(period text, at timestamp with time zone)

REVOKE ALL ON FUNCTION parley.usage_quota_period(period text, at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_quota_period(period text, at timestamp with time zone) TO parley_runtime;

-- acl FUNCTION usage_quota_state(quota parley.usage_quotas, at timestamp with time zone, settling uuid[])

REVOKE ALL ON FUNCTION parley.usage_quota_state(quota parley.usage_quotas, at timestamp with time zone, settling uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_quota_state(quota parley.usage_quotas, at timestamp with time zone, settling uuid[]) TO parley_runtime;

-- acl FUNCTION usage_quotas_audit_settings_changed()

REVOKE ALL ON FUNCTION parley.usage_quotas_audit_settings_changed() FROM PUBLIC;

-- acl FUNCTION usage_quotas_canonical()

REVOKE ALL ON FUNCTION parley.usage_quotas_canonical() FROM PUBLIC;

-- acl FUNCTION usage_quotas_guard()

REVOKE ALL ON FUNCTION parley.usage_quotas_guard() FROM PUBLIC;

-- acl FUNCTION usage_quotas_most()

REVOKE ALL ON FUNCTION parley.usage_quotas_most() FROM PUBLIC;

-- acl FUNCTION usage_refusal(quota parley.usage_quotas, used numeric, reserved numeric, needed numeric, ends_at timestamp with time zone)

REVOKE ALL ON FUNCTION parley.usage_refusal(quota parley.usage_quotas, used numeric, reserved numeric, needed numeric, ends_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_refusal(quota parley.usage_quotas, used numeric, reserved numeric, needed numeric, ends_at timestamp with time zone) TO parley_runtime;

-- acl FUNCTION usage_reservation_status(reservation parley.usage_reservations)

REVOKE ALL ON FUNCTION parley.usage_reservation_status(reservation parley.usage_reservations) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_reservation_status(reservation parley.usage_reservations) TO parley_runtime;

-- acl FUNCTION usage_reservations_canonical()

REVOKE ALL ON FUNCTION parley.usage_reservations_canonical() FROM PUBLIC;

-- acl FUNCTION usage_reservations_enter()

REVOKE ALL ON FUNCTION parley.usage_reservations_enter() FROM PUBLIC;

-- acl FUNCTION usage_reservations_expire(after interval, most integer)

REVOKE ALL ON FUNCTION parley.usage_reservations_expire(after interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.usage_reservations_expire(after interval, most integer) TO parley_runtime;

-- acl FUNCTION usage_reservations_move()

REVOKE ALL ON FUNCTION parley.usage_reservations_move() FROM PUBLIC;

-- acl FUNCTION user_settings_audit_settings_changed()

REVOKE ALL ON FUNCTION parley.user_settings_audit_settings_changed() FROM PUBLIC;

-- acl FUNCTION users_audit_account_deleted()

REVOKE ALL ON FUNCTION parley.users_audit_account_deleted() FROM PUBLIC;

-- acl FUNCTION users_audit_email_changed()

REVOKE ALL ON FUNCTION parley.users_audit_email_changed() FROM PUBLIC;

-- acl FUNCTION users_check_own_api_key()

REVOKE ALL ON FUNCTION parley.users_check_own_api_key() FROM PUBLIC;

-- acl FUNCTION users_check_time_zone()

REVOKE ALL ON FUNCTION parley.users_check_time_zone() FROM PUBLIC;

-- acl FUNCTION users_complete()

REVOKE ALL ON FUNCTION parley.users_complete() FROM PUBLIC;

-- acl FUNCTION users_give_quotas()

REVOKE ALL ON FUNCTION parley.users_give_quotas() FROM PUBLIC;

-- acl FUNCTION users_open_feed()

REVOKE ALL ON FUNCTION parley.users_open_feed() FROM PUBLIC;

-- acl FUNCTION users_rename_login()

REVOKE ALL ON FUNCTION parley.users_rename_login() FROM PUBLIC;

-- acl FUNCTION users_to_purge(after_id uuid, before timestamp with time zone)

REVOKE ALL ON FUNCTION parley.users_to_purge(after_id uuid, before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.users_to_purge(after_id uuid, before timestamp with time zone) TO parley_runtime;

-- acl FUNCTION users_with_retention(after_id uuid)

REVOKE ALL ON FUNCTION parley.users_with_retention(after_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.users_with_retention(after_id uuid) TO parley_runtime;

-- acl TABLE users

GRANT SELECT ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.user_id

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.id

GRANT INSERT(id),UPDATE(id) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.email

GRANT INSERT(email),UPDATE(email) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.username

GRANT INSERT(username),UPDATE(username) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.full_name

GRANT INSERT(full_name),UPDATE(full_name) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.avatar_url

GRANT INSERT(avatar_url),UPDATE(avatar_url) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.default_provider

GRANT INSERT(default_provider),UPDATE(default_provider) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.uses_own_api_key

GRANT INSERT(uses_own_api_key),UPDATE(uses_own_api_key) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.last_login_at

GRANT INSERT(last_login_at),UPDATE(last_login_at) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.created_at

GRANT INSERT(created_at),UPDATE(created_at) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.updated_at

GRANT INSERT(updated_at),UPDATE(updated_at) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.deleted_at

GRANT INSERT(deleted_at),UPDATE(deleted_at) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.version

GRANT INSERT(version),UPDATE(version) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.default_model

GRANT INSERT(default_model),UPDATE(default_model) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.time_zone

GRANT INSERT(time_zone),UPDATE(time_zone) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.locale

GRANT INSERT(locale),UPDATE(locale) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.email_verified_at

GRANT INSERT(email_verified_at),UPDATE(email_verified_at) ON TABLE parley.users TO parley_runtime;

-- acl COLUMN users.purge_at

GRANT INSERT(purge_at),UPDATE(purge_at) ON TABLE parley.users TO parley_runtime;

-- acl FUNCTION uses_own_keys(account parley.users)

REVOKE ALL ON FUNCTION parley.uses_own_keys(account parley.users) FROM PUBLIC;
GRANT ALL ON FUNCTION parley.uses_own_keys(account parley.users) TO parley_runtime;

-- acl FUNCTION within_of(table_name text)

REVOKE ALL ON FUNCTION parley.within_of(table_name text) FROM PUBLIC;

-- acl FUNCTION fn_pgqueuer_changed()

REVOKE ALL ON FUNCTION parley_work.fn_pgqueuer_changed() FROM PUBLIC;

-- acl TABLE agent_tokens

GRANT SELECT,INSERT ON TABLE parley.agent_tokens TO parley_runtime;

-- acl COLUMN agent_tokens.revoked_at

GRANT UPDATE(revoked_at) ON TABLE parley.agent_tokens TO parley_runtime;

-- acl TABLE audit_entries

GRANT SELECT ON TABLE parley.audit_entries TO parley_runtime;

-- acl TABLE auto_approval_rules

GRANT SELECT ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.user_id

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.id

GRANT INSERT(id),UPDATE(id) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.tool_name

GRANT INSERT(tool_name),UPDATE(tool_name) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.arguments

GRANT INSERT(arguments),UPDATE(arguments) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.ignore_case

GRANT INSERT(ignore_case),UPDATE(ignore_case) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.host

GRANT INSERT(host),UPDATE(host) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.effect

GRANT INSERT(effect),UPDATE(effect) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.max_cost_usd

GRANT INSERT(max_cost_usd),UPDATE(max_cost_usd) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.conversation_id

GRANT INSERT(conversation_id),UPDATE(conversation_id) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.expires_at

GRANT INSERT(expires_at),UPDATE(expires_at) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.note

GRANT INSERT(note),UPDATE(note) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.created_at

GRANT INSERT(created_at),UPDATE(created_at) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.updated_at

GRANT INSERT(updated_at),UPDATE(updated_at) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.deleted_at

GRANT INSERT(deleted_at),UPDATE(deleted_at) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.version

GRANT INSERT(version),UPDATE(version) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl COLUMN auto_approval_rules.request_hash

GRANT INSERT(request_hash),UPDATE(request_hash) ON TABLE parley.auto_approval_rules TO parley_runtime;

-- acl TABLE auto_approval_settings

GRANT SELECT,UPDATE ON TABLE parley.auto_approval_settings TO parley_runtime;

-- acl TABLE changes

GRANT SELECT ON TABLE parley.changes TO parley_runtime;

-- acl TABLE context_optimization_messages

GRANT SELECT,INSERT ON TABLE parley.context_optimization_messages TO parley_runtime;

-- acl TABLE context_optimizations

GRANT SELECT,INSERT ON TABLE parley.context_optimizations TO parley_runtime;

-- acl TABLE conversation_tags

GRANT SELECT,INSERT ON TABLE parley.conversation_tags TO parley_runtime;

-- acl TABLE conversations

GRANT SELECT ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.user_id

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.id

GRANT INSERT(id),UPDATE(id) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.title

GRANT INSERT(title),UPDATE(title) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.provider

GRANT INSERT(provider),UPDATE(provider) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.model

GRANT INSERT(model),UPDATE(model) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.system_prompt

GRANT INSERT(system_prompt),UPDATE(system_prompt) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.temperature

GRANT INSERT(temperature),UPDATE(temperature) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.max_tokens

GRANT INSERT(max_tokens),UPDATE(max_tokens) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.context_window

GRANT INSERT(context_window),UPDATE(context_window) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.is_pinned

GRANT INSERT(is_pinned),UPDATE(is_pinned) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.is_archived

GRANT INSERT(is_archived),UPDATE(is_archived) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.is_auto_archived

GRANT INSERT(is_auto_archived),UPDATE(is_auto_archived) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.max_messages

GRANT INSERT(max_messages),UPDATE(max_messages) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.folder

GRANT INSERT(folder),UPDATE(folder) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.client_session

GRANT INSERT(client_session),UPDATE(client_session) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.metadata

GRANT INSERT(metadata),UPDATE(metadata) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.auto_approval_settings

GRANT INSERT(auto_approval_settings),UPDATE(auto_approval_settings) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.last_seq

GRANT INSERT(last_seq) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.message_count

GRANT INSERT(message_count) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.last_message_id

GRANT INSERT(last_message_id) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.last_message_at

GRANT INSERT(last_message_at) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.active_at

GRANT INSERT(active_at) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.active_since

GRANT INSERT(active_since) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.message_tokens

GRANT INSERT(message_tokens) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.response_count

GRANT INSERT(response_count) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.response_ms

GRANT INSERT(response_ms) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.usage_requests

GRANT INSERT(usage_requests),UPDATE(usage_requests) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.usage_input_tokens

GRANT INSERT(usage_input_tokens),UPDATE(usage_input_tokens) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.usage_output_tokens

GRANT INSERT(usage_output_tokens),UPDATE(usage_output_tokens) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.usage_cost_usd

GRANT INSERT(usage_cost_usd),UPDATE(usage_cost_usd) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.created_at

GRANT INSERT(created_at),UPDATE(created_at) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.updated_at

GRANT INSERT(updated_at) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.deleted_at

GRANT INSERT(deleted_at),UPDATE(deleted_at) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.version

GRANT INSERT(version) ON TABLE parley.conversations TO parley_runtime;

-- acl COLUMN conversations.request_hash

GRANT INSERT(request_hash) ON TABLE parley.conversations TO parley_runtime;

-- acl TABLE export_parts

GRANT SELECT,INSERT ON TABLE parley.export_parts TO parley_runtime;

-- acl TABLE feed_ages

GRANT SELECT ON TABLE parley.feed_ages TO parley_runtime;

-- acl TABLE feeds

GRANT SELECT ON TABLE parley.feeds TO parley_runtime;

-- acl TABLE functions

GRANT SELECT ON TABLE parley.functions TO parley_runtime;

-- acl TABLE jobs

GRANT SELECT,INSERT,UPDATE ON TABLE parley.jobs TO parley_runtime;

-- acl TABLE known_tools

GRANT SELECT ON TABLE parley.known_tools TO parley_runtime;

-- acl COLUMN known_tools.user_id

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE parley.known_tools TO parley_runtime;

-- acl COLUMN known_tools.id

GRANT INSERT(id),UPDATE(id) ON TABLE parley.known_tools TO parley_runtime;

-- acl COLUMN known_tools.tool_name

GRANT INSERT(tool_name) ON TABLE parley.known_tools TO parley_runtime;

-- acl COLUMN known_tools.risk

GRANT INSERT(risk),UPDATE(risk) ON TABLE parley.known_tools TO parley_runtime;

-- acl COLUMN known_tools.suggested_risk

GRANT INSERT(suggested_risk),UPDATE(suggested_risk) ON TABLE parley.known_tools TO parley_runtime;

-- acl COLUMN known_tools.description

GRANT INSERT(description),UPDATE(description) ON TABLE parley.known_tools TO parley_runtime;

-- acl COLUMN known_tools.parameters_schema

GRANT INSERT(parameters_schema),UPDATE(parameters_schema) ON TABLE parley.known_tools TO parley_runtime;

-- acl COLUMN known_tools.created_at

GRANT INSERT(created_at),UPDATE(created_at) ON TABLE parley.known_tools TO parley_runtime;

-- acl COLUMN known_tools.updated_at

GRANT INSERT(updated_at),UPDATE(updated_at) ON TABLE parley.known_tools TO parley_runtime;

-- acl COLUMN known_tools.version

GRANT INSERT(version),UPDATE(version) ON TABLE parley.known_tools TO parley_runtime;

-- acl TABLE leases

GRANT SELECT ON TABLE parley.leases TO parley_runtime;

-- acl TABLE llm_models

GRANT SELECT ON TABLE parley.llm_models TO parley_runtime;

-- acl TABLE message_feedback

GRANT SELECT,INSERT,UPDATE ON TABLE parley.message_feedback TO parley_runtime;

-- acl TABLE message_growths

GRANT SELECT ON TABLE parley.message_growths TO parley_runtime;

-- acl TABLE message_pieces

GRANT SELECT ON TABLE parley.message_pieces TO parley_runtime;

-- acl TABLE message_reactions

GRANT SELECT,INSERT,UPDATE ON TABLE parley.message_reactions TO parley_runtime;

-- acl TABLE migrations

GRANT SELECT ON TABLE parley.migrations TO parley_runtime;

-- acl TABLE plan_subscriptions

GRANT SELECT ON TABLE parley.plan_subscriptions TO parley_runtime;

-- acl TABLE provider_configs

GRANT SELECT,INSERT ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.user_id

GRANT UPDATE(user_id) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.id

GRANT UPDATE(id) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.settings

GRANT UPDATE(settings) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.base_url

GRANT UPDATE(base_url) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.default_model

GRANT UPDATE(default_model) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.is_active

GRANT UPDATE(is_active) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.is_default

GRANT UPDATE(is_default) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.created_at

GRANT UPDATE(created_at) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.updated_at

GRANT UPDATE(updated_at) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.deleted_at

GRANT UPDATE(deleted_at) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.version

GRANT UPDATE(version) ON TABLE parley.provider_configs TO parley_runtime;

-- acl COLUMN provider_configs.request_hash

GRANT UPDATE(request_hash) ON TABLE parley.provider_configs TO parley_runtime;

-- acl TABLE provider_keys

GRANT SELECT ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.user_id

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.id

GRANT INSERT(id),UPDATE(id) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.provider_config_id

GRANT INSERT(provider_config_id) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.key_name

GRANT INSERT(key_name),UPDATE(key_name) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.last_four

GRANT INSERT(last_four),UPDATE(last_four) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.is_active

GRANT INSERT(is_active),UPDATE(is_active) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.is_default

GRANT INSERT(is_default),UPDATE(is_default) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.expires_at

GRANT INSERT(expires_at),UPDATE(expires_at) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.created_at

GRANT INSERT(created_at),UPDATE(created_at) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.updated_at

GRANT INSERT(updated_at),UPDATE(updated_at) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.deleted_at

GRANT INSERT(deleted_at),UPDATE(deleted_at) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.version

GRANT INSERT(version),UPDATE(version) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.request_hash

GRANT INSERT(request_hash),UPDATE(request_hash) ON TABLE parley.provider_keys TO parley_runtime;

-- acl COLUMN provider_keys.sealed_key

GRANT INSERT(sealed_key),UPDATE(sealed_key) ON TABLE parley.provider_keys TO parley_runtime;

-- acl TABLE revocations

GRANT SELECT ON TABLE parley.revocations TO parley_runtime;

-- acl TABLE sessions

GRANT SELECT,INSERT,UPDATE ON TABLE parley.sessions TO parley_runtime;

-- acl TABLE tags

GRANT SELECT ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.user_id

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.id

GRANT INSERT(id),UPDATE(id) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.name

GRANT INSERT(name),UPDATE(name) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.type

GRANT INSERT(type),UPDATE(type) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.description

GRANT INSERT(description),UPDATE(description) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.color

GRANT INSERT(color),UPDATE(color) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.folded_name

GRANT INSERT(folded_name),UPDATE(folded_name) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.created_at

GRANT INSERT(created_at),UPDATE(created_at) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.updated_at

GRANT INSERT(updated_at),UPDATE(updated_at) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.deleted_at

GRANT INSERT(deleted_at),UPDATE(deleted_at) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.version

GRANT INSERT(version),UPDATE(version) ON TABLE parley.tags TO parley_runtime;

-- acl COLUMN tags.request_hash

GRANT INSERT(request_hash),UPDATE(request_hash) ON TABLE parley.tags TO parley_runtime;

-- acl TABLE tool_transitions

GRANT SELECT ON TABLE parley.tool_transitions TO parley_runtime;

-- acl TABLE usage_day_parts

GRANT SELECT ON TABLE parley.usage_day_parts TO parley_runtime;

-- acl TABLE usage_days

GRANT SELECT ON TABLE parley.usage_days TO parley_runtime;

-- acl TABLE usage_quarter_hours

GRANT SELECT ON TABLE parley.usage_quarter_hours TO parley_runtime;

-- acl TABLE user_settings

GRANT SELECT,UPDATE ON TABLE parley.user_settings TO parley_runtime;

-- acl TABLE pgqueuer

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE parley_work.pgqueuer TO parley_runtime;

-- acl SEQUENCE pgqueuer_id_seq

GRANT USAGE ON SEQUENCE parley_work.pgqueuer_id_seq TO parley_runtime;

-- acl TABLE pgqueuer_log

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE parley_work.pgqueuer_log TO parley_runtime;

-- acl SEQUENCE pgqueuer_log_id_seq

GRANT USAGE ON SEQUENCE parley_work.pgqueuer_log_id_seq TO parley_runtime;

-- acl TABLE pgqueuer_schedules

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE parley_work.pgqueuer_schedules TO parley_runtime;

-- acl SEQUENCE pgqueuer_schedules_id_seq

GRANT USAGE ON SEQUENCE parley_work.pgqueuer_schedules_id_seq TO parley_runtime;

-- acl TABLE pgqueuer_statistics

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE parley_work.pgqueuer_statistics TO parley_runtime;

-- acl SEQUENCE pgqueuer_statistics_id_seq

GRANT USAGE ON SEQUENCE parley_work.pgqueuer_statistics_id_seq TO parley_runtime;
