-- Adds a CHECK to a table, named `<table>_<name>`. `name` is `<column>_<kind of rule>`, which tells the gateway the field
-- that is at fault, and `reason` is what the person reads. Without a reason, only a developer can break the rule.
--
-- It reads the whole table, so it is for a new one. Where there are rows, write ADD CONSTRAINT … NOT VALID and VALIDATE.
CREATE OR REPLACE FUNCTION add_rule(table_name text, name text, condition text, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s)', table_name, table_name || '_' || name, condition);
    EXECUTE format('COMMENT ON CONSTRAINT %I ON %I IS %L', table_name || '_' || name, table_name, reason);
END
$$;
