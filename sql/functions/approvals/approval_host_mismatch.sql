-- Null if the arguments of a call contain a URL, at any depth, and all URLs in them have this host: exactly, or, with *.
-- before it, one below it. Otherwise what is wrong with them. A text that may be read as a URL must be a plain one: http or
-- https, the host in lower case and without user, port, IPv6 address, dot at its end and Punycode, no backslash, and nothing
-- encoded before the query.
--
-- So must a text that may be read as a host without a scheme: name.tld, name:port, user@name, an address, localhost; names
-- of members are such texts. And all that is in a member whose name says that it holds a URL or a host.
CREATE OR REPLACE FUNCTION approval_host_mismatch(arguments jsonb, host text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT
PARALLEL SAFE
AS $$
DECLARE
    value text;
    must_be boolean;
    named text;
    are boolean := false;
BEGIN
    host := lower(host);
    -- A number may be an IPv4 address.
    IF pg_column_size(arguments) > 262144 OR arguments @? 'strict $.** ? (@.type() == "number" && @ >= 16777216)' THEN
        RETURN 'the arguments have more than 256 KiB, or a number that may be an address';
    END IF;
    FOR value, must_be IN
        SELECT t, false FROM approval_texts(arguments) AS t
        UNION ALL
        SELECT m ->> 'key', false FROM approval_members(arguments) AS m
        UNION ALL
        SELECT t #>> '{}', true
        FROM approval_members(arguments) AS m
        CROSS JOIN jsonb_path_query(m -> 'value', 'strict $.** ? (@.type() == "string" || @.type() == "number")') AS t
        WHERE m ->> 'key' ~* '(ur[il]|host|hostname|proxy|server|endpoint|domain|origin|href|address|upstream|webhook|callback)s?$'
    LOOP
        CONTINUE WHEN NOT must_be AND normalize(approval_visible(value), NFKC) !~* (
            ':\s*[/\\]|^\s*[/\\]{2}|^\s*[a-z][a-z0-9+.-]*:\S|^\s*(https?|wss?|ftp|file|javascript|data|blob|view-source)\s*:'
            '|(^|[^\w/.-])[\w-]+(\.[\w-]|:[0-9]|@)|\[[0-9a-f]*:|(^|[^\w:])[0-9a-f]*:[0-9a-f]*:'
            '|(^|[^\w.-])(localhost|0x[0-9a-f]+|[0-9]{8,})($|[^\w-])|^\s*0[0-7]*\s*$');
        named := substring(
            value FROM '^https?://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?:/[A-Za-z0-9._~!*()+,=:@/-]*)?'
            '(?:\?(?:[A-Za-z0-9._~!*()+,=:@/?-]|&(?=[A-Za-z0-9_.-]+=)|%[2-9A-Fa-f][0-9A-Fa-f])*)?(?:#[A-Za-z0-9._=/-]*)?$');
        are := CASE
            WHEN host LIKE '*.%' THEN right(named, length(host) - 1) = substr(host, 2) AND named !~ '(^|\.)xn--'
            ELSE named = host END;
        IF are IS NOT TRUE THEN
            RETURN format('%s is no plain URL of %s', to_json(left(value, 100)), host);
        END IF;
    END LOOP;
    RETURN CASE WHEN NOT are THEN 'the arguments contain no URL' END;
END
$$;

-- Whether a text among the arguments of a call, at any depth, or the name of a member mentions a host, one below it, or one
-- that begins with it. What is too large for a call to be stored is not read: it does.
CREATE OR REPLACE FUNCTION approval_mentions(arguments jsonb, host text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT
PARALLEL SAFE
AS $$
    SELECT pg_column_size(arguments) > 262144 OR EXISTS (
        SELECT FROM (
            SELECT approval_texts(arguments) UNION ALL SELECT approval_members(arguments) ->> 'key'
        ) AS t (value)
        WHERE approval_fold(value) ~ (
            '(^|[^a-z0-9-])' || replace(regexp_replace(lower(host), '^\*\.', ''), '.', '\.') || '($|[^a-z0-9-])'))
$$;

-- All texts in a JSON value, at any depth, without the names of members.
CREATE OR REPLACE FUNCTION approval_texts(value jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT t #>> '{}' FROM jsonb_path_query(value, 'strict $.** ? (@.type() == "string")') AS t $$;

-- All members of objects in a JSON value, at any depth, as objects with `key` and `value`.
CREATE OR REPLACE FUNCTION approval_members(value jsonb) RETURNS SETOF jsonb LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT jsonb_path_query(value, 'strict $.** ? (@.type() == "object").keyvalue()') $$;
