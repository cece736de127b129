-- Whether the arguments of a call match those of a rule, whose patterns auto_approval_rules_compile() has prepared. An
-- argument that is missing or null matches no pattern; numbers and booleans are compared as JSON writes them.
--
-- ALLOW rules compare exactly, and only texts that are plain. DENY and ASK rules compare what a text may be read as, and
-- their wildcards mean anything. What cannot be read (approval_is_unreadable) matches them, and no ALLOW rule.
CREATE OR REPLACE FUNCTION approval_rule_matches(
    effect text, ignore_case boolean, pointers text[], paths boolean[], likes text[], regexes text[], host text,
    arguments jsonb
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 10000 PARALLEL SAFE
AS $$
DECLARE
    value text;
BEGIN
    FOR n IN 1 .. cardinality(pointers) LOOP
        IF effect = 'allow' THEN
            value := approval_exact(arguments #> pointers[n]::text[], paths[n]);
            value := CASE WHEN ignore_case THEN lower(value) ELSE value END;
        ELSE
            CONTINUE WHEN approval_is_unreadable(arguments #> pointers[n]::text[]);
            value := approval_readings(approval_argument(arguments #> pointers[n]::text[]));
            CONTINUE WHEN approval_may_begin(likes[n], approval_beginnings(value));
        END IF;
        IF value IS NULL OR value NOT LIKE likes[n] OR value !~ regexes[n] THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN CASE
        WHEN host IS NULL THEN true
        WHEN effect = 'allow' THEN approval_hosts_are(arguments, host)
        ELSE approval_mentions(arguments, host) END;
END
$$;

-- An argument as a text: null if it is missing, null, an object or a list.
CREATE OR REPLACE FUNCTION approval_argument(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT CASE WHEN jsonb_typeof(value) IN ('string', 'number', 'boolean') THEN value #>> '{}' END $$;

-- An argument as ALLOW rules compare it; null if they may not match it. A path is in normal form.
CREATE OR REPLACE FUNCTION approval_exact(value jsonb, is_path boolean) RETURNS text LANGUAGE sql IMMUTABLE STRICT
PARALLEL SAFE
AS $$
    SELECT CASE WHEN NOT approval_is_unreadable(value) AND approval_is_plain(a, is_path)
        THEN CASE WHEN is_path THEN approval_path(a) ELSE a END END
    FROM approval_argument(value) AS a
$$;

-- Whether an argument is not compared with patterns: an object, a list, or a text that would take too long to read.
CREATE OR REPLACE FUNCTION approval_is_unreadable(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT jsonb_typeof(value) IN ('object', 'array') OR char_length(value #>> '{}') > 16384 $$;
