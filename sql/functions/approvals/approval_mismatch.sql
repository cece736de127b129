-- Why the arguments of a call do not match those of a rule, whose patterns auto_approval_rules_compile() has prepared: null
-- if they match, and empty if they do not even look as if they did. An argument that is missing or null matches no pattern;
-- numbers and booleans are compared as JSON writes them.
--
-- ALLOW rules compare exactly, and only texts that are plain. DENY and ASK rules compare what a text may be read as, and
-- their wildcards mean anything. What cannot be read (approval_is_unreadable) matches them, and no ALLOW rule.
CREATE OR REPLACE FUNCTION approval_mismatch(
    effect text, ignore_case boolean, pointers text[], paths boolean[], likes text[], regexes text[], host text,
    arguments jsonb
) RETURNS text LANGUAGE plpgsql IMMUTABLE COST 10000 PARALLEL SAFE
AS $$
DECLARE
    argument jsonb;
    value text;
BEGIN
    FOR n IN 1 .. cardinality(pointers) LOOP
        argument := arguments #> pointers[n]::text[];
        IF effect = 'allow' THEN
            value := approval_exact(argument, paths[n]);
            value := CASE WHEN ignore_case THEN lower(value) ELSE value END;
        ELSE
            CONTINUE WHEN approval_is_unreadable(argument);
            value := approval_readings(approval_argument(argument));
            CONTINUE WHEN approval_may_begin(likes[n], approval_beginnings(value));
        END IF;
        IF value IS NULL OR value NOT LIKE likes[n] OR value !~ regexes[n] THEN
            RETURN coalesce('/' || array_to_string(pointers[n]::text[], '/') || ' '
                || CASE WHEN effect = 'allow' THEN approval_near_miss(argument, value, paths[n], likes[n]) END, '');
        END IF;
    END LOOP;
    RETURN CASE
        WHEN host IS NULL THEN NULL
        WHEN effect = 'allow' THEN approval_host_mismatch(arguments, host)
        WHEN NOT approval_mentions(arguments, host) THEN '' END;
END
$$;

-- Why an argument does not match the pattern of an ALLOW rule although it looks as if it did; null if it does not. `value` is
-- the argument as it was compared.
CREATE OR REPLACE FUNCTION approval_near_miss(argument jsonb, value text, is_path boolean, pattern_like text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN jsonb_typeof(argument) IN ('object', 'array') THEN 'is an object or a list, which no pattern matches'
        WHEN a IS NULL OR lower(a) NOT LIKE lower(pattern_like) THEN NULL
        WHEN approval_is_unreadable(argument) THEN 'has more than 16384 characters'
        WHEN value IS NULL THEN coalesce(
            approval_oddity(a, is_path) || ', which no pattern matches',
            'leads above its beginning, to another machine, or where the system decides')
        WHEN value LIKE pattern_like THEN 'has more in place of * than it stands for, which is a part of a path or of a word'
        WHEN lower(value) LIKE lower(pattern_like) THEN 'differs in case'
        ELSE format('leads to %s', to_json(left(value, 100))) END
    FROM approval_argument(argument) AS a
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
