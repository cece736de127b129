-- What keeps a text from being matched by an ALLOW rule; null if nothing does. Only what means itself in each shell and file
-- system is matched:
--
-- * letters and digits of ASCII and - _ . / : , @ + anywhere; ~ after a letter or digit (HEAD~2); = and one % within a word,
--   because zsh replaces =ls and fish %self, unless the % encodes a character;
-- * within quotes also parentheses, brackets, braces, wildcards, #, ^ and letters of the common alphabets that need no quotes to
--   look like themselves;
-- * in a URL that is all of the text, also ?;
-- * in a path, which is one word, these letters too, and a colon only after the letter of a drive.
--
-- Never matched are ; & | < > ` $ \ !, even in quotes, a step to the directory above, and the files of processes and
-- devices. Letters must be in normal form (NFKC).
CREATE OR REPLACE FUNCTION approval_oddity(value text, is_path boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    bare text := translate(value, '''"', '');
BEGIN
    -- Most texts are as simple as this, and regular expressions are costly.
    IF value ~ '^[A-Za-z0-9 _.,/@+-]*$' AND strpos(value, '..') + strpos(value, '/proc') + strpos(value, '/dev') = 0
        AND NOT (is_path AND strpos(value, ' ') + strpos(value, './') + strpos(value, '//') + strpos(value || '$', '.$') > 0) THEN
        RETURN NULL;
    END IF;
    RETURN CASE
        WHEN value !~ '^[\u0020-\u007e]*$' AND (value IS NOT NFKC NORMALIZED OR value !~ (
            '^[\u0020-\u007e\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u03ff\u0400-\u052f\u1e00-\u1eff\u3041-\u30ff'
            '\u3400-\u9fff\uac00-\ud7a3]*$'))
            THEN 'contains a line end, or a character that is invisible or stands for others'
        WHEN value ~ '[;&|<>`$\\!]' THEN 'contains ' || substring(value FROM '[;&|<>`$\\!]')
        WHEN value ~ '%[0-9A-Fa-f]{2}|%.*%' THEN 'contains an encoded character, a variable or more than one %'
        WHEN bare ~ '\.\./|(^|[^A-Za-z0-9_.-])\.{2,}($|[^A-Za-z0-9_.-])|(^|\s)-\S*\.\.(\s|$)'
            THEN 'contains .. as a directory'
        WHEN bare ~ '(^|[^A-Za-z0-9_.-])/[./]*(proc|dev)(/|$|[^A-Za-z0-9_.-])'
            THEN 'contains a file that the system makes, such as /proc or /dev'
        WHEN is_path AND value ~ '\s' THEN 'has a space, and the pattern has none'
        WHEN is_path AND approval_path(value) ~ '^//|[^/]\.(/|$)'
            THEN 'leads to another machine, or has a name that ends in a dot'
        WHEN is_path AND value !~ '^([A-Za-z]:(?=/))?([^\u0020-\u007e]|[A-Za-z0-9_./=,@+%-]|[A-Za-z0-9]~)*$'
            THEN 'contains a character that a path must not have'
        WHEN is_path THEN NULL
        WHEN bare ~ '(^|[\s=:])=|(^|\s)%' THEN 'contains = or % at the beginning of a word'
        WHEN value !~ (
            '^(https?://[A-Za-z0-9_./:=,@+%?~-]*|'
            '([A-Za-z0-9 _./:=,@+%-]|[A-Za-z0-9]~|''[^''~]*''|"[^"~]*")*)$')
            THEN 'contains a character that a shell may act on outside quotes, or an open quote' END;
END
$$;

-- A text without characters that nobody sees: formats, joiners, fillers, variation selectors, tags and text directions.
CREATE OR REPLACE FUNCTION approval_visible(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT regexp_replace(
        value,
        '[\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800'
        '\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]',
        '', 'g')
$$;
