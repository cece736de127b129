-- Limits how many rows of a table a user has, or how many there are for each row that the link `within` leads to. Deleted rows
-- do not count, and with `counted`, a condition on a row's columns, neither do rows that do not meet it. A statement after
-- which there would be too many is refused with `reason`, which replaces the usual wording. Call it after tenant_table().
--
-- Rows are counted after they are written. So what is there already, such as by a repeated request, is reported as such. The
-- feed's lock, which is held by then, lets no other writer of the user in between.
CREATE OR REPLACE FUNCTION add_most(
    table_name text, most integer, reason text DEFAULT NULL, counted text DEFAULT 'true', within text DEFAULT NULL
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    name text := concat_ws('_', table_name, within, 'most');
    things text := replace(table_name, '_', ' ');
    condition text := format('(%s)%s', counted, CASE WHEN is_deletable(table_name) THEN ' AND deleted_at IS NULL' END);
BEGIN
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
        AS $body$
        BEGIN
            IF TG_OP = 'UPDATE' AND EXISTS (SELECT FROM (SELECT OLD.*) AS t WHERE %2$s)%3$s
                OR NOT EXISTS (SELECT FROM (SELECT NEW.*) AS t WHERE %2$s)
            THEN
                RETURN NULL;
            END IF;
            IF (SELECT count(*) FROM %4$I AS t WHERE t.user_id = NEW.user_id%5$s AND %2$s) > %6$s THEN
                RAISE check_violation USING CONSTRAINT = %1$L, TABLE = %4$L, MESSAGE = %7$L;
            END IF;
            RETURN NULL;
        END
        $body$
        $function$,
        name, condition,
        CASE WHEN within IS NOT NULL THEN format(' AND OLD.%1$I IS NOT DISTINCT FROM NEW.%1$I', within) END,
        table_name, CASE WHEN within IS NOT NULL THEN format(' AND t.%1$I = NEW.%1$I', within) END, most,
        rtrim(coalesce(reason, CASE
            WHEN within IS NULL THEN format('You can have at most %s %s.', most, things)
            ELSE format('Each %s can have at most %s %s.', (
                SELECT singular(l.parent) FROM links_of(table_name) AS l WHERE l.key = within), most, things) END), '.'));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name,
        format('Made by SELECT add_most(%L, %L, %L, %L, %L);', table_name, most, reason, counted, within));
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I AFTER INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        concat_ws('_', 'most', within), table_name, name);
END
$$;
