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

-- Whose feeds may be read: the caller's, and those of the users for whose waiting subscribers the gateway reads together.
-- These are named in the reading statement itself.
CREATE FUNCTION feed_tenants() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT string_to_array(concat_ws(',',
        nullif(current_setting('app.user_id', true), ''), nullif(current_setting('app.feed_user_ids', true), '')), ',')::uuid[]
$$;

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
    user_id uuid NOT NULL,
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
-- One condition, not one for the caller and one for the others: joined by OR, the planner takes them for rare rows, and
-- sorts all that is left of a feed to give its next page.
CREATE POLICY tenant ON feeds FOR SELECT USING (user_id = ANY ((SELECT feed_tenants())::uuid[]));
-- For the triggers, which run as the owner; the row they append for has its own policy. Nobody logs in as the owner.
CREATE POLICY appending ON feeds TO parley_owner USING (true);
ALTER TABLE changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE changes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON changes FOR SELECT USING (user_id = ANY ((SELECT feed_tenants())::uuid[]));
CREATE POLICY appending ON changes TO parley_owner USING (true);
GRANT SELECT ON feeds, changes TO parley_runtime;


-- Fires before the first row of a statement is touched. Every writer of a user takes the feed's lock first, so that two
-- writers never hold a row each and wait for the other's. What a trigger writes runs under the lock of its statement.
CREATE FUNCTION feed_lock() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    PERFORM FROM feeds WHERE user_id = tenant() FOR UPDATE;
    RETURN NULL;
END
$$;

-- A write of rows whose owner has no feed, because the owner is no user.
CREATE FUNCTION feed_missing(owner_id uuid) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = format('user %s has no feed', owner_id);
END
$$;

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
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (user_id = (SELECT tenant()))', table_name);
    EXECUTE format('GRANT %s ON %I TO parley_runtime', privileges, table_name);
    -- Written out for each table, instead of one function over to_jsonb(NEW): a row can be large, and is not copied here.
    EXECUTE format(
        $function$
        CREATE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
        AS $body$
        DECLARE
            at timestamptz := clock_timestamp();
            next_version bigint;
        BEGIN
            UPDATE feeds SET version = version + 1
            WHERE user_id = CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            RETURNING version INTO next_version;
            IF next_version IS NULL THEN
                PERFORM feed_missing(NEW.user_id);
            END IF;
            IF TG_OP = 'DELETE' THEN
                INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
                VALUES (OLD.user_id, next_version, %2$L, OLD.id, 'purge', jsonb_build_object(%3$s), at);
                RETURN OLD;
            END IF;
            INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
            VALUES (NEW.user_id, next_version, %2$L, NEW.id, %5$s, jsonb_build_object(%4$s), at);
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
        CASE WHEN has_updated_at THEN 'NEW.updated_at := at;' END);
    EXECUTE format(
        'CREATE TRIGGER feed_lock BEFORE INSERT OR UPDATE OR DELETE ON %I '
        'FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock()', table_name);
    -- Triggers of one kind fire in the order of their names: this one sees the row as the others left it.
    EXECUTE format(
        'CREATE TRIGGER zz_feed BEFORE INSERT OR UPDATE OR DELETE ON %I '
        'FOR EACH ROW EXECUTE FUNCTION %I()', table_name, 'feed_' || table_name);
END
$$;

-- The arguments of jsonb_build_object for columns of a trigger's row.
CREATE FUNCTION carried(subject text, names text[]) RETURNS text LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(string_agg(format('%L, %s.%I', name, subject, name), ', ' ORDER BY position), '')
    FROM unnest(names) WITH ORDINALITY AS c (name, position)
$$;
REVOKE EXECUTE ON FUNCTION tenant_table, carried FROM PUBLIC;

-- After a restore or a failover that may have lost commits: every cursor handed out before is answered with RESYNC.
-- Run it as the owner, for one user at a time, with app.user_id set to that user.
CREATE FUNCTION raise_epoch() RETURNS integer LANGUAGE sql
AS $$ UPDATE feeds SET epoch = epoch + 1 WHERE user_id = tenant() RETURNING epoch $$;
REVOKE EXECUTE ON FUNCTION raise_epoch FROM PUBLIC;
