-- Gives a new table everything that a table of users' rows needs. The table itself declares `user_id uuid`, `id uuid
-- DEFAULT uuid7()` and its own columns. This adds
--
-- * the columns created_at, updated_at, deleted_at, version and request_hash, unless the table has them or they are
--   listed in `without`;
-- * the primary key (user_id, id), which a table with UNIQUE constraints must declare itself;
-- * forced row-level security, and `privileges` for the runtime role;
-- * the triggers that lock the feed and append each change to it. `carry` lists the columns whose values go into
--   `changes.data`, for subscriptions to filter by;
-- * the trigger that checks the links of the table's foreign keys (see keep_links);
-- * the trash, if rows can be deleted (see add_trash).
--
-- Do not use ON CONFLICT on these tables: the row trigger fires BEFORE INSERT and takes a version even for a row that ON
-- CONFLICT then skips. Let the unique violation roll the version back.
CREATE OR REPLACE FUNCTION tenant_table(
    table_name text, carry text[] DEFAULT '{}', without text[] DEFAULT '{}',
    privileges text DEFAULT 'SELECT, INSERT, UPDATE'
) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM add_usual_columns(table_name, without);
    PERFORM secure_rows(table_name);
    EXECUTE format('GRANT %s ON %I TO parley_runtime', privileges, table_name);
    PERFORM feed_function(table_name, carry);
    PERFORM add_feed_lock(table_name);
    PERFORM add_feed(table_name);
    PERFORM keep_links(table_name);
    PERFORM add_trash(name) FROM trash_tables() WHERE name = table_name;
END
$$;

CREATE OR REPLACE FUNCTION add_usual_columns(table_name text, without text[]) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    usual text[];
BEGIN
    FOREACH usual SLICE 1 IN ARRAY ARRAY[
        ['created_at', 'timestamptz NOT NULL DEFAULT clock_timestamp()'],
        ['updated_at', 'timestamptz NOT NULL DEFAULT clock_timestamp()'],
        ['deleted_at', 'timestamptz'],
        ['version', 'bigint NOT NULL'],
        -- Distinguishes a repeated create from a different one with the same id. The row itself cannot: it does not show
        -- what the request omitted, and it may have changed since.
        ['request_hash', 'bigint']
    ] LOOP
        CONTINUE WHEN usual[1] = ANY (without) OR EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = table_name::regclass AND attname = usual[1]);
        EXECUTE format('ALTER TABLE %I ADD COLUMN %I %s', table_name, usual[1], usual[2]);
        IF usual[1] = 'request_hash' THEN
            EXECUTE format('COMMENT ON COLUMN %I.request_hash IS %L', table_name,
                'Hash of the values in the request that created the row; null if the request named no id.');
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = table_name::regclass AND indisprimary) THEN
        -- A repeated create is recognised by its violation of the primary key. If a row violates several unique indexes, the
        -- server reports the oldest, so that must be the primary key.
        IF EXISTS (SELECT FROM pg_index WHERE indrelid = table_name::regclass AND indisunique) THEN
            RAISE EXCEPTION '% has a UNIQUE constraint: also declare PRIMARY KEY (user_id, id) in its CREATE TABLE', table_name;
        END IF;
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (user_id, id)', table_name);
    END IF;
END
$$;
