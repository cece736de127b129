-- Gives a new table everything that a table of users' rows needs. The table itself declares `user_id uuid`, `id uuid
-- DEFAULT uuid7()` and its own columns. This adds
--
-- * the columns created_at, updated_at, deleted_at, version and request_hash, unless the table has them or they are
--   listed in `without`;
-- * the primary key (user_id, id), which a table with UNIQUE constraints has to declare itself;
-- * forced row-level security, and `privileges` for the runtime role;
-- * the triggers that lock the feed and append each change to it. `carry` lists the columns whose values are put
--   into `changes.data`, for subscribers to filter by;
-- * the trigger that keeps the links of foreign keys which the table already has (see keep_links).
--
-- Do not use ON CONFLICT on these tables: the row trigger runs BEFORE and takes a version even for an insert that ON
-- CONFLICT then drops. Let the unique violation roll the version back.
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
    EXECUTE format(
        'CREATE TRIGGER feed_lock BEFORE INSERT OR UPDATE OR DELETE ON %I '
        'FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock()', table_name);
    -- Triggers of one kind fire in the order of their names: this one sees the row as the others left it.
    EXECUTE format(
        'CREATE TRIGGER zz_feed BEFORE INSERT OR UPDATE OR DELETE ON %I '
        'FOR EACH ROW EXECUTE FUNCTION %I()', table_name, 'feed_' || table_name);
    PERFORM keep_links(table_name);
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
        -- Tells a create that a client sends again from another one with the same id. The row cannot: what the request
        -- left out is unknown, and the row may have changed since.
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
        -- Of several unique indexes that a row violates, the server names the oldest. A create that is sent again is known by
        -- the violation of the primary key.
        IF EXISTS (SELECT FROM pg_index WHERE indrelid = table_name::regclass AND indisunique) THEN
            RAISE EXCEPTION '% has UNIQUE: write PRIMARY KEY (user_id, id) in its CREATE TABLE too', table_name;
        END IF;
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (user_id, id)', table_name);
    END IF;
END
$$;
