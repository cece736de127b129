-- What DENY and ASK rules find hosts in: the letters of all texts and names of members in the arguments of a call, with and
-- without line ends and tabs, which clients remove from URLs; and as patterns of LIKE the words in which a shell would
-- expand something. \x04 if that takes too long to read.
CREATE OR REPLACE FUNCTION approval_host_reading(arguments jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    texts text;
    globs text[];
BEGIN
    IF pg_column_size(arguments) > 262144 THEN
        RETURN E'\x04';
    END IF;
    texts := (
        SELECT string_agg(t.value, ' ')
        FROM (
            SELECT t #>> '{}' FROM jsonb_path_query(arguments, 'strict $.** ? (@.type() == "string")') AS t
            UNION ALL
            SELECT m ->> 'key' FROM jsonb_path_query(arguments, 'strict $.** ? (@.type() == "object").keyvalue()') AS m
        ) AS t (value));
    IF texts IS NULL THEN
        RETURN NULL;
    END IF;
    texts := approval_letters(texts, 131072);
    IF texts IS NULL THEN
        RETURN E'\x04';
    END IF;
    texts := translate(texts, E'''"\\', '');
    texts := concat_ws(' ', texts, CASE WHEN texts ~ E'[\t\n\r]' THEN translate(texts, E'\t\n\r', '') END);
    IF translate(texts, '$`*?{[', '') <> texts THEN
        globs := ARRAY(
            SELECT DISTINCT regexp_replace(
                regexp_replace(replace(m[1], '_', '\_'), '\{.*\}|\[.*\]|[$`*{}[\]]+', '%', 'g'), '\?', '_', 'g')
            FROM regexp_matches(
                regexp_replace(texts, '\$\{?[a-z0-9_]+\}?', '$', 'g'), '([^\s/:@<>|;&=#()]+)', 'g') AS m
            WHERE length(m[1]) <= 300 AND m[1] ~ '\.' AND m[1] ~ '[$`*?{[]' AND m[1] ~ '[a-z0-9].*[a-z0-9]'
            LIMIT 1001);
        IF cardinality(globs) > 1000 THEN
            RETURN E'\x04';
        END IF;
    END IF;
    -- One space between names, so that a name is found without a regular expression.
    RETURN ' ' || replace(regexp_replace(texts, '[^a-z0-9.-]+', ' ', 'g'), '.', ' . ') || E' \n' || coalesce(array_to_string(globs, ' '), '');
END
$$;

-- The hosts of the URLs among the arguments of a call, at any depth, separated by spaces; null, with what is wrong, if there
-- is none, or a text that ALLOW rules do not match: each must be a plain URL, or certainly neither a URL nor a host.
--
-- A plain URL has http or https, the host in small letters of ASCII without user, port, IPv6 address, dot at its end and
-- Punycode, and nothing encoded before the query. `host` is what the mistake says that it should be of. No other texts and
-- names of members are certain than an empty text, a word of ASCII that begins with a letter (an HTTP method), an absolute
-- path, a media type, and words between single spaces, which may end in a full stop or a colon. In a member whose name says
-- that it holds a URL or a host, only a URL will do.
CREATE OR REPLACE FUNCTION approval_urls(
    arguments jsonb, host text, OUT hosts text, OUT mistake text
) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    -- A number may be an IPv4 address.
    IF pg_column_size(arguments) > 262144 OR arguments @? 'strict $.** ? (@.type() == "number" && @ >= 16777216)' THEN
        mistake := 'the arguments have more than 256 KiB, or a number that may be an address';
        RETURN;
    END IF;
    WITH members AS MATERIALIZED (
        SELECT m ->> 'key' AS name, m -> 'value' AS value
        FROM jsonb_path_query(arguments, 'strict $.** ? (@.type() == "object").keyvalue()') AS m
    ), texts AS (
        SELECT t #>> '{}' AS value, false AS must_be
        FROM jsonb_path_query(arguments, 'strict $.** ? (@.type() == "string")') AS t
        UNION ALL
        SELECT name, false FROM members
        UNION ALL
        SELECT e #>> '{}', true
        FROM members, jsonb_path_query(value, '$[*] ? (@.type() != "null" && @.type() != "boolean")') AS e
        WHERE name ~* '(ur[il]|host|proxy|proxies|server|endpoint|domain|origin|href|addr|upstream|webhook|callback|link|target|remote)'
    ), read AS (
        SELECT value, substring(
            value FROM '^https?://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?:/[A-Za-z0-9._~()+,=:@/-]*)?'
            '(?:\?(?:[A-Za-z0-9._~()+,=:@/?-]|&(?=[A-Za-z0-9_.-]+=)|%[2-9A-Fa-f][0-9A-Fa-f])*)?(?:#[A-Za-z0-9._=/-]*)?$') AS named
        FROM texts
        WHERE must_be OR value ~* 'localhost|\m0x|^\s*host:' OR value !~ (
            '^([A-Za-z][A-Za-z0-9_-]*|(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+'
            '|(application|audio|font|image|multipart|text|video)/[a-z0-9.+*-]+'
            '|([A-Za-z0-9,;''"()!?_-]+[.:]? )+([A-Za-z0-9,;''"()!?_-]+[.:]?)?)?$')
    )
    SELECT
        CASE WHEN bool_and(named IS NOT NULL) THEN string_agg(DISTINCT named, ' ') END,
        CASE
            WHEN count(*) = 0 THEN 'the arguments contain no URL'
            WHEN bool_and(named IS NOT NULL) THEN 'the arguments contain a URL of another host'
            ELSE format('%s is no plain URL of %s', to_json(left(min(value) FILTER (WHERE named IS NULL), 100)), lower(host)) END
    INTO hosts, mistake
    FROM read;
END
$$;

-- Whether all hosts are this one, or, with *. before it, below it.
CREATE OR REPLACE FUNCTION approval_are_of(hosts text, host text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT CASE WHEN host NOT LIKE '*.%' THEN hosts = lower(host)
        ELSE hosts !~ '(^|[. ])xn--' AND NOT EXISTS (
            SELECT FROM string_to_array(hosts, ' ') AS h (each), unnest(each) AS one
            WHERE NOT (right(one, length(host) - 1) = lower(substr(host, 2)) AND length(one) > length(host) - 1)) END
$$;

-- Whether a reading of hosts mentions a host, one below it, or one that begins with it.
CREATE OR REPLACE FUNCTION approval_mentions(reading text, host text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(
        reading = E'\x04' OR strpos(reading, ' ' || replace(named, '.', ' . ') || ' ') > 0
        OR (reading NOT LIKE E'%\n' AND EXISTS (
            SELECT FROM unnest(string_to_array(split_part(reading, E'\n', 2), ' ')) AS glob WHERE named LIKE glob)), false)
    FROM regexp_replace(lower(host), '^\*\.', '') AS named
$$;
