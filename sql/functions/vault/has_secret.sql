-- Whether a name in a JSON value, at any depth, looks like that of a secret, or a text like a credential of HTTP.
-- It names the schema, because a rule calls it, also while a backup is restored.
CREATE OR REPLACE FUNCTION has_secret(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$
    WITH RECURSIVE inside (name, value) AS (
        SELECT NULL::text, has_secret.value
        UNION ALL
        SELECT below.name, below.value
        FROM inside AS i
        CROSS JOIN LATERAL (
            SELECT o.key, o.value
            FROM jsonb_each(CASE jsonb_typeof(i.value) WHEN 'object' THEN i.value ELSE '{}' END) AS o
            UNION ALL
            SELECT NULL, a.value
            FROM jsonb_array_elements(CASE jsonb_typeof(i.value) WHEN 'array' THEN i.value ELSE '[]' END) AS a (value)
        ) AS below (name, value)
    )
    SELECT coalesce(bool_or(parley.looks_secret(i.name) OR (i.value #>> '{}') ~* '^\s*(bearer|basic)\s'), false)
    FROM inside AS i
$$;
GRANT EXECUTE ON FUNCTION has_secret TO parley_runtime;

-- Whether a name looks like that of a secret, such as apiKey, client-secret or Authorization. Plural tokens are counted, as
-- in maxTokens, unless they are named after what they give access to.
CREATE OR REPLACE FUNCTION looks_secret(name text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(
        words ~ ('(^|[^a-z])((api|access|auth|client|private|secret|signing|subscription)?[^a-z]*'
            '(keys?|secrets?|token|password|passwords|passwd|pwd|passphrase|authorization|credentials?|cookies?)|'
            '(api|access|auth|refresh|session|bearer)[^a-z]*tokens)([^a-z]|$)'),
        false)
    FROM (SELECT lower(regexp_replace(name, '([a-z0-9])([A-Z])', '\1_\2', 'g'))) AS n (words)
$$;
GRANT EXECUTE ON FUNCTION looks_secret TO parley_runtime;
