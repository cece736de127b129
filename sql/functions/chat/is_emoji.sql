-- Whether a text is one emoji: a flag of two letters, a keycap, or pictographs with their modifiers, joined by U+200D. This is
-- the shape that Unicode Technical Standard 51 gives in its section 1.4.9. The ranges are those that are set aside for
-- pictographs, so emoji of later versions of Unicode match, too.
CREATE OR REPLACE FUNCTION is_emoji(value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT value ~ (
        '^(?:[\U0001F1E6-\U0001F1FF]{2}|[0-9#*]\uFE0F?\u20E3|' || element || '(?:\u200D' || element || ')*)$')
    FROM (VALUES (
        '[\u00A9\u00AE\u203C\u2049\u2122\u2139\u2190-\u21FF\u2300-\u23FF\u24C2\u25A0-\u27BF\u2934\u2935\u2B00-\u2BFF'
        '\u3030\u303D\u3297\u3299\U0001F000-\U0001F1E5\U0001F200-\U0001F3FA\U0001F400-\U0001FAFF]'
        '(?:[\U0001F3FB-\U0001F3FF]|\uFE0F\u20E3?|[\U000E0020-\U000E007E]+\U000E007F)?'
    )) AS e (element)
$$;
GRANT EXECUTE ON FUNCTION is_emoji TO parley_runtime;
