-- A pattern as LIKE reads it, with each run of * as anything.
CREATE OR REPLACE FUNCTION approval_like(pattern text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT regexp_replace(
        regexp_replace(regexp_replace(pattern, '(^|/)\*\*/', '\1**', 'g'), '([\\%_])', '\\\1', 'g'), '\*+', '%', 'g')
$$;

-- The regular expression of a pattern of an ALLOW rule. Null if approval_like() is exact already: it has no wildcard, or only
-- one at the end that matches anything. A wildcard means
--
-- * in a path: * anything within a part of the path, ** anything, where a part that is ** may be missing in the middle;
-- * in a URL: the same, but never beyond the host;
-- * in another text: in a word with a slash as in a path, without spaces and quotes; otherwise ** means anything, and so
--   does * at the end, while * before the end stays within a word.
CREATE OR REPLACE FUNCTION approval_regex(pattern text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    is_path boolean := approval_is_path(pattern);
    word text;
    in_word text;
    token text;
    regex text := '';
    rest text := pattern;
BEGIN
    IF strpos(pattern, '*') = 0 OR pattern ~ '^\*+$' OR (NOT is_path AND pattern ~ '^[^*]*\*$' AND pattern !~ '/\S*$') THEN
        RETURN NULL;
    END IF;
    FOR word IN SELECT m[1] FROM regexp_matches(pattern, CASE WHEN is_path THEN '(.+)' ELSE '(\s+|\S+)' END, 'g') AS m LOOP
        -- The first word is a command: one that is only known in part must not begin with an assignment.
        in_word := CASE WHEN rest = pattern THEN '[^\s''"=]*' ELSE '[^\s''"]*' END;
        rest := substr(rest, length(word) + 1);
        FOR token IN SELECT m[1] FROM regexp_matches(
            word, CASE WHEN is_path THEN '(^\*\*/|/\*\*/|/\*\*$|\*\*+|\*|/|[^*/]+)' ELSE '(\*\*+|\*|[^*]+)' END, 'g') AS m
        LOOP
            regex := regex || CASE
                WHEN token = '**/' THEN '(?:.*/)?'
                WHEN token = '/**/' THEN '/(?:.*/)?'
                WHEN token = '/**' THEN '/.+'
                WHEN token LIKE '%*%' THEN CASE
                    WHEN is_path THEN CASE WHEN token = '*' THEN '[^/]*' ELSE '.*' END
                    WHEN strpos(word, '://') > 0 THEN CASE
                        WHEN regex !~ '://[^/]*/' THEN '[A-Za-z0-9.-]*'
                        WHEN token = '*' THEN '[^/\s''"?#]*'
                        ELSE '[^\s''"]*' END
                    WHEN strpos(word, '/') > 0 THEN CASE WHEN token = '*' THEN replace(in_word, '[^', '[^/') ELSE in_word END
                    WHEN word || rest <> pattern AND (token <> '*' OR (rest = '' AND word LIKE '%*')) THEN '.*'
                    ELSE in_word END
                ELSE regexp_replace(token, '([].^$+?(){}|\\[])', '\\\1', 'g') END;
        END LOOP;
    END LOOP;
    RETURN '^' || regex || '$';
END
$$;

-- What is wrong with the arguments of a rule; null if nothing is.
CREATE OR REPLACE FUNCTION approval_arguments_mistake(arguments jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    pointer text;
    pattern jsonb;
    text_of text;
BEGIN
    IF jsonb_typeof(arguments) <> 'object' THEN
        RETURN 'arguments are an object: a JSON pointer for each argument, with its pattern';
    ELSIF (SELECT count(*) FROM jsonb_object_keys(arguments)) > 20 THEN
        RETURN 'a rule names at most 20 arguments';
    END IF;
    FOR pointer, pattern IN SELECT * FROM jsonb_each(arguments) LOOP
        IF pointer !~ '^(/([^~/]|~[01])*)*$' OR char_length(pointer) > 200 THEN
            RETURN format('%s is no JSON pointer, such as "/path", of at most 200 characters', to_json(left(pointer, 100)));
        ELSIF pointer ~ '/\s*-[0-9]+(/|$)' THEN
            RETURN format('%s has a negative index, which a JSON pointer has not', to_json(pointer));
        ELSIF jsonb_typeof(pattern) <> 'string' THEN
            RETURN format('the pattern of %s is not a text', to_json(pointer));
        END IF;
        text_of := pattern #>> '{}';
        IF char_length(text_of) NOT BETWEEN 1 AND 1000 THEN
            RETURN format('the pattern of %s has 1 to 1000 characters', to_json(pointer));
        ELSIF approval_is_path(text_of) AND text_of ~ '(^|/)\.\.(/|$)' THEN
            RETURN format('the pattern of %s must not contain ..', to_json(pointer));
        ELSIF text_of ~ '://[^/]*\*' AND text_of !~ '://\*\.[^/*]+(/|$)' THEN
            RETURN format('in the pattern of %s, a wildcard in the host must stand alone before a dot, as in *.example.org',
                to_json(pointer));
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

-- Trigger: checks the patterns of a rule, and stores them as they are compared: see approval_mismatch().
CREATE OR REPLACE FUNCTION auto_approval_rules_compile() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    allows boolean := NEW.effect = 'allow';
    mistake text := approval_arguments_mistake(NEW.arguments);
    -- A rule refuses names that are too long.
    folded_tool text := coalesce(approval_fold(NEW.tool_name), NEW.tool_name);
    pointer text;
    pattern text;
BEGIN
    -- A rule refuses arguments that are too large.
    IF mistake IS NOT NULL AND pg_column_size(NEW.arguments) <= 65536 THEN
        RAISE invalid_parameter_value USING CONSTRAINT = 'auto_approval_rules_arguments_shape',
            TABLE = 'auto_approval_rules', MESSAGE = mistake;
    END IF;
    NEW.tool_key := CASE WHEN strpos(NEW.tool_name, '*') > 0 THEN '*' ELSE folded_tool END;
    NEW.tool_like := approval_like(CASE WHEN allows THEN NEW.tool_name ELSE folded_tool END);
    NEW.pointers := '{}';
    NEW.likes := '{}';
    NEW.regexes := '{}';
    IF mistake IS NOT NULL THEN
        RETURN NEW;
    END IF;
    FOR pointer, pattern IN SELECT * FROM jsonb_each_text(NEW.arguments) LOOP
        NEW.pointers := NEW.pointers || (
            SELECT CASE
                WHEN NOT allows THEN CASE WHEN approval_is_path(pattern) THEN 'e' ELSE 'd' END
                WHEN approval_is_path(pattern) THEN 'p'
                WHEN pattern ~ '\s|^\*+$' THEN 'a'
                ELSE 'w' END
                || coalesce(array_agg(replace(replace(part, '~1', '/'), '~0', '~') ORDER BY position), '{}')::text
            FROM unnest((string_to_array(pointer, '/'))[2:]) WITH ORDINALITY AS p (part, position));
        IF allows THEN
            pattern := CASE WHEN approval_is_path(pattern) THEN approval_path(pattern) ELSE pattern END;
            pattern := CASE WHEN NEW.ignore_case THEN lower(pattern) ELSE pattern END;
            NEW.likes := NEW.likes || approval_like(pattern);
            NEW.regexes := NEW.regexes || approval_regex(pattern);
        ELSE
            pattern := coalesce(approval_fold(pattern), pattern);
            NEW.likes := NEW.likes || ('% ' || approval_like(pattern) || CASE WHEN pattern LIKE '%*' THEN '' ELSE E' \n%' END);
            NEW.regexes := NEW.regexes || NULL::text;
        END IF;
    END LOOP;
    RETURN NEW;
END
$$;
