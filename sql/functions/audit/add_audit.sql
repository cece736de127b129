-- Records changes of a table in the audit: an entry with this action for each row that statements of these `kinds` (insert,
-- update, delete) change.
--
--     SELECT add_audit('agent_tokens', 'token_created', '{insert}', shown => '{scopes,expires_at}');
--     SELECT add_audit('agent_tokens', 'token_revoked', '{update}', of => '{revoked_at}');
--
-- An update is recorded if it sets one of the columns `of` to another value. `condition` is a further condition on NEW and
-- OLD; `inserted` is one on NEW for inserts, instead of `condition`. With `each`, such as 'day' (in UTC), `of` is one column
-- with a time, and the first update of each day is recorded.
--
-- `shown` are the columns whose old and new values go into `changes`, by default those of `of`. They must hold neither
-- secrets nor texts that people write freely.
--
-- The subject of the entry is the row. If the table has the columns entity and entity_id, it is the row that they name; if
-- it has no id, it is the user.
--
-- Generates the trigger function `<table>_audit_<action>`. Rows are written with the table's, in the same transaction. The
-- triggers name their columns, so other statements on the table cost nothing. A column that a BEFORE trigger changes is not
-- noticed.
CREATE OR REPLACE FUNCTION add_audit(
    table_name text, action text, kinds text[], "of" text[] DEFAULT '{}', shown text[] DEFAULT NULL,
    condition text DEFAULT NULL, each text DEFAULT NULL, inserted text DEFAULT NULL
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    name text := format('%s_audit_%s', table_name, action);
    told text[] := coalesce(shown, "of");
    kind text;
BEGIN
    PERFORM refuse_audit(name, action, table_name, kinds, "of", told, each);
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = parley, pg_temp
        AS $body$
        BEGIN
            PERFORM audit_write(coalesce(NEW.user_id, OLD.user_id), %2$L, %3$s, %4$s);
            RETURN NULL;
        END
        $body$
        $function$,
        name, action, audit_subject(table_name), coalesce(
            (SELECT string_agg(
                format(
                    $change$
                CASE WHEN OLD.%1$I IS DISTINCT FROM NEW.%1$I
                    THEN jsonb_build_object(%1$L, jsonb_build_array(OLD.%1$I, NEW.%1$I)) ELSE '{}' END$change$, c),
                ' ||' ORDER BY position)
            FROM unnest(told) WITH ORDINALITY AS t (c, position)),
            '''{}'''));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', name,
        format(
            'Made by SELECT add_audit(%L, %L, %L, of => %L, shown => %L, condition => %L, each => %L, '
                'inserted => %L);',
            table_name, action, kinds, "of", shown, condition, each, inserted));
    FOREACH kind IN ARRAY '{insert,update,delete}'::text[] LOOP
        IF kind = ANY (kinds) THEN
            EXECUTE format(
                'CREATE OR REPLACE TRIGGER %I AFTER %s ON %I FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %I()',
                format('audit_%s_%s', action, kind),
                CASE WHEN kind = 'update' THEN 'UPDATE OF ' || quoted_names("of") ELSE kind END,
                table_name,
                concat_ws(
                    ' AND ', '(' || coalesce(CASE WHEN kind = 'insert' THEN inserted END, condition, 'true') || ')',
                    CASE WHEN kind = 'update' THEN audit_differs("of", each) END),
                name);
        ELSE
            EXECUTE format('DROP TRIGGER IF EXISTS %I ON %I', format('audit_%s_%s', action, kind), table_name);
        END IF;
    END LOOP;
END
$$;

-- Raises an exception for a declaration that cannot work or would show a secret, with what to write instead.
CREATE OR REPLACE FUNCTION refuse_audit(
    name text, action text, table_name text, kinds text[], watched text[], told text[], each text
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    wrong text;
    is_known boolean;
BEGIN
    EXECUTE (
        SELECT format('SELECT %s FROM (SELECT $1 AS action) AS proposed', pg_get_expr(conbin, conrelid))
        FROM pg_constraint
        WHERE conrelid = 'audit_entries'::regclass AND conname = 'audit_entries_action_known'
    ) INTO is_known USING action;
    IF NOT is_known THEN
        RAISE EXCEPTION 'the audit knows no action %', action
            USING HINT = 'Add it to the CHECK of audit_entries, and to AuditAction in resolvers/accounts/audit.py.';
    ELSIF length(name) > 63 THEN
        RAISE EXCEPTION 'the name % is longer than the 63 bytes that PostgreSQL keeps', name;
    ELSIF kinds = '{}' OR NOT kinds <@ '{insert,update,delete}' THEN
        RAISE EXCEPTION 'the audit of % tells of insert, update or delete, not of %', table_name, kinds;
    ELSIF 'update' = ANY (kinds) AND watched = '{}' THEN
        RAISE EXCEPTION 'the audit of % would tell of every update: name the columns, of => {…}', table_name;
    ELSIF each IS NOT NULL AND (kinds <> '{update}' OR cardinality(watched) <> 1) THEN
        RAISE EXCEPTION 'the audit of % once each % needs one column, which an update sets to a time', table_name, each;
    END IF;
    SELECT attname INTO wrong
    FROM pg_attribute
    WHERE attrelid = table_name::regclass AND attname = ANY (told)
        AND (atttypid = 'bytea'::regtype OR attname ~ '(^|_)(password|secret|sealed|hash)(_|$)')
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the audit of % would show the secret %: leave it out of `shown`', table_name, wrong;
    END IF;
END
$$;

-- The SQL for the table and the id of the row that entries about rows of this table name.
CREATE OR REPLACE FUNCTION audit_subject(table_name text) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN '{entity,entity_id}' <@ columns THEN
            'coalesce(NEW.entity, OLD.entity), coalesce(NEW.entity_id, OLD.entity_id)'
        WHEN '{id}' <@ columns THEN format('%L, coalesce(NEW.id, OLD.id)', table_name)
        ELSE '''users'', coalesce(NEW.user_id, OLD.user_id)' END
    FROM (
        SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = table_name::regclass AND NOT attisdropped
    ) AS t (columns)
$$;

-- The condition that an update has set one of these columns to another value, or the one column to a time in a later day or
-- the like.
CREATE OR REPLACE FUNCTION audit_differs(columns text[], each text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$
    SELECT '(' || string_agg(
        CASE WHEN each IS NULL THEN format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', c) ELSE
            format(
                'date_trunc(%2$L, OLD.%1$I AT TIME ZONE ''UTC'') IS DISTINCT FROM '
                'date_trunc(%2$L, NEW.%1$I AT TIME ZONE ''UTC'')', c, each) END,
        ' OR ') || ')'
    FROM unnest(columns) AS c
$$;

CREATE OR REPLACE FUNCTION quoted_names(names text[]) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT string_agg(quote_ident(name), ', ' ORDER BY position) FROM unnest(names) WITH ORDINALITY AS n (name, position) $$;
