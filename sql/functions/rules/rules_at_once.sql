-- Generates one trigger that evaluates all rules of a table. They remain constraints, with their names and error
-- messages, but the server does not enforce them: it would parse each CHECK again for every statement that writes a row,
-- which costs several times as much as writing the row. A connection prepares a trigger once. Rules whose columns have
-- their default values are not evaluated.
--
-- Only PostgreSQL 18 and newer know constraints that are not enforced; on older servers this does nothing. Call it again
-- after adding a rule, which the server enforces until then, and after an upgrade to 18.
--
-- With `spare_others`, the trigger does not fire for an UPDATE that sets no column of a rule, so that long texts which
-- stay the same need not be read. Use it only if no other trigger of the table sets such a column.
CREATE OR REPLACE FUNCTION rules_at_once(table_name text, spare_others boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    rule record;
    columns text;
    broken text[] := '{}';
    required text[] := '{true}';
    optional text[] := '{true}';
    untouched text[] := '{true}';
    of_new text;
    holds boolean;
BEGIN
    IF current_setting('server_version_num')::integer < 180000 THEN
        RETURN;
    END IF;
    FOR rule IN
        SELECT conname, pg_get_expr(conbin, conrelid) AS condition, obj_description(oid, 'pg_constraint') AS reason
        FROM pg_constraint
        WHERE conrelid = table_name::regclass AND contype = 'c' AND conenforced
    LOOP
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', table_name, rule.conname);
        EXECUTE format(
            'ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s) NOT ENFORCED', table_name, rule.conname, rule.condition);
        EXECUTE format('COMMENT ON CONSTRAINT %I ON %I IS %L', rule.conname, table_name, rule.reason);
    END LOOP;
    -- In the order of their names, as the server evaluates them. A rule that evaluates to null holds.
    FOR rule IN
        SELECT
            conname, condition, are_constant, defaults, tests
        FROM pg_constraint
        CROSS JOIN LATERAL (SELECT pg_get_expr(conbin, conrelid)) AS e (condition)
        CROSS JOIN LATERAL (
            SELECT
                bool_and(CASE WHEN standard IS NULL THEN NOT attnotnull ELSE strpos(standard, '(') = 0 END),
                string_agg(format('%s::%s AS %I', coalesce(standard, 'NULL'), type, name), ', '),
                array_agg('NEW.' || quote_ident(name) || coalesce(' = ' || standard, ' IS NULL'))
            FROM pg_attribute
            LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            CROSS JOIN LATERAL (
                SELECT attname::text, format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid)
            ) AS d (name, type, standard)
            WHERE attrelid = conrelid AND attnum = ANY (conkey)
        ) AS a (are_constant, defaults, tests)
        WHERE conrelid = table_name::regclass AND contype = 'c'
        ORDER BY conname
    LOOP
        of_new := rule_of_new(table_name, rule.condition);
        broken := broken || format('WHEN NOT %s THEN %L', of_new, rule.conname);
        holds := false;
        IF rule.are_constant THEN
            EXECUTE format('SELECT (%s) IS NOT FALSE FROM (SELECT %s) AS row', rule.condition, rule.defaults) INTO holds;
        END IF;
        IF holds THEN
            optional := optional || of_new;
            untouched := untouched || rule.tests;
        ELSE
            required := required || of_new;
        END IF;
    END LOOP;
    EXECUTE format(
        $function$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql
        AS $body$
        BEGIN
            IF (%2$s) IS NOT FALSE THEN
                IF %3$s THEN
                    RETURN NEW;
                END IF;
                IF (%4$s) IS NOT FALSE THEN
                    RETURN NEW;
                END IF;
            END IF;
            RAISE check_violation USING TABLE = %5$L, MESSAGE = 'a value is not allowed', CONSTRAINT = CASE
            %6$s
            END;
        END
        $body$
        $function$,
        table_name || '_rules',
        array_to_string(required, E'\n                AND '),
        array_to_string(untouched, E'\n                    AND '),
        array_to_string(optional, E'\n                    AND '),
        table_name,
        array_to_string(broken, E'\n            '));
    EXECUTE format(
        'COMMENT ON FUNCTION %I IS %L', table_name || '_rules',
        format('Made by SELECT rules_at_once(%L, spare_others => %L);', table_name, spare_others));
    SELECT string_agg(DISTINCT quote_ident(attname), ', ') INTO columns
    FROM pg_constraint
    JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
    WHERE conrelid = table_name::regclass AND contype = 'c';
    -- Its name makes it fire last, so that it sees the row as the other triggers left it.
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER zz_rules BEFORE INSERT OR UPDATE %s ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
        CASE WHEN spare_others THEN 'OF ' || columns END, table_name, table_name || '_rules');
END
$$;

-- A rule of a table as an expression over NEW. The server decides which words of the text are columns: in a query over two
-- tables, it qualifies each of them with the name of its table.
CREATE OR REPLACE FUNCTION rule_of_new(table_name text, condition text) RETURNS text LANGUAGE plpgsql
AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format(
        'CREATE VIEW rule_of_new AS SELECT (%s) AS end_of_rule FROM %I AS new CROSS JOIN (SELECT) AS another',
        condition, table_name);
    found := substring(pg_get_viewdef('rule_of_new'::regclass) FROM '^\s*SELECT (.*) AS end_of_rule\s+FROM');
    DROP VIEW rule_of_new;
    RETURN found;
END
$$;
