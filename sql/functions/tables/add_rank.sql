-- Adds the column `<column>_rank`, by which lists are ordered by an enumeration: the position of the column's value among
-- `members`, from 1, so in the order LOW, MEDIUM, HIGH and not by the names. Indexes and cursors contain the rank.
--
-- The column is generated, so in BEFORE triggers it is null. Adding it rewrites the table under a lock.
CREATE OR REPLACE FUNCTION add_rank(table_name text, column_name text, members text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    is_required boolean := (
        SELECT attnotnull FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = column_name);
BEGIN
    EXECUTE format(
        'ALTER TABLE %I ADD COLUMN %I smallint %s GENERATED ALWAYS AS (array_position(%L::text[], %I)::smallint) STORED',
        table_name, column_name || '_rank', CASE WHEN is_required THEN 'NOT NULL' END, members, column_name);
END
$$;
