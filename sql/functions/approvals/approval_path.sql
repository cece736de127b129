-- The normal form of a path: without `.`, `..`, doubled slashes and a slash at the end. Null if nobody can say where it
-- leads: above its beginning, to another machine (//host), through a link of the system, or by a name that ends in a dot or
-- a space, which Windows cuts off.
CREATE OR REPLACE FUNCTION approval_path(path text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    part text;
    parts text[] := '{}';
    depth integer := 0;
BEGIN
    IF path LIKE '//%' THEN
        RETURN NULL;
    END IF;
    FOREACH part IN ARRAY string_to_array(path, '/') LOOP
        IF part IN ('', '.') THEN
            CONTINUE;
        ELSIF part = '..' THEN
            IF depth = 0 THEN
                RETURN NULL;
            END IF;
            depth := depth - 1;
        ELSIF part ~ '[. ]$' THEN
            RETURN NULL;
        ELSE
            depth := depth + 1;
            parts[depth] := part;
        END IF;
    END LOOP;
    path := CASE WHEN path LIKE '/%' THEN '/' ELSE '' END || array_to_string(parts[:depth], '/');
    IF path ~ '^/(proc|dev/(fd|tcp|udp|stdin|stdout|stderr))(/|$)' THEN
        RETURN NULL;
    END IF;
    RETURN coalesce(nullif(path, ''), '.');
END
$$;

-- Whether a pattern is one of paths: it has a slash, and is neither a URL nor a command of several words.
CREATE OR REPLACE FUNCTION approval_is_path(pattern text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT strpos(pattern, '/') > 0 AND strpos(pattern, '://') = 0 AND pattern !~ '\s' $$;
