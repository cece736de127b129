-- The rule that decides about a call of a tool; no row if none matches. Rules of the conversation go before rules without
-- one; among equals DENY goes before ASK before ALLOW, and an ALLOW rule whose maximum is not exceeded before others.
--
-- The index finds the rules of the tool. Each argument is read once, however many rules there are, and most rules are left
-- out by LIKE with their first pattern: a regular expression for each would be compiled again for every call.
CREATE OR REPLACE FUNCTION approval_rule_for(
    owner_id uuid, conversation uuid, tool text, arguments jsonb, cost numeric
) RETURNS TABLE (rule_id uuid, rule_effect text, rule_max_cost_usd numeric, rule_label text) LANGUAGE plpgsql STABLE
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    folded_tool text := approval_fold(tool);
    tool_is_plain boolean := approval_is_plain(tool);
BEGIN
    RETURN QUERY
    WITH of_tool AS MATERIALIZED (
        SELECT
            r.id, r.effect, r.conversation_id, r.max_cost_usd, r.tool_name, r.arguments AS patterns, r.ignore_case,
            r.pointers, r.paths, r.likes, r.regexes, r.host, r.pointers[1] AS pointer, r.paths[1] AS is_path
        FROM auto_approval_rules AS r
        WHERE r.user_id = owner_id
            AND r.deleted_at IS NULL
            AND r.tool_key IN (folded_tool, '*')
            AND CASE WHEN r.effect = 'allow' THEN tool_is_plain AND tool LIKE r.tool_like
                ELSE folded_tool LIKE r.tool_like END
            AND (r.conversation_id IS NULL OR r.conversation_id = conversation)
            AND (r.expires_at IS NULL OR r.expires_at > at)
    ),
    argument AS MATERIALIZED (
        SELECT
            p.pointer, p.is_path, p.is_allowed,
            CASE WHEN p.is_allowed THEN approval_exact(v.value, p.is_path)
                ELSE approval_readings(approval_argument(v.value)) END AS value
        FROM (
            SELECT DISTINCT t.pointer, t.is_path AND t.effect = 'allow', t.effect = 'allow'
            FROM of_tool AS t
            WHERE t.pointer IS NOT NULL
        ) AS p (pointer, is_path, is_allowed)
        CROSS JOIN LATERAL (SELECT arguments #> p.pointer::text[]) AS v (value)
    )
    SELECT
        f.id, f.effect, f.max_cost_usd,
        format('''%s''', left(concat_ws(' ', f.tool_name, nullif((
            SELECT string_agg(p.value, ' ' ORDER BY p.key) FROM jsonb_each_text(f.patterns) AS p), ''), f.host), 200))
            || CASE WHEN f.conversation_id IS NULL THEN ' of the user' ELSE ' of this conversation' END
    FROM (
        SELECT t.*
        FROM of_tool AS t
        LEFT JOIN argument AS a
            ON a.pointer = t.pointer AND a.is_allowed = (t.effect = 'allow') AND a.is_path = (t.is_path AND a.is_allowed)
        WHERE (t.pointer IS NULL
                OR CASE WHEN t.ignore_case AND a.is_allowed THEN lower(a.value) ELSE a.value END LIKE t.likes[1])
            AND approval_rule_matches(
                t.effect, t.ignore_case, t.pointers, t.paths, t.likes, t.regexes, t.host, arguments)
        ORDER BY
            t.conversation_id IS NULL, array_position('{deny,ask,allow}'::text[], t.effect),
            t.effect = 'allow' AND coalesce(t.max_cost_usd < cost, false), t.id
        LIMIT 1
    ) AS f;
END
$$;
