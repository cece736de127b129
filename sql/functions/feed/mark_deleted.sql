-- Trigger: when a row is deleted or restored, does the same to the rows within it. The trigger's arguments are
-- `<table>.<key>`; keep_links() sets them.
CREATE OR REPLACE FUNCTION mark_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    within text;
    outer_mark text := current_setting('app.marking', true);
BEGIN
    IF OLD.deleted_at IS NOT DISTINCT FROM NEW.deleted_at THEN
        RETURN NULL;
    END IF;
    FOREACH within IN ARRAY TG_ARGV LOOP
        -- The roll-ups of this row stay, see rollup_function().
        PERFORM set_config('app.marking', within, true);
        EXECUTE format(
            'UPDATE %I SET deleted_at = $1 WHERE user_id = $2 AND %I = $3 AND deleted_at %s',
            split_part(within, '.', 1), split_part(within, '.', 2),
            CASE WHEN OLD.deleted_at IS NULL THEN 'IS NULL' ELSE '= $4' END)
        USING NEW.deleted_at, NEW.user_id, NEW.id, OLD.deleted_at;
    END LOOP;
    PERFORM set_config('app.marking', coalesce(outer_mark, ''), true);
    RETURN NULL;
END
$$;
