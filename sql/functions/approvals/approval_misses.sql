-- Why rules with another effect did not decide about a call, although they match it or look as if they did: a sentence for
-- each of the first three, empty if there is none. `decisive` is the rule that decided, null if none did. Only the
-- first 100 rules are compared, and with long arguments only ALLOW rules without a host, because comparing others takes long.
CREATE OR REPLACE FUNCTION approval_misses(
    owner_id uuid, conversation uuid, tool text, arguments jsonb, outcome text, decisive uuid
) RETURNS text LANGUAGE plpgsql STABLE
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    folded_tool text := approval_fold(tool);
    oddity text := approval_oddity(tool);
    hosts text := CASE WHEN pg_column_size(arguments) <= 1024 THEN approval_read('h', arguments) END;
    urls text := CASE WHEN pg_column_size(arguments) <= 1024 THEN approval_read('u', arguments) END;
BEGIN
    RETURN (
        SELECT coalesce(string_agg(format(
            ' Rule %s does not %s: %s.', approval_label(f.tool_name, f.arguments, f.host),
            CASE f.effect WHEN 'ask' THEN 'ask' ELSE f.effect || ' it' END, f.why), '' ORDER BY f.rank), '')
        FROM (
            SELECT r.tool_name, r.arguments, r.host, r.effect, w.why, r.rank
            FROM (
                SELECT
                    r.*, n.why AS inapplicable, d.id AS decisive_id, d.effect AS decisive_effect,
                    d.conversation_id AS decisive_conversation,
                    row_number() OVER (ORDER BY
                        r.conversation_id IS NULL, array_position('{deny,ask,allow}'::text[], r.effect), r.id) AS rank
                FROM auto_approval_rules AS r
                LEFT JOIN auto_approval_rules AS d ON d.user_id = r.user_id AND d.id = decisive
                CROSS JOIN LATERAL (
                    SELECT approval_inapplicable(r.conversation_id, r.expires_at, conversation, at)) AS n (why)
                WHERE r.user_id = owner_id
                    AND r.deleted_at IS NULL
                    AND r.tool_key IN (folded_tool, '*')
                    AND CASE WHEN r.effect = 'allow' THEN tool LIKE r.tool_like ELSE folded_tool LIKE r.tool_like END
                    AND r.effect <> CASE outcome WHEN 'approved' THEN 'allow' WHEN 'cancelled' THEN 'deny' ELSE 'ask' END
                    AND r.id IS DISTINCT FROM decisive
                    -- What applies and is not ALLOW has decided, unless it does not match or another rule came before it.
                    AND (r.effect = 'allow' OR n.why IS NOT NULL OR d.id IS NOT NULL)
                    AND ((r.effect = 'allow' AND r.host IS NULL) OR pg_column_size(approval_misses.arguments) <= 1024)
                ORDER BY rank
                LIMIT 100
            ) AS r
            CROSS JOIN LATERAL (
                SELECT '{h,u}' || r.pointers, ARRAY[hosts, urls] || ARRAY(
                    SELECT approval_read(p.key, approval_misses.arguments)
                    FROM unnest(r.pointers) WITH ORDINALITY AS p (key, n) ORDER BY p.n)
                OFFSET 0
            ) AS a (keys, readings)
            CROSS JOIN LATERAL (
                SELECT coalesce(
                    CASE WHEN r.effect = 'allow' THEN 'the name of the tool ' || oddity END,
                    approval_mismatch(
                        r.effect, r.ignore_case, r.pointers, r.likes, r.regexes, r.host, a.keys, a.readings,
                        approval_misses.arguments),
                    r.inapplicable,
                    CASE
                        WHEN r.decisive_id IS NULL THEN ''
                        WHEN r.conversation_id IS DISTINCT FROM r.decisive_conversation
                            THEN 'rules of the conversation come before rules without one'
                        ELSE format('%s comes before %s', upper(r.decisive_effect), upper(r.effect)) END)
                OFFSET 0
            ) AS w (why)
            WHERE w.why <> '' AND (r.host IS NULL OR approval_mentions(hosts, r.host))
            ORDER BY r.rank
            LIMIT 3
        ) AS f);
END
$$;
