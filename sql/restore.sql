-- The end of a restore, in the same transaction, as parley_owner. It fails, so that nothing is restored, unless each table
-- has as many rows as were backed up. It invalidates every cursor issued before: the gateway answers it with RESYNC.
--
-- `parley.rows` holds the number of rows per table, as JSON.
DO $$
DECLARE
    expected record;
    is_forced boolean;
    found bigint;
BEGIN
    FOR expected IN SELECT key AS name, value::bigint AS rows FROM jsonb_each_text(current_setting('parley.rows')::jsonb) LOOP
        -- Forced row-level security would also hide the rows from the owner. Nobody else can see the table yet.
        SELECT relforcerowsecurity INTO STRICT is_forced
        FROM pg_catalog.pg_class
        WHERE oid = format('parley.%I', expected.name)::regclass;
        EXECUTE format('ALTER TABLE parley.%I NO FORCE ROW LEVEL SECURITY', expected.name);
        EXECUTE format('SELECT count(*) FROM ONLY parley.%I', expected.name) INTO found;
        IF is_forced THEN
            EXECUTE format('ALTER TABLE parley.%I FORCE ROW LEVEL SECURITY', expected.name);
        END IF;
        IF found <> expected.rows THEN
            RAISE EXCEPTION '% has % rows instead of %', expected.name, found, expected.rows;
        END IF;
        EXECUTE format('ANALYZE parley.%I', expected.name);
    END LOOP;
END
$$;

-- A dump turns it off, so that hidden rows are an error. The policies of feeds show the owner every row.
SET LOCAL row_security = on;
UPDATE parley.feeds SET epoch = epoch + 1;
