-- What every table of a tenant stands on: ids, the tenant of the connection, the change feed, and one call that
-- gives a table its fences.

-- UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then randomness. PostgreSQL 18 has it built in.
DO $$
BEGIN
    IF to_regprocedure('pg_catalog.uuidv7()') IS NOT NULL THEN
        CREATE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
        AS 'SELECT pg_catalog.uuidv7()';
    ELSE
        CREATE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
        AS $body$
            SELECT encode(
                set_byte(
                    overlay(
                        uuid_send(gen_random_uuid())
                        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                        FROM 1 FOR 6),
                    6, (get_byte(uuid_send(gen_random_uuid()), 0) & 15) | 112),
                'hex')::uuid
        $body$;
    END IF;
END
$$;
COMMENT ON FUNCTION uuid7() IS 'A new time-ordered id.';

-- The caller of this connection, stamped at checkout. Unset or empty means nobody, which matches no row.
CREATE FUNCTION tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;

-- The users whose feeds the gateway reads together for their waiting subscribers. Named in the reading statement itself.
CREATE FUNCTION feed_tenants() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT string_to_array(nullif(current_setting('app.feed_user_ids', true), ''), ',')::uuid[] $$;

-- Who acts: 'user', 'agent', or 'system' for anything that does not come through the gateway.
CREATE FUNCTION actor() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(nullif(current_setting('app.actor', true), ''), 'system') $$;

CREATE FUNCTION actor_session() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.session_id', true), '')::uuid $$;


-- One counter per user. Its row lock is held to the commit of each write, so the order of versions is the order of
-- commits and every snapshot sees a prefix of the feed.
CREATE TABLE feeds (
    user_id uuid PRIMARY KEY,
    epoch integer NOT NULL DEFAULT 1 CHECK (epoch > 0),
    version bigint NOT NULL DEFAULT 0,
    pruned bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON COLUMN feeds.epoch IS 'Raised by an operator after a restore or a failover that may have lost commits.';
COMMENT ON COLUMN feeds.pruned IS 'Changes up to this version are no longer kept.';

CREATE TABLE changes (
    user_id uuid NOT NULL REFERENCES feeds,
    version bigint NOT NULL,
    entity text NOT NULL,
    entity_id uuid NOT NULL,
    op text NOT NULL CHECK (op IN ('insert', 'update', 'delete', 'restore', 'purge')),
    data jsonb NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (user_id, version)
);
COMMENT ON COLUMN changes.data IS 'The columns that subscribers filter by or need as they were, never content.';

ALTER TABLE feeds ENABLE ROW LEVEL SECURITY;
ALTER TABLE feeds FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON feeds USING (user_id = (SELECT tenant()));
CREATE POLICY waiting ON feeds FOR SELECT USING (user_id = ANY ((SELECT feed_tenants())::uuid[]));
ALTER TABLE changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE changes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON changes USING (user_id = (SELECT tenant()));
CREATE POLICY waiting ON changes FOR SELECT USING (user_id = ANY ((SELECT feed_tenants())::uuid[]));
GRANT SELECT ON feeds, changes TO parley_runtime;


-- Fires before the first row of a statement is touched. Every writer of a user takes the feed's lock first, so that two
-- writers never hold a row each and wait for the other's.
CREATE FUNCTION feed_lock() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    PERFORM FROM feeds WHERE user_id = tenant() FOR UPDATE;
    RETURN NULL;
END
$$;

-- Takes the next version of a user's feed and writes the change that carries it.
CREATE FUNCTION feed_append(owner_id uuid, entity text, entity_id uuid, op text, data jsonb, at timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
DECLARE
    next_version bigint;
BEGIN
    UPDATE feeds SET version = version + 1 WHERE user_id = owner_id RETURNING version INTO next_version;
    IF next_version IS NULL THEN
        RAISE EXCEPTION 'no feed for user %: a write must run with app.user_id set to its owner', owner_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
    VALUES (owner_id, next_version, entity, entity_id, op, data, at);
    RETURN next_version;
END
$$;
REVOKE EXECUTE ON FUNCTION feed_append FROM PUBLIC;


-- Gives a table its fences: forced row-level security, the feed's triggers, and the runtime role's privileges.
-- `carry` names the columns whose values go into `changes.data`.
--
-- The row trigger runs BEFORE, and stamps a version even for an insert that ON CONFLICT then drops: do not use
-- ON CONFLICT on these tables; let the unique violation roll the version back.
CREATE FUNCTION tenant_table(
    table_name text, carry text[] DEFAULT '{}', privileges text DEFAULT 'SELECT, INSERT, UPDATE'
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    has_deleted_at boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = 'deleted_at');
    has_updated_at boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = 'updated_at');
    carried text := (
        SELECT coalesce(string_agg(format('%L, subject.%I', name, name), ', ' ORDER BY position), '')
        FROM unnest(carry) WITH ORDINALITY AS c (name, position));
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (user_id = (SELECT tenant()))', table_name);
    EXECUTE format('GRANT %s ON %I TO parley_runtime', privileges, table_name);
    EXECUTE format(
        $function$
        CREATE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
        AS $body$
        DECLARE
            subject %2$I;
            op text := lower(TG_OP);
            at timestamptz := clock_timestamp();
        BEGIN
            IF TG_OP = 'DELETE' THEN
                subject := OLD;
                op := 'purge';
            ELSE
                subject := NEW;
                %3$s
            END IF;
            subject.version := feed_append(
                subject.user_id, %2$L, subject.id, op, jsonb_build_object(%4$s), at);
            RETURN subject;
        END
        $body$
        $function$,
        'feed_' || table_name,
        table_name,
        concat_ws(E'\n                ',
            CASE WHEN has_updated_at THEN 'subject.updated_at := at;' END,
            CASE WHEN has_deleted_at THEN
                'IF TG_OP = ''UPDATE'' AND (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL) THEN
                    op := CASE WHEN NEW.deleted_at IS NULL THEN ''restore'' ELSE ''delete'' END;
                END IF;' END),
        carried);
    EXECUTE format(
        'CREATE TRIGGER feed_lock BEFORE INSERT OR UPDATE OR DELETE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION feed_lock()', table_name);
    -- Triggers of one kind fire in the order of their names: this one sees the row as the others left it.
    EXECUTE format(
        'CREATE TRIGGER zz_feed BEFORE INSERT OR UPDATE OR DELETE ON %I '
        'FOR EACH ROW EXECUTE FUNCTION %I()', table_name, 'feed_' || table_name);
END
$$;
REVOKE EXECUTE ON FUNCTION tenant_table FROM PUBLIC;

-- After a restore or a failover that may have lost commits: every cursor handed out before is answered with RESYNC.
-- Run it as the owner, for one user at a time, with app.user_id set to that user.
CREATE FUNCTION raise_epoch() RETURNS integer LANGUAGE sql
AS $$ UPDATE feeds SET epoch = epoch + 1 WHERE user_id = tenant() RETURNING epoch $$;
REVOKE EXECUTE ON FUNCTION raise_epoch FROM PUBLIC;
