-- Generates the trigger function `<child>_rollup_<key without _id>`, which keeps all roll-ups of one link. add_rollup()
-- calls it. `columns` has a definition for each column of the parent: {"sum": <expression>}, or {"last": <expression>,
-- "in_order": <column>}.
--
-- A statement trigger with transition tables, so a statement that writes many rows changes each parent once. It works out
-- how much each parent changes, and updates parents one by one: each is found by its primary key, whatever the planner
-- expects of a transition table. A parent whose values stay the same is not written.
CREATE OR REPLACE FUNCTION rollup_function(child text, key text, parent text, columns jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    stem text := 'rollup_' || regexp_replace(key, '_id$', '');
    name text := child || '_' || stem;
    sums text[] := ARRAY(SELECT c.key FROM jsonb_each(columns) AS c WHERE c.value ? 'sum' ORDER BY 1);
    lasts text[] := ARRAY(SELECT c.key FROM jsonb_each(columns) AS c WHERE c.value ? 'last' ORDER BY 1);
    of_new text := rollup_rows('new_rows', '', child, key, parent, columns);
    of_old text := rollup_rows('old_rows', '-', child, key, parent, columns);
    deltas text;
BEGIN
    IF length(name) > 63 THEN
        RAISE EXCEPTION 'the name % is longer than the 63 bytes that PostgreSQL keeps: shorten the column %', name, key;
    END IF;
    deltas := format(
        $query$
                SELECT d.*%s
                FROM (
                    SELECT r.user_id, r.parent_id%s
                    FROM (<rows>
                    ) AS r
                    GROUP BY r.user_id, r.parent_id%s
                ) AS d%s
                ORDER BY d.parent_id$query$,
        (SELECT string_agg(format(', %I.last AS %I', c || '_row', c), '') FROM unnest(lasts) AS c),
        (SELECT string_agg(format(', sum(r.%1$I) AS %1$I', c), '') FROM unnest(sums) AS c),
        -- The last row may be another one although all sums stay the same.
        CASE WHEN lasts = '{}' THEN
            (SELECT E'\n                    HAVING ' || string_agg(format('sum(r.%I) <> 0', c), ' OR ') FROM unnest(sums) AS c)
        END,
        (SELECT string_agg(rollup_last(child, key, parent, c, columns -> c), '') FROM unnest(lasts) AS c));
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        DECLARE
            deltas refcursor;
            delta record;
        BEGIN
            -- A parent that is deleted or restored together with these rows keeps its roll-ups.
            IF current_setting('app.marking', true) = %2$L THEN
                RETURN NULL;
            ELSIF TG_OP = 'INSERT' THEN
                OPEN deltas FOR%3$s;
            ELSIF TG_OP = 'DELETE' THEN
                OPEN deltas FOR%4$s;
            ELSE
                OPEN deltas FOR%5$s;
            END IF;
            LOOP
                FETCH deltas INTO delta;
                EXIT WHEN NOT FOUND;
                UPDATE %6$I AS p
                SET %7$s
                WHERE p.user_id = delta.user_id AND p.id = delta.parent_id
                    AND (%8$s);
                IF NOT FOUND AND delta.user_id IS DISTINCT FROM tenant() THEN
                    RAISE insufficient_privilege USING
                        MESSAGE = format('to change %9$s of user %%s, set app.user_id to this user', delta.user_id);
                END IF;
            END LOOP;
            CLOSE deltas;
            RETURN NULL;
        END
        $body$
        $function$,
        name, format('%s.%s', child, key), replace(deltas, '<rows>', of_new), replace(deltas, '<rows>', of_old),
        replace(deltas, '<rows>', of_new || E'\n                        UNION ALL' || of_old), parent,
        (SELECT string_agg(x, E',\n                    ') FROM (
            SELECT format('%1$I = p.%1$I + delta.%1$I', c) FROM unnest(sums) AS c
            UNION ALL SELECT format('%1$I = delta.%1$I', c) FROM unnest(lasts) AS c) AS s (x)),
        (SELECT string_agg(x, ' OR ') FROM (
            SELECT format('delta.%I <> 0', c) FROM unnest(sums) AS c
            UNION ALL SELECT format('p.%1$I IS DISTINCT FROM delta.%1$I', c) FROM unnest(lasts) AS c) AS s (x)),
        child);
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name,
        format('Made by SELECT rollup_function(%L, %L, %L, %L);', child, key, parent, columns));
    PERFORM statement_triggers(child, stem, name, '{insert,update,delete}');
    PERFORM tell_of(parent, sums || lasts);
    PERFORM grant_columns(parent, 'INSERT', rolled_up(parent) || columns_without('INSERT', parent));
    PERFORM grant_columns(parent, 'UPDATE', rolled_up(parent) || columns_without('UPDATE', parent));
END
$$;

-- The part of FROM that selects what rows of a transition table add to the sums of their parents, or take with `sign` '-'.
CREATE OR REPLACE FUNCTION rollup_rows(
    transition text, sign text, child text, key text, parent text, columns jsonb
) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT format(
        $query$
                        SELECT t.user_id, t.%1$I AS parent_id%2$s
                        FROM %3$s AS t
                        WHERE t.%1$I IS NOT NULL AND %4$s$query$,
        key,
        (SELECT string_agg(format(', %scoalesce(%s, 0) AS %I', sign, c.value ->> 'sum', c.key), '' ORDER BY c.key)
        FROM jsonb_each(columns) AS c
        WHERE c.value ? 'sum'),
        transition,
        rollup_counts(parent, child, format(
            '(SELECT p.deleted_at FROM %I AS p WHERE p.user_id = t.user_id AND p.id = t.%I)', parent, key)))
$$;

-- The part of FROM that finds the last row of the parent of `d`, for a roll-up column.
CREATE OR REPLACE FUNCTION rollup_last(child text, key text, parent text, column_name text, definition jsonb) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT format(
        E'\n                LEFT JOIN LATERAL (%s) AS %I ON true',
        CASE WHEN is_deletable(child) AND is_deletable(parent) THEN
            -- Two searches, because one with OR could use neither index.
            format(
                'SELECT b.last FROM ((%s) UNION ALL (%s)) AS b ORDER BY b.in_order DESC, b.id DESC LIMIT 1',
                replace(newest, '<counts>', 't.deleted_at IS NULL'),
                replace(newest, '<counts>', format(
                    't.deleted_at = (SELECT p.deleted_at FROM %I AS p WHERE p.user_id = d.user_id AND p.id = d.parent_id)',
                    parent)))
        ELSE replace(newest, '<counts>', CASE WHEN is_deletable(child) THEN 't.deleted_at IS NULL' ELSE 'true' END) END,
        column_name || '_row')
    FROM (SELECT format(
        'SELECT %s AS last, t.%I AS in_order, t.id FROM %I AS t'
        ' WHERE t.user_id = d.user_id AND t.%I = d.parent_id AND <counts> ORDER BY t.%2$I DESC, t.id DESC LIMIT 1',
        definition ->> 'last', definition ->> 'in_order', child, key)) AS n (newest)
$$;
