-- The stamped user's deleted rows of these tables, or of all, last deleted first, after a position; null begins at the first.
-- Rows that lie within a deleted row are left out, because they come back with it, and so is what is being removed for good.
CREATE OR REPLACE FUNCTION trash_page(tables text[], after_at timestamptz, after_id uuid, most integer)
RETURNS TABLE (entity text, id uuid, deleted_at timestamptz) LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    parts text;
BEGIN
    SELECT string_agg(
        format(
            '(SELECT %1$L, t.id, t.deleted_at FROM %1$I AS t '
            'WHERE t.user_id = tenant() AND t.deleted_at IS NOT NULL AND (t.deleted_at, t.id) < ($1, $2)%2$s '
            'AND NOT EXISTS ('
            'SELECT FROM purges AS p WHERE p.user_id = t.user_id AND p.entity = %1$L AND p.entity_id = t.id) '
            'ORDER BY t.deleted_at DESC, t.id DESC LIMIT $3)',
            name, (
                SELECT string_agg(
                    format(
                        ' AND NOT EXISTS (SELECT FROM %I AS p WHERE p.user_id = t.user_id AND p.id = t.%I '
                        'AND p.deleted_at IS NOT NULL)', l.parent, l.key),
                    '')
                FROM links_of(name) AS l
                WHERE l.key = ANY (within_of(name)))),
        ' UNION ALL ')
    INTO parts
    FROM trash_tables()
    WHERE tables IS NULL OR name = ANY (tables);
    IF parts IS NOT NULL THEN
        RETURN QUERY EXECUTE format('SELECT * FROM (%s) AS t (entity, id, at) ORDER BY at DESC, id DESC LIMIT $3', parts)
        USING coalesce(after_at, 'infinity'), coalesce(after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'), most;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION trash_page(text[], timestamptz, uuid, integer) TO parley_runtime;
