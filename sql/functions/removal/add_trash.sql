-- Puts deleted rows of a table in the trash: makes the index by which they are listed, the policy by which background work
-- finds old ones of all users, and the trigger that keeps a row whose purge has begun from being restored.
CREATE OR REPLACE FUNCTION add_trash(table_name text) RETURNS void LANGUAGE plpgsql
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
