-- Why rules with another effect did not decide about a call, although they match it or look as if they did: a sentence for
-- each of the first three, empty if there is none. `decisive` is the rule that decided, null if none did.
CREATE OR REPLACE FUNCTION approval_misses(
    owner_id uuid, conversation uuid, tool text, arguments jsonb, outcome text, decisive uuid
) RETURNS text LANGUAGE plpgsql STABLE
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    folded_tool text := approval_fold(tool);
    oddity text := approval_oddity(tool);
BEGIN
    RETURN (
        SELECT coalesce(string_agg(format(
            ' Rule %s does not %s: %s.', approval_label(f.tool_name, f.arguments, f.host),
            CASE f.effect WHEN 'ask' THEN 'ask' ELSE f.effect || ' it' END, f.why), '' ORDER BY f.rank), '')
        FROM (
            SELECT r.tool_name, r.arguments, r.host, r.effect, w.why, row_number() OVER (ORDER BY
                r.conversation_id IS NULL, array_position('{deny,ask,allow}'::text[], r.effect), r.id) AS rank
            FROM auto_approval_rules AS r
            LEFT JOIN auto_approval_rules AS d ON d.user_id = r.user_id AND d.id = decisive
            CROSS JOIN LATERAL (
                SELECT coalesce(
                    CASE WHEN r.effect = 'allow' THEN 'the name of the tool ' || oddity END,
                    approval_mismatch(
                        r.effect, r.ignore_case, r.pointers, r.paths, r.likes, r.regexes, r.host,
                        approval_misses.arguments),
                    approval_inapplicable(r.conversation_id, r.expires_at, conversation, at),
                    CASE
                        WHEN d.id IS NULL THEN ''
                        WHEN r.conversation_id IS DISTINCT FROM d.conversation_id
                            THEN 'rules of the conversation come before rules without one'
                        ELSE format('%s comes before %s', upper(d.effect), upper(r.effect)) END)
                OFFSET 0
            ) AS w (why)
            WHERE r.user_id = owner_id
                AND r.deleted_at IS NULL
                AND r.tool_key IN (folded_tool, '*')
                AND CASE WHEN r.effect = 'allow' THEN tool LIKE r.tool_like ELSE folded_tool LIKE r.tool_like END
                AND r.effect <> CASE outcome WHEN 'approved' THEN 'allow' WHEN 'cancelled' THEN 'deny' ELSE 'ask' END
                AND r.id IS DISTINCT FROM decisive
                AND w.why <> ''
                AND (r.host IS NULL OR approval_mentions(approval_misses.arguments, r.host))
            ORDER BY rank
            LIMIT 3
        ) AS f);
END
$$;
