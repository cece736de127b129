-- Whether a name in a JSON value, at any depth, looks like that of a secret, or a text like one that holds a credential.
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
    SELECT coalesce(
        bool_or(
            parley.looks_secret(i.name)
            OR (jsonb_typeof(i.value) = 'string' AND parley.holds_credential(i.value #>> '{}'))
            OR (i.value ? 'value' AND parley.looks_secret(i.value ->> 'name'))),
        false)
    FROM inside AS i
$$;
GRANT EXECUTE ON FUNCTION has_secret TO parley_runtime;

-- Whether a text looks like one that holds a credential: a value of the header Authorization, the key of a well-known
-- provider, a URL with a password, or a header or parameter that is named like a secret.
CREATE OR REPLACE FUNCTION holds_credential(text text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT text ~* '(^|[:=,;{"''])\s*(bearer|basic)\s+\S'
        OR text ~* '(^|[^a-z0-9])(sk-[a-z0-9_-]{10}|(gsk|hf|gh[a-z]|github_pat|xai|xox[a-z])[_-][a-z0-9_-]{16})'
        OR text ~ '(^|[^A-Za-z0-9])(AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{20}|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.)'
        OR text ~ '-----BEGIN [A-Z ]*PRIVATE KEY'
        OR text ~ '://[^/?#\s@]*:[^/?#\s]+@'
        OR EXISTS (
            SELECT
            FROM regexp_matches(text, '(?n)(?:^|[?&;,{])[\s"'']*([A-Za-z0-9_.-]+)[\s"'']*[:=]\s*\S', 'g') AS named (found)
            WHERE parley.looks_secret(found[1]))
$$;
GRANT EXECUTE ON FUNCTION holds_credential TO parley_runtime;

-- Whether a name looks like that of a secret, such as apiKey, openaikey, client-secret or Authorization. Plural tokens are
-- counted, as in maxTokens, unless they are named after what they give access to.
CREATE OR REPLACE FUNCTION looks_secret(name text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(
        words ~ ('(^|[^a-z])((api|access|auth|client|private|secret|signing|subscription)?[^a-z]*'
            '(keys?|secrets?|token|password|passwords|passwd|pwd|passphrase|authorization|credentials?|cookies?)|'
            '(api|access|auth|refresh|session|bearer)[^a-z]*tokens|bearer|[a-z]*(apikeys|secret|token|password)|'
            '[a-z]*(?<!don|hoc|hot|jac|joc|lac|mon|tur|whis)key)([^a-z]|$)'),
        false)
    FROM (SELECT lower(regexp_replace(name, '([a-z0-9])([A-Z])', '\1_\2', 'g'))) AS n (words)
$$;
GRANT EXECUTE ON FUNCTION looks_secret TO parley_runtime;
