-- A create that a client sends again under its own id must be told from another one that names the same id. Comparing the
-- request with the row cannot do that: what was left out is unknown, and the row may have changed since. So a row
-- keeps a hash of the request that made it.

CREATE FUNCTION remembers_requests(table_name text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS request_hash bigint', table_name);
    EXECUTE format('COMMENT ON COLUMN %I.request_hash IS %L', table_name,
        'Hash of the values in the request that created the row; null if the request named no id.');
END
$$;
REVOKE EXECUTE ON FUNCTION remembers_requests FROM PUBLIC;
SELECT remembers_requests(name)
FROM unnest(ARRAY['conversations', 'messages', 'tool_executions', 'context_optimizations', 'usage_logs']) AS t (name);

-- Gives a table its fences: forced row-level security, the feed's triggers, and the runtime role's privileges.
-- `carry` names the columns whose values go into `changes.data`. The table also gets the column `request_hash`.
--
-- The row trigger runs BEFORE, and stamps a version even for an insert that ON CONFLICT then drops: do not use
-- ON CONFLICT on these tables; let the unique violation roll the version back.
CREATE OR REPLACE FUNCTION tenant_table(
    table_name text, carry text[] DEFAULT '{}', privileges text DEFAULT 'SELECT, INSERT, UPDATE'
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    has_deleted_at boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = 'deleted_at');
    has_updated_at boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = 'updated_at');
BEGIN
    PERFORM remembers_requests(table_name);
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
