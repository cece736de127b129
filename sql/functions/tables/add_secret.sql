-- Adds a secret to the rows of a table: the column `<column>`, to which the gateway writes it sealed, and
-- `<column>_generation`, which counts how often it was written. A trigger moves what is written to sealed_secrets, so the
-- column itself is always null, and no SELECT, dump of the table or copy of a row contains it. secret_of() reads it back.
--
-- The generation is part of what seals the secret, and only the trigger writes it. So an older sealed text that is put back
-- does not open. The secret is destroyed when the row is deleted or removed, so nobody restores it: see delete_for_good(). Call
-- it after tenant_table(). A later call of grant_columns() must also name `<column>_generation`.
CREATE OR REPLACE FUNCTION add_secret(table_name text, column_name text) RETURNS void LANGUAGE plpgsql
AS $$
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
$$;
