-- Shows the rows of a table only to the user who owns them. FORCE applies this to the role that owns the table, too.
CREATE OR REPLACE FUNCTION secure_rows(table_name text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (user_id = (SELECT tenant()))', table_name);
END
$$;
