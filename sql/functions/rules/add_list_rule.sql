-- Adds the CHECK `<table>_<column>_list` for a jsonb column that holds a list of at most `most` items:
--
-- * with `length`, texts of 1 to `length` characters;
-- * with `members`, objects. It holds the greatest length of each member that is a text, such as '{"name": 200}'. All
--   objects together take at most 64 KiB.
--
-- The error names the item and the member at fault. `reason` replaces its usual wording. Declare the column as
-- `jsonb NOT NULL DEFAULT '[]'`.
CREATE OR REPLACE FUNCTION add_list_rule(
    table_name text, column_name text, most integer, length integer DEFAULT NULL, members json DEFAULT NULL,
    reason text DEFAULT NULL
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    noun text := upper(left(column_name, 1)) || replace(substr(column_name, 2), '_', ' ');
BEGIN
    IF num_nonnulls(length, members) <> 1 THEN
        RAISE EXCEPTION 'a list rule of %.% takes either length, for texts, or members, for objects', table_name, column_name;
    ELSIF members IS NULL THEN
        PERFORM add_rule(
            table_name, column_name || '_list', format('text_list_mistake(%I, %s, %s) IS NULL', column_name, most, length),
            coalesce(reason, format('%s: at most %s, each of 1 to %s characters.', noun, most, length)));
    ELSE
        PERFORM add_rule(
            table_name, column_name || '_list',
            format('object_list_mistake(%I, %s, %L) IS NULL', column_name, most, members),
            coalesce(reason, concat_ws('; ', format('%s: at most %s, of at most 64 KiB in all', noun, most), (
                SELECT string_agg(
                    format('%s up to %s characters', replace(name, '_', ' '), longest), ', ' ORDER BY position)
                FROM json_each_text(members) WITH ORDINALITY AS m (name, longest, position))) || '.'));
    END IF;
END
$$;
