-- The rows that refer to rows of a table, and what becomes of them when these are removed for good. Rows that lie within
-- others (keep_links) or cannot be without them are removed too. Other rows are kept, and their link becomes null.
CREATE OR REPLACE FUNCTION children_of(table_name text) RETURNS TABLE (child text, key text, has_id boolean, removed boolean)
LANGUAGE sql STABLE
AS $$
    SELECT child.relname, held.attname, EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = child.oid AND attname = 'id'),
        fate.removed
    FROM pg_constraint AS con
    JOIN pg_class AS child ON child.oid = con.conrelid
    CROSS JOIN unnest(con.conkey, con.confkey) AS pair (held, named)
    JOIN pg_attribute AS held ON held.attrelid = con.conrelid AND held.attnum = pair.held
    JOIN pg_attribute AS named ON named.attrelid = con.confrelid AND named.attnum = pair.named AND named.attname = 'id'
    CROSS JOIN LATERAL (
        SELECT held.attnotnull OR held.attname = ANY (within_of(child.relname))
    ) AS fate (removed)
    WHERE con.confrelid = table_name::regclass AND con.contype = 'f' AND con.confdeltype = 'a'
    -- A row may have to lose one link before another.
    ORDER BY fate.removed DESC, child.relname, held.attname
$$;
