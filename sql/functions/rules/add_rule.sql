-- Adds the CHECK `<table>_<name>`. `name` is `<column>_<kind of rule>`, from which the gateway derives the field of the
-- error; `reason` is the error message for users. Omit it if only a programming error can break the rule.
--
-- Adding a CHECK reads the whole table under a lock. For a table that has rows, write ADD CONSTRAINT … NOT VALID and
-- then VALIDATE CONSTRAINT instead.
CREATE OR REPLACE FUNCTION add_rule(table_name text, name text, condition text, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s)', table_name, table_name || '_' || name, condition);
    EXECUTE format('COMMENT ON CONSTRAINT %I ON %I IS %L', table_name || '_' || name, table_name, reason);
END
$$;
