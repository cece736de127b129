-- A text as DENY and ASK rules compare it, so that the same command or path cannot be written in another way: in lower case
-- and normal form, without quotes, escapes, invisible characters and needless spaces; look-alikes of Latin letters and encoded
-- characters replaced; paths without `.`, `..`, doubled slashes and links of the system. Patterns are folded as well.
--
-- `slashes` says whether a backslash escapes the next character, or separates the parts of a path.
CREATE OR REPLACE FUNCTION approval_fold(value text, slashes boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    before text;
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
        FOREACH code IN ARRAY ARRAY(
            SELECT DISTINCT m[1] FROM regexp_matches(value, '((?:%|\\x)[0-9a-f]{2})', 'g') AS m) LOOP
            value := replace(value, code, coalesce(
                nullif(lower(chr(greatest(('x' || right(code, 2))::bit(8)::integer, 1))), E'\x01'), ' '));
        END LOOP;
    END LOOP;
    IF strpos(value, '$') > 0 THEN
        value := regexp_replace(value, '\$(\{ifs[^}]*\}|ifs\M)', ' ', 'g');
        value := regexp_replace(value, '\$(\{home\}|home\M)', '~', 'g');
        value := regexp_replace(value, '\$(?=[''"])|\$[@*]|\$\{[@*!][^}]*\}', '', 'g');
    END IF;
    IF strpos(value, '\') > 0 THEN
        value := regexp_replace(value, '\\\n', '', 'g');
        value := replace(value, '\', CASE WHEN slashes THEN '/' ELSE '' END);
    END IF;
    value := translate(value, '''"', '');
    IF strpos(value, '/') > 0 THEN
        value := regexp_replace(value, '\mfile:/+', '/', 'g');
        LOOP
            before := value;
            value := regexp_replace(value, '/(\.?/)+', '/', 'g');
            value := regexp_replace(value, '(^|[\s=:])(\./)+', '\1', 'g');
            value := regexp_replace(value, '/proc/(self|thread-self|[0-9]+)/(root|cwd)(?=/|\s|$)', '/', 'g');
            value := regexp_replace(
                value, '(^|[/\s=:])(?:[^/\s.][^/\s]*|\.[^/\s.][^/\s]*|\.\.[^/\s]+)/\.\.(?=[/\s]|$)', '\1.', 'g');
            -- Above the root, or above a directory that is not known: it may lead to the root.
            value := regexp_replace(value, '(^|[\s=:])/?(\.\./)+', '\1/', 'g');
            EXIT WHEN value = before;
        END LOOP;
        value := regexp_replace(value, '([^/\s])/(\.?)(?=\s|$)', '\1', 'g');
    END IF;
    RETURN btrim(regexp_replace(regexp_replace(value, '[^\S\n]+', ' ', 'g'), ' ?\n ?', E'\n', 'g'), E' \n');
END
$$;

-- What DENY and ASK rules compare with a pattern, each text between line feeds: the whole text, each command in it, and each
-- command without what only starts it (sudo, env, sh -c, the directory of the program).
CREATE OR REPLACE FUNCTION approval_readings(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    whole text := approval_fold(value);
    texts text := replace(whole, E'\n', ' ');
    pieces text;
BEGIN
    IF strpos(value, '\') > 0 THEN
        whole := whole || E'\n' || approval_fold(value, slashes => true);
    END IF;
    IF strpos(whole, '{') > 0 THEN
        whole := whole || E'\n' || translate(whole, '{},', E'\n\n ');
    END IF;
    pieces := regexp_replace(translate(whole, ';&|(){}<>`$', repeat(E'\n', 11)), ' ?\n ?', E'\n', 'g');
    texts := concat_ws(E'\n', texts, whole, pieces);
    FOR n IN 1 .. 4 LOOP
        pieces := regexp_replace(pieces, '^[^ \n]*/(?=[^ /\n]+( |$))', '', 'ng');
        texts := texts || E'\n' || pieces;
        EXIT WHEN strpos(pieces, ' ') = 0;
        pieces := regexp_replace(
            pieces,
            '^(?:(?:sudo|doas|env|command|exec|nohup|time|nice|builtin|eval|xargs|busybox|then|do|else|!|[a-z]*sh)'
            '(?: -[^ \n]+)*|[a-z_][a-z0-9_]*=[^ \n]*) ', '', 'ng');
    END LOOP;
    RETURN E'\n' || texts || E'\n';
END
$$;
