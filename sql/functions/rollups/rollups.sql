-- All roll-ups, as add_rollup() declared them. `recount` is an SQL expression over a row `p` of the parent, for the value
-- that the column must have: the total, if several roll-ups share it. The declarations are the comments of the generated
-- functions.
CREATE OR REPLACE FUNCTION rollups() RETURNS TABLE (
    parent text, column_name text, child text, key text, definition jsonb, recount text
) LANGUAGE plpgsql STABLE
AS $$
DECLARE
    made text := (
        SELECT string_agg(
            substring(obj_description(oid, 'pg_proc') FROM '^Made by SELECT rollup_function(\(.*\));$'), ', ' ORDER BY proname)
        FROM pg_proc
        WHERE pronamespace = 'parley'::regnamespace
            AND starts_with(obj_description(oid, 'pg_proc'), 'Made by SELECT rollup_function('));
BEGIN
    IF made IS NOT NULL THEN
        RETURN QUERY EXECUTE format(
            'SELECT m.parent, c.key, m.child, m.key, c.value, string_agg(rollup_recount(m.parent, m.child, m.key, c.value), '
            ''' + '') OVER (PARTITION BY m.parent, c.key) '
            'FROM (VALUES %s) AS m (child, key, parent, columns) CROSS JOIN jsonb_each(m.columns::jsonb) AS c', made);
    END IF;
END
$$;

-- The value that a roll-up must have, as an expression over the row `p` of its parent.
CREATE OR REPLACE FUNCTION rollup_recount(parent text, child text, key text, definition jsonb) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN definition ? 'sum' THEN format(
            '(SELECT coalesce(sum(%s), 0) FROM %I AS t WHERE t.user_id = p.user_id AND t.%I = p.id AND %s)',
            definition ->> 'sum', child, key, rollup_counts(parent, child, 'p.deleted_at'))
        ELSE format(
            '(SELECT %s FROM %I AS t WHERE t.user_id = p.user_id AND t.%I = p.id AND %s'
            ' ORDER BY t.%I DESC, t.id DESC LIMIT 1)',
            definition ->> 'last', child, key, rollup_counts(parent, child, 'p.deleted_at'), definition ->> 'in_order') END
$$;

-- The condition under which the row `t` of `child` counts: it is not deleted, or its parent was deleted with it.
-- `parent_deleted_at` is an expression for the time when the parent was deleted.
CREATE OR REPLACE FUNCTION rollup_counts(parent text, child text, parent_deleted_at text) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN NOT is_deletable(child) THEN 'true'
        WHEN NOT is_deletable(parent) THEN 't.deleted_at IS NULL'
        ELSE format('(t.deleted_at IS NULL OR t.deleted_at = %s)', parent_deleted_at) END
$$;

-- Whether rows of a table are marked when they are deleted.
CREATE OR REPLACE FUNCTION is_deletable(table_name text) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = table_name::regclass AND attname = 'deleted_at' AND NOT attisdropped)
$$;
