-- A text as DENY and ASK rules compare it, so that the same command or path cannot be written in another way: its letters,
-- without quotes, escapes and needless spaces, and paths without `.`, doubled slashes and a slash at the end. Patterns are
-- folded as well. Null if the text is too long to be read.
--
-- `slashes` says whether a backslash escapes the next character, or separates the parts of a path.
CREATE OR REPLACE FUNCTION approval_fold(value text, slashes boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    value := approval_letters(value, 16384);
    IF strpos(value, '$') > 0 THEN
        value := regexp_replace(value, '\$(\{ifs[^}\s]*\}|ifs\M)', ' ', 'g');
        value := regexp_replace(value, '\$(\{home\}|home\M)', '~', 'g');
        -- What the escapes left in $'...' mean is not known.
        value := regexp_replace(value, '\$''[^''\\]*\\[^'']*''', '$', 'g');
        value := regexp_replace(value, '\$(?=[''"])|\$[@*]|\$\{[@*!][^}\s]*\}', '', 'g');
    END IF;
    IF strpos(value, '\') > 0 THEN
        value := regexp_replace(value, '\\\n', '', 'g');
        value := replace(value, '\', CASE WHEN slashes THEN '/' ELSE '' END);
    END IF;
    value := translate(value, '''"', '');
    IF strpos(value, '/') > 0 THEN
        value := regexp_replace(value, '\mfile:(?://[^/\s]*)?/+', '/', 'g');
        value := regexp_replace(value, '(^|[\s=])[a-z]:(?=/)', '\1', 'g');
        value := regexp_replace(value, '/(\.?/)+', '/', 'g');
        value := regexp_replace(value, '(^|[\s=:])(\./)+', '\1', 'g');
        value := regexp_replace(value, '([^/\s])/(\.?)(?=\s|$)', '\1', 'g');
    END IF;
    IF value ~ '  |[^\S ]' THEN
        value := regexp_replace(regexp_replace(value, '[^\S\n]+', ' ', 'g'), ' ?\n ?', E'\n', 'g');
    END IF;
    RETURN btrim(value, E' \n');
END
$$;

-- A text in small letters and normal form, without invisible characters; look-alikes of Latin letters and encoded characters
-- replaced. Null if it then has more than `most` characters.
CREATE OR REPLACE FUNCTION approval_letters(value text, most integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    code text;
BEGIN
    IF char_length(value) > most THEN
        RETURN NULL;
    END IF;
    IF value !~ '^[\u0020-\u007e]*$' THEN
        value := regexp_replace(value, '[\u000a-\u000d\u0085\u2028\u2029]', E'\n', 'g');
        value := approval_visible(normalize(value, NFKC));
        value := regexp_replace(value, '[\u00df\u1e9e]', 'ss', 'g');
        IF char_length(value) > most THEN
            RETURN NULL;
        END IF;
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
        value := regexp_replace(value, '%[89a-f][0-9a-f]', '', 'g');
        FOREACH code IN ARRAY ARRAY(
            SELECT DISTINCT m[1] FROM regexp_matches(value, '((?:%|\\x|\\u00)[0-7][0-9a-f]|\\[01][0-7]{2})', 'g') AS m) LOOP
            value := replace(value, code, coalesce(nullif(lower(chr(greatest(
                CASE
                    WHEN code ~ '^\\[0-7]'
                        THEN substr(code, 2, 1)::integer * 64 + substr(code, 3, 1)::integer * 8 + right(code, 1)::integer
                    ELSE ('x' || right(code, 2))::bit(8)::integer END, 1))), E'\x01'), ' '));
        END LOOP;
    END LOOP;
    RETURN value;
END
$$;

-- What DENY and ASK rules compare with a pattern, which may begin at each word, and ends where a line does: the whole text,
-- and the commands in it, with quotes and operators removed, with each as the end of a word, without redirections, and
-- without directories. Before \x05 is what comes before each place where a shell expands something: \x03, and \x02 if
-- that may contain a slash.
--
-- \x04 if nobody can say what the text is: if it is too long, or a path (`is_path`) that leads above a directory, which may
-- be a link, or through the links of processes.
CREATE OR REPLACE FUNCTION approval_readings(value text, is_path boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    whole text := translate(approval_fold(value), E'\x02\x03\x04\x05', '');
    texts text;
    expanded text;
BEGIN
    IF strpos(value, '\') > 0 THEN
        whole := whole || E'\n' || approval_fold(value, slashes => true);
    END IF;
    IF whole IS NULL OR (is_path AND strpos(whole, '..') + strpos(whole, '/proc/') + strpos(whole, '/dev/') > 0
        AND whole ~ '\.\.(/|\s|$)|/proc/[^\s/]*/|/dev/(fd|std)') THEN
        RETURN E'\x04';
    END IF;
    texts := translate(whole, ';&|()<>', repeat(E'\n', 7));
    IF strpos(whole, '<') + strpos(whole, '>') > 0 THEN
        texts := texts || E'\n' || translate(
            regexp_replace(whole, ' ?[0-9]*[<>][<>&|!]* ?[^\s;&|()<>]* ?', ' ', 'g'), ';&|()', repeat(E'\n', 5));
    END IF;
    IF translate(whole, '$`?*[{', '') <> whole THEN
        expanded := approval_expanded(texts, is_path);
    END IF;
    texts := concat_ws(
        E'\n', CASE WHEN strpos(texts, E'\n') > 0 THEN replace(whole, E'\n', ' ') END, texts,
        CASE WHEN translate(value, E'\\''"`(){}[]=:,@!;&|<>$%', '') <> value OR whole ~ '(^| )-[a-z][a-z/]' THEN regexp_replace(
            approval_fold(translate(value, E'\\;&|<>()`''"$=:,@![]{}', repeat(E'\n', 12) || repeat(' ', 9))),
            '(^| )(-[a-z])(?=[a-z/])', '\1\2 ', 'g') END);
    IF strpos(texts, E'\n') > 0 THEN
        texts := regexp_replace(regexp_replace(texts, ' *\n[ \n]*', E' \n ', 'g'), ' {2,}', ' ', 'g');
    END IF;
    texts := E'\n ' || texts || E' \n';
    IF NOT is_path AND strpos(texts, '/') > 0 THEN
        texts := texts || regexp_replace(texts, ' [^ \n]*/(?=[^ /\n])', ' ', 'g');
    END IF;
    RETURN concat_ws('', expanded, E'\x05', texts);
END
$$;

-- What comes before each expansion in commands, as approval_readings() returns it. \n before it says that a command begins.
CREATE OR REPLACE FUNCTION approval_expanded(commands text, is_path boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    commands := E'\n ' || regexp_replace(commands, ' *\n *', E' \n ', 'g') || E' \n';
    IF NOT is_path THEN
        commands := commands || regexp_replace(
            regexp_replace(commands, ' [^ \n]*/(?=[^ /\n])', ' ', 'g'), '[$`]|\{(?=[^ \n])', '?', 'g');
    END IF;
    commands := regexp_replace(commands, '[?]|\[(?=[^ [\n])|(?<! )\*|\*(?! )', E'\x03', 'g');
    commands := regexp_replace(commands, '[$`]|\{(?=[^ \n])', E'\x03\x02', 'g');
    -- A command begins after what starts one.
    commands := regexp_replace(
        commands,
        '( (?:sudo|doas|env|command|exec|nohup|time|nice|eval|xargs|then|do|else|elif|if|while|until|!|[a-z]*sh)'
        '(?: -[^ \n]+)*)(?= \x03)', E'\\1 \n', 'g');
    RETURN (
        SELECT string_agg(DISTINCT m[1], '')
        FROM regexp_matches(commands, '((?:^|\n)?[^\n\x02\x03]*\x03\x02?)', 'g') AS m);
END
$$;

-- Whether a reading matches a pattern, as LIKE reads it. Where the shell expands something, it does if the pattern may begin
-- with what is before that.
CREATE OR REPLACE FUNCTION approval_may_match(reading text, pattern_like text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    expanded text;
    literal text;
BEGIN
    IF reading = E'\x04' OR reading LIKE pattern_like THEN
        RETURN true;
    ELSIF reading LIKE E'\x05%' THEN
        RETURN false;
    END IF;
    expanded := split_part(reading, E'\x05', 1);
    literal := regexp_replace(substring(pattern_like FROM '^% ((?:[^%_\\\n]|\\.)*)'), '\\(.)', '\1', 'g');
    IF literal = '' THEN
        RETURN false;
    ELSIF strpos(expanded, CASE WHEN literal LIKE '/%' THEN E'\n \x03\x02' ELSE E'\n \x03' END) > 0 THEN
        RETURN true;
    END IF;
    FOR n IN 1 .. length(literal) LOOP
        EXIT WHEN strpos(expanded, ' ' || left(literal, n)) = 0;
        IF strpos(expanded, ' ' || left(literal, n) || E'\x03') > 0 THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;
