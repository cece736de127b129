-- A text as DENY and ASK rules compare it, so that the same command or path cannot be written in another way: in lower case
-- and normal form, without quotes, escapes, invisible characters and needless spaces; look-alikes of Latin letters and encoded
-- characters replaced; paths without `.`, `..`, doubled slashes and links of the system. Patterns are folded as well.
--
-- `slashes` says whether a backslash escapes the next character, or separates the parts of a path.
CREATE OR REPLACE FUNCTION approval_fold(value text, slashes boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    code text;
BEGIN
    IF value !~ '^[\u0020-\u007e]*$' THEN
        value := regexp_replace(value, '[\u000a-\u000d\u0085\u2028\u2029]', E'\n', 'g');
        value := approval_visible(normalize(value, NFKC));
    END IF;
    -- Letters of Cyrillic and Greek that look like Latin ones, other slashes, hyphens and full stops.
    value := translate(
        lower(value),
        E'\u0430\u0432\u0435\u0451\u0456\u0457\u0458\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455'
        '\u04bb\u0501\u051b\u051d\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405'
        '\u0406\u0408\u0261\u0251\u0269\u0131\u03b1\u03b3\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0391'
        '\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u2215\u2044\u29f8\u2010'
        '\u2011\u2013\u2014\u2212\u3002',
        'abeeiijkmhopctyxshdqwabekmhopctyxsijgaiiayikvoptuxabezhikmnoptyx///-----.');
    FOR n IN 1 .. 2 LOOP
        EXIT WHEN strpos(value, '%') + strpos(value, '\') = 0;
        FOREACH code IN ARRAY ARRAY(
            SELECT DISTINCT m[1] FROM regexp_matches(value, '((?:%|\\x|\\u00)[0-9a-f]{2}|\\[0-3][0-7]{2})', 'g') AS m) LOOP
            value := replace(value, code, coalesce(nullif(lower(chr(greatest(
                CASE
                    WHEN code ~ '^\\[0-7]'
                        THEN substr(code, 2, 1)::integer * 64 + substr(code, 3, 1)::integer * 8 + right(code, 1)::integer
                    ELSE ('x' || right(code, 2))::bit(8)::integer END, 1))), E'\x01'), ' '));
        END LOOP;
    END LOOP;
    IF strpos(value, '$') > 0 THEN
        value := regexp_replace(value, '\$(\{ifs[^}]*\}|ifs\M)', ' ', 'g');
        value := regexp_replace(value, '\$(\{home\}|home\M)', '~', 'g');
        -- What the escapes left in $'...' mean is not known.
        value := regexp_replace(value, '\$''[^'']*\\[^'']*''', '$', 'g');
        value := regexp_replace(value, '\$(?=[''"])|\$[@*]|\$\{[@*!][^}]*\}', '', 'g');
    END IF;
    IF strpos(value, '\') > 0 THEN
        value := regexp_replace(value, '\\\n', '', 'g');
        value := replace(value, '\', CASE WHEN slashes THEN '/' ELSE '' END);
    END IF;
    value := translate(value, '''"', '');
    IF strpos(value, '/') > 0 THEN
        value := regexp_replace(value, '\mfile:/+(?:(?:localhost|127[0-9.]*|\[[^]/]*\])/+)?', '/', 'g');
        value := regexp_replace(value, '(^|[\s=])[a-z]:(?=/)', '\1', 'g');
        value := regexp_replace(value, '/(\.?/)+', '/', 'g');
        value := regexp_replace(value, '(^|[\s=:])(\./)+', '\1', 'g');
        IF value ~ '(^|[^.])\.\.|/proc/|/dev/fd' THEN
            value := (
                SELECT string_agg(CASE WHEN strpos(m[1], '/') > 0 THEN approval_steps(m[1]) ELSE m[1] END, '' ORDER BY n)
                FROM regexp_matches(value, '([^\s=:;&|<>`]+|[\s=:;&|<>`]+)', 'g') WITH ORDINALITY AS w (m, n));
        END IF;
        value := regexp_replace(value, '([^/\s])/(\.?)(?=\s|$)', '\1', 'g');
    END IF;
    RETURN btrim(regexp_replace(regexp_replace(value, '[^\S\n]+', ' ', 'g'), ' ?\n ?', E'\n', 'g'), E' \n');
END
$$;

-- A path without `.`, `..` and links of the system, each part read once. A step above the root, or above a directory that is
-- not known, may lead to the root, and so may a link.
CREATE OR REPLACE FUNCTION approval_steps(path text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    part text;
    parts text[] := '{}';
    depth integer := 0;
    is_absolute boolean := path LIKE '/%';
BEGIN
    FOREACH part IN ARRAY string_to_array(path, '/') LOOP
        IF part IN ('', '.') THEN
            CONTINUE;
        ELSIF part = '..' THEN
            is_absolute := is_absolute OR depth = 0;
            depth := greatest(depth - 1, 0);
            CONTINUE;
        END IF;
        depth := depth + 1;
        parts[depth] := part;
        IF is_absolute AND depth BETWEEN 3 AND 6 AND array_to_string(parts[:depth], '/')
            ~ '^(proc/(self|thread-self|[0-9]+)/(task/[0-9]+/)?(root|cwd|fd/[0-9]+)|dev/fd/[0-9]+)$' THEN
            depth := 0;
        END IF;
    END LOOP;
    path := CASE WHEN is_absolute THEN '/' ELSE '' END || array_to_string(parts[:depth], '/');
    RETURN coalesce(nullif(path, ''), '.');
END
$$;

-- What DENY and ASK rules compare with a pattern, each text between line feeds: the whole text, each command in it, also
-- without its redirections, and each command without what only starts it (sudo, env, sh -c, the directory of the program).
CREATE OR REPLACE FUNCTION approval_readings(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    takers text := 'timeout|chroot|flock|watch|su|ssh|taskset|chrt';
    starters text := takers || '|sudo|doas|env|command|exec|nohup|time|nice|builtin|eval|xargs|busybox|toybox|then|do|else'
        '|elif|if|while|until|coproc|trap|setsid|stdbuf|ionice|fakeroot|systemd-run|strace|parallel|script|unshare|nsenter'
        '|cmd(?:\.exe)?(?: /[a-z])*|powershell|pwsh|!|[a-z]*sh';
    begins text := '(?n)^(?:(?:' || starters || ')(?: -[^ \n]+)*|[a-z_][a-z0-9_]*=[^ \n]*) ';
    whole text := approval_fold(value);
    texts text := replace(whole, E'\n', ' ');
    pieces text;
    split text;
BEGIN
    IF strpos(value, '\') > 0 THEN
        whole := whole || E'\n' || approval_fold(value, slashes => true);
    END IF;
    IF strpos(whole, '{') > 0 THEN
        whole := whole || E'\n' || translate(whole, '{},', E'\n\n ');
    END IF;
    IF strpos(value, '/..') > 0 AND value ~ '\s' THEN
        whole := whole || E'\n' || approval_fold(regexp_replace(value, '\s', '_', 'g'));
    END IF;
    split := translate(whole, ';&|(){}<>`$', repeat(E'\n', 11));
    IF translate(whole, '<>$`?*[{', '') <> whole THEN
        split := split || E'\n' || translate(
            regexp_replace(whole, ' ?[0-9]*[<>][<>&|!]* ?[^\s;&|()<>]* ?', ' ', 'g'), ';&|()', repeat(E'\n', 5));
    END IF;
    IF split LIKE ANY ('{% -exec%,% -ok%}') THEN
        split := regexp_replace(split, ' -(?:exec|execdir|ok|okdir) ', E'\n', 'g');
    END IF;
    pieces := regexp_replace(split, ' *\n *', E'\n', 'g');
    texts := concat_ws(E'\n', texts, whole, pieces);
    FOR n IN 1 .. 4 LOOP
        -- What a variable stands for begins no path if a directory is before it.
        IF strpos(pieces, '/') > 0 THEN
            pieces := regexp_replace(pieces, '^[^ \n]*/(?=[$`{][^ /\n]*( |$))', '?', 'ng');
            pieces := regexp_replace(pieces, '^[^ \n]*/(?=[^ /\n]+( |$))', '', 'ng');
        END IF;
        texts := texts || E'\n' || pieces;
        EXIT WHEN pieces !~ begins;
        -- Which options have a value is not known: the command may begin after each.
        split := (
            SELECT string_agg(DISTINCT array_to_string(words[k:], ' '), E'\n')
            FROM regexp_matches(
                pieces, '^(' || takers || '|(?:' || starters || ')(?= -(?![a-z]*c ))) ([^\n]+)$', 'ng') AS m
            CROSS JOIN LATERAL string_to_array(m[2], ' ') AS words
            CROSS JOIN generate_series(2, least(cardinality(words), 8)) AS k
            WHERE array_to_string(words[:k - 1], ' ') || ' ' ~ CASE
                WHEN m[1] ~ ('^(' || takers || ')$') THEN '^(-\S+ ([^- ]\S* )?)*(\S+ )?$'
                ELSE '^(-\S+ ([^- ]\S* )?)*$' END);
        pieces := concat_ws(E'\n', regexp_replace(pieces, begins, '', 'g'), split);
    END LOOP;
    RETURN E'\n' || texts || E'\n';
END
$$;

-- Where readings stop to be readable: how each begins before a variable, a wildcard or a brace. The rest may be anything, but
-- only a variable and braces, not a wildcard, begin a path at the root.
CREATE OR REPLACE FUNCTION approval_beginnings(readings text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT CASE WHEN translate(readings, '$`?*[{', '') <> readings THEN ARRAY(
        SELECT m[1]
        FROM regexp_matches(readings, '\n(?![*] )([^\n$`?*[{]*)(?:[$`?*]|[[{](?=[^ [\n]))', 'g') AS m
        UNION
        SELECT '/' WHERE readings ~ '\n(?:[$`]|[{](?=[^ \n]))') END
$$;

-- Whether a pattern, as LIKE reads it, has a text before its first wildcard that begins in one of these ways.
CREATE OR REPLACE FUNCTION approval_may_begin(pattern_like text, beginnings text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT EXISTS (
        SELECT FROM unnest(beginnings) AS b (beginning)
        CROSS JOIN regexp_replace(
            substring(pattern_like FROM '^%\n((?:[^%_\\\n]|\\.)*)'), '\\(.)', '\1', 'g') AS p (literal)
        WHERE literal <> '' AND starts_with(literal, beginning) AND (beginning <> '' OR literal NOT LIKE '/%'))
$$;
