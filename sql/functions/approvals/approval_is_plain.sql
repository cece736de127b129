-- Whether an ALLOW rule may match a text at all. It may not if a shell, a file system or a person could take the text for
-- something else than it seems:
--
-- * control characters, line separators, invisible characters, text directions, and texts that are not in normal form (NFKC);
-- * characters that combine commands, redirect, substitute, expand or escape: ; & | < > ` $ \;
-- * parentheses and braces: zsh and fish run what is in them, and braces make several words of one (approval_is_grouped);
-- * percent-encoded characters, variables between percent or exclamation marks, and in a word with a slash ^, ! and %;
-- * a part of a path that begins with a dot and has a wildcard, which stands for the directory above too;
-- * a word that begins with ~, and links that the system makes, such as /proc/self/root and /dev/fd;
-- * unless it is a path, which approval_path() puts in normal form, a step to the directory above.
CREATE OR REPLACE FUNCTION approval_is_plain(value text, is_path boolean DEFAULT false) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT approval_oddity(value, is_path) IS NULL $$;

-- What keeps a text from being plain; null if it is.
CREATE OR REPLACE FUNCTION approval_oddity(value text, is_path boolean DEFAULT false) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN value !~ '^[\u0020-\u007e]*$' AND NOT (
            value IS NFKC NORMALIZED AND approval_visible(value) = value
            AND value !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]')
            THEN 'contains a line end, or a character that is invisible or stands for others'
        WHEN value ~ '[;&|<>`$\\]|%[0-9A-Fa-f]{2}|%[A-Za-z_][^%\s]*%|![^!\s]+!|\.\^+\.|(^|[\s=:,(''"])~'
            THEN 'contains ' || coalesce(substring(value FROM '[;&|<>`$\\]'), 'an encoded character, a variable, ~ or ^')
        WHEN value ~ '(^|[^A-Za-z0-9_.-])/+(proc|dev/+(fd|tcp|udp|stdin|stdout|stderr))(/|$|[^A-Za-z0-9_.-])'
            THEN 'contains a link that the system makes, such as /proc or /dev/fd'
        WHEN translate(value, '(){}[?*.^!%''"', '') = value THEN NULL
        WHEN translate(value, '(){}', '') <> value AND approval_is_grouped(value, is_path)
            THEN 'contains a parenthesis or a brace outside quotes'
        WHEN is_path THEN CASE
            WHEN strpos(value, '^') > 0 OR value ~ '(^|/)(\.[^/]*[?*[{]|\.*[''"][''".]*(/|$))'
                THEN 'contains ^, or a dot with a wildcard or quotes' END
        WHEN value ~ '[\^!%]\S*/|/\S*[\^!%]' THEN 'contains ^, ! or % in a word with a slash'
        WHEN translate(value, '''"', '') ~ '(^|[^A-Za-z0-9_.-])\.\.($|[^A-Za-z0-9_.-])' THEN 'contains .. as a directory'
        WHEN translate(value, '''"', '') ~ '(^|[^A-Za-z0-9_.-])\.[^/\s]*[?*[]'
            AND regexp_replace(value, '''[^'']*''|"[^"]*"', '', 'g') ~ '[?*[]'
            THEN 'contains a wildcard after a dot'
    END
$$;

-- Whether a text has a parenthesis or a brace that a shell may act on. In a path without spaces, it does not act on a
-- simple name between two of them, as in app/(group)/page; in another text, on what is in quotes, and on git's @{...}.
CREATE OR REPLACE FUNCTION approval_is_grouped(value text, is_path boolean) RETURNS boolean LANGUAGE sql IMMUTABLE
PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN is_path THEN value ~ '\s'
            OR regexp_replace(value, '\([A-Za-z0-9_-]+\)(?=[A-Za-z0-9_./-])|\{[A-Za-z0-9_-]+\}', '', 'g') ~ '[(){}]'
        ELSE regexp_replace(value, '''[^'']*''|"[^"]*"|@\{[0-9a-z-]+\}', '', 'g') ~ '[(){}]' END
$$;

-- A text without characters that nobody sees: formats, joiners, fillers, variation selectors, tags and text directions.
CREATE OR REPLACE FUNCTION approval_visible(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT regexp_replace(
        value,
        '[\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800'
        '\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]',
        '', 'g')
$$;
