-- Why the arguments of a call do not match those of a rule, whose patterns auto_approval_rules_compile() has prepared: null
-- if they match, and empty if they do not even look as if they did. An argument that is missing or null matches no pattern;
-- numbers and booleans are compared as JSON writes them.
--
-- ALLOW rules compare exactly, and only texts that are plain (approval_oddity). DENY and ASK rules compare what a text may be
-- read as, and their wildcards mean anything. What cannot be read matches them, and no ALLOW rule.
--
-- `keys` and `readings` are what approval_read() makes of the arguments, once for all rules.
CREATE OR REPLACE FUNCTION approval_mismatch(
    effect text, ignore_case boolean, pointers text[], likes text[], regexes text[], host text,
    keys text[], readings text[], arguments jsonb
) RETURNS text LANGUAGE plpgsql IMMUTABLE COST 10000 PARALLEL SAFE
AS $$
DECLARE
    value text;
BEGIN
    FOR n IN 1 .. cardinality(pointers) LOOP
        value := readings[array_position(keys, pointers[n])];
        CONTINUE WHEN effect <> 'allow' AND approval_may_match(value, likes[n]);
        value := CASE WHEN ignore_case THEN lower(value) ELSE value END;
        IF effect <> 'allow' OR value IS NULL OR value NOT LIKE likes[n] OR value !~ regexes[n] THEN
            RETURN coalesce('/' || array_to_string(substr(pointers[n], 2)::text[], '/') || ' '
                || CASE WHEN effect = 'allow' THEN approval_near_miss(pointers[n], arguments, value, likes[n]) END, '');
        END IF;
    END LOOP;
    RETURN CASE
        WHEN host IS NULL THEN NULL
        WHEN effect <> 'allow' THEN CASE
            WHEN NOT approval_mentions(readings[array_position(keys, 'h')], host) THEN '' END
        WHEN approval_are_of(readings[array_position(keys, 'u')], host) THEN NULL
        ELSE coalesce((approval_urls(arguments, host)).mistake, '') END;
END
$$;

-- Why an argument does not match the pattern of an ALLOW rule although it looks as if it did; null if it does not. `value` is
-- the argument as it was compared.
CREATE OR REPLACE FUNCTION approval_near_miss(key text, arguments jsonb, value text, pattern_like text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN jsonb_typeof(argument) IN ('object', 'array') THEN 'is an object or a list, which no pattern matches'
        WHEN a IS NULL OR lower(a) NOT LIKE lower(pattern_like) THEN NULL
        WHEN approval_is_unreadable(argument) THEN 'has more than 16384 characters'
        WHEN value IS NULL THEN coalesce(
            approval_oddity(a, key LIKE 'p%') || ', which no pattern matches', 'has a space, and the pattern has none')
        WHEN value LIKE pattern_like THEN 'has more in place of * than it stands for, which is a part of a path or of a word'
        ELSE 'differs in case' END
    FROM (SELECT arguments #> substr(key, 2)::text[]) AS t (argument)
    CROSS JOIN approval_argument(argument) AS a
$$;

-- What rules compare of the arguments of a call, for a key of auto_approval_rules.pointers, for `h` (what DENY and ASK rules
-- find hosts in), or for `u` (the hosts of the URLs, for ALLOW rules); null if no rule may match it.
CREATE OR REPLACE FUNCTION approval_read(key text, arguments jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    kind text := left(key, 1);
    argument jsonb;
    value text;
BEGIN
    IF key = 'h' THEN
        RETURN approval_host_reading(arguments);
    ELSIF key = 'u' THEN
        RETURN (approval_urls(arguments, '')).hosts;
    END IF;
    argument := arguments #> substr(key, 2)::text[];
    IF approval_is_unreadable(argument) THEN
        RETURN CASE WHEN kind IN ('d', 'e') THEN E'\x04' END;
    END IF;
    value := approval_argument(argument);
    IF kind IN ('d', 'e') THEN
        RETURN approval_readings(value, is_path => kind = 'e');
    ELSIF (kind IN ('p', 'w') AND strpos(value, ' ') > 0) OR approval_oddity(value, is_path => kind = 'p') IS NOT NULL THEN
        RETURN NULL;
    END IF;
    RETURN CASE WHEN kind = 'p' THEN approval_path(value) ELSE value END;
END
$$;

-- An argument as a text: null if it is missing, null, an object or a list.
CREATE OR REPLACE FUNCTION approval_argument(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN jsonb_typeof(value) IN ('string', 'number', 'boolean') THEN value #>> '{}' END $$;

-- Whether an argument is not compared with patterns: an object, a list, or a text that would take too long to read.
CREATE OR REPLACE FUNCTION approval_is_unreadable(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT jsonb_typeof(value) IN ('object', 'array') OR char_length(value #>> '{}') > 16384 $$;
