-- Makes deletion final for the rows of a table: they stay, marked as deleted, and are not in the trash. Nobody restores
-- them, and they stay deleted when the row within which they lie is restored. Call it after tenant_table().
CREATE OR REPLACE FUNCTION delete_for_good(table_name text) RETURNS void LANGUAGE plpgsql
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

-- Trigger: refuses to restore a row. It leaves out a row that would come back with another one.
CREATE OR REPLACE FUNCTION refuse_restored() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    IF pg_trigger_depth() > 1 THEN
        RETURN NULL;
    END IF;
    RAISE check_violation USING CONSTRAINT = TG_TABLE_NAME || '_id_deleted', TABLE = TG_TABLE_NAME,
        MESSAGE = format('a deleted %s cannot be restored', singular(TG_TABLE_NAME));
END
$$;
