-- A path without `.`, doubled slashes and a slash at the end. A ./ at the beginning stays if no other slash follows, because
-- a shell looks for ./a and a in different places. Steps above are not resolved: approval_oddity() refuses them.
CREATE OR REPLACE FUNCTION approval_path(path text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN path !~ '^\.|/\.?(/|$)' THEN path
        ELSE regexp_replace(
            regexp_replace(regexp_replace(path, '(?!^)/(\.?/)+|^/(\./)+', '/', 'g'), '(.)/\.?$', '\1'), '^\./(?=[^/]+/)', '') END
$$;

-- Whether a pattern is one of paths: it has a slash, and is neither a URL nor a command of several words.
CREATE OR REPLACE FUNCTION approval_is_path(pattern text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT strpos(pattern, '/') > 0 AND strpos(pattern, '://') = 0 AND pattern !~ '\s' $$;
