-- Declares that a column of `parent` is a roll-up: a value that triggers derive from the rows of another table, in the
-- transaction that writes these rows. `of` is that table, and `by` its column that holds the id of the parent. The column
-- is one of these:
--
-- * a count of the rows: add_rollup('tags', 'uses', of => 'conversation_tags', by => 'tag_id');
-- * the sum of an expression over a row; null adds nothing: sum => 'cost_usd', sum => $$(type = 'positive')::integer$$;
-- * an expression of the last row in the order of `in_order` and the id; null if there is no row: last => 'created_at'.
--   This needs an index that begins with user_id, `by` and `in_order`.
--
-- Deleted rows do not count, except in a parent that was deleted together with them: it keeps its roll-ups. If a
-- statement writes several rows, each parent changes once, and the feed has one change of it.
--
-- Counts and sums of several tables may share a column, which then holds their total: the uses of a tag are its joins in all
-- join tables. The column must exist: NOT NULL DEFAULT 0 for a count and a sum. The runtime role cannot write it. The roll-up begins
-- with the rows that exist.
--
-- Its triggers fire for every write of a row of `of`, also by triggers. So do not make roll-ups of conversations or messages:
-- each new message would pay for them.
CREATE OR REPLACE FUNCTION add_rollup(
    parent text, column_name text, "of" text, "by" text, sum text DEFAULT NULL, last text DEFAULT NULL,
    in_order text DEFAULT 'created_at'
) RETURNS void LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    child text := "of";
    key text := "by";
    definition jsonb := CASE
        WHEN sum IS NOT NULL THEN jsonb_build_object('sum', sum)
        WHEN last IS NOT NULL THEN jsonb_build_object('last', last, 'in_order', in_order)
        ELSE jsonb_build_object('sum', '1') END;
    caller text := current_setting('app.user_id', true);
    owner_id uuid;
BEGIN
    PERFORM refuse_rollup(parent, column_name, child, key, sum, last, in_order);
    PERFORM rollup_function(child, key, parent, jsonb_build_object(column_name, definition) || coalesce((
        SELECT jsonb_object_agg(r.column_name, r.definition)
        FROM rollups() AS r
        WHERE (r.child, r.key, r.parent) = (child, key, parent)), '{}'));
    IF pg_relation_size(child::regclass) > 0 THEN
        -- Row-level security shows the owner one user at a time.
        FOR owner_id IN SELECT user_id FROM feeds ORDER BY user_id LOOP
            PERFORM set_config('app.user_id', owner_id::text, true);
            EXECUTE format(
                'UPDATE %1$I AS p SET %2$I = %3$s WHERE p.user_id = $1 AND p.%2$I IS DISTINCT FROM %3$s',
                parent, column_name, (
                    SELECT DISTINCT r.recount
                    FROM rollups() AS r
                    WHERE (r.parent, r.column_name) = (parent, column_name))) USING owner_id;
        END LOOP;
        PERFORM set_config('app.user_id', coalesce(caller, ''), true);
    END IF;
END
$$;

-- Raises an exception if a roll-up would be wrong or slow, with what to write instead.
CREATE OR REPLACE FUNCTION refuse_rollup(
    parent text, column_name text, child text, key text, sum text, last text, in_order text
) RETURNS void LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    rollup text := format('the roll-up %s.%s of %s', parent, column_name, child);
    held record;
BEGIN
    IF sum IS NOT NULL AND last IS NOT NULL THEN
        RAISE EXCEPTION '% is a sum and a last value: name one of the two', rollup;
    END IF;
    SELECT attnotnull, attgenerated, atttypid, coalesce(pg_get_expr(adbin, adrelid), '') AS standard INTO held
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = parent::regclass AND attname = column_name AND NOT attisdropped;
    IF NOT FOUND OR held.attgenerated <> '' THEN
        RAISE EXCEPTION '% needs an ordinary column: ALTER TABLE % ADD COLUMN % … first', rollup, parent, column_name;
    ELSIF last IS NULL AND NOT (held.attnotnull AND held.standard ~ '^0(::|$)') THEN
        RAISE EXCEPTION '% may be null before the first row: declare the column NOT NULL DEFAULT 0', rollup;
    ELSIF last IS NULL AND held.atttypid IN ('real'::regtype, 'double precision'::regtype) THEN
        RAISE EXCEPTION '% would drift, because sums of this type are not exact: make the column numeric', rollup;
    ELSIF last IS NOT NULL AND held.attnotnull THEN
        RAISE EXCEPTION '% is null while there is no row: drop NOT NULL from the column', rollup;
    ELSIF EXISTS (SELECT FROM rollups() AS r WHERE (r.parent, r.column_name) = (parent, column_name)
        AND (r.child, r.key) <> (child, key) AND (last IS NOT NULL OR r.definition ? 'last')) THEN
        RAISE EXCEPTION '% is already a roll-up of another table or key, and only counts and sums can share one: '
            'use another column', rollup;
    END IF;
    IF (parent, key) <> ('users', 'user_id') AND NOT EXISTS (
        SELECT FROM links_of(child) AS l WHERE (l.parent, l.key) = (parent, key)) THEN
        RAISE EXCEPTION '% needs a foreign key: SELECT add_link(%, %, %) first',
            rollup, quote_literal(child), quote_literal(key), quote_literal(parent);
    END IF;
    IF last IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = child::regclass AND attname = in_order AND attnotnull) THEN
        RAISE EXCEPTION '% is ordered by %, which must be a column that is NOT NULL', rollup, in_order;
    END IF;
    IF last IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_index
        CROSS JOIN LATERAL (
            SELECT string_agg(pg_get_indexdef(indexrelid, position, false), ', ' ORDER BY position)
            FROM generate_series(1, indnkeyatts) AS position
        ) AS i (columns)
        WHERE indrelid = child::regclass AND indisvalid
            AND i.columns || ',' LIKE concat_ws(', ', 'user_id', nullif(key, 'user_id'), in_order) || ',%'
            AND coalesce(pg_get_expr(indpred, indrelid), '') IN ('', '(deleted_at IS NULL)', format('(%I IS NOT NULL)', key))
    ) THEN
        RAISE EXCEPTION '% would read all rows of a parent: CREATE INDEX ON % (%, id)',
            rollup, child, concat_ws(', ', 'user_id', nullif(key, 'user_id'), in_order);
    END IF;
    EXECUTE format('SELECT %s FROM %I AS t LIMIT 0', coalesce(sum, last, '1'), child);
END
$$;
