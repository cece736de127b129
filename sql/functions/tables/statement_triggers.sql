-- Makes a function run after statements of these kinds (insert, update, delete), once for each statement. It finds the rows
-- in the transition tables `new_rows` (insert, update) and `old_rows` (update, delete). The triggers are called
-- `<stem>_<kind>`.
CREATE OR REPLACE FUNCTION statement_triggers(table_name text, stem text, function_name text, kinds text[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY kinds LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER %I AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION %I()',
            format('%s_%s', stem, kind), kind, table_name,
            concat_ws(
                ' ',
                CASE WHEN kind <> 'insert' THEN 'OLD TABLE AS old_rows' END,
                CASE WHEN kind <> 'delete' THEN 'NEW TABLE AS new_rows' END),
            function_name);
    END LOOP;
END
$$;
