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
    tool_is_plain boolean := approval_oddity(tool) IS NULL;
BEGIN
    RETURN QUERY
    WITH of_tool AS MATERIALIZED (
        SELECT r.*
        FROM auto_approval_rules AS r
        WHERE r.user_id = owner_id
            AND r.deleted_at IS NULL
            AND r.tool_key IN (folded_tool, '*')
            AND CASE WHEN r.effect = 'allow' THEN tool_is_plain AND tool LIKE r.tool_like
                ELSE folded_tool LIKE r.tool_like END
            AND approval_inapplicable(r.conversation_id, r.expires_at, conversation, at) IS NULL
    ),
    argument AS MATERIALIZED (
        SELECT k.key, r.value, r.value = E'\x04' OR r.value NOT LIKE E'\x05%' AS is_uncertain
        FROM (
            SELECT unnest(t.pointers) FROM of_tool AS t
            UNION
            SELECT CASE t.effect WHEN 'allow' THEN 'u' ELSE 'h' END FROM of_tool AS t WHERE t.host IS NOT NULL
        ) AS k (key)
        CROSS JOIN LATERAL (SELECT approval_read(k.key, approval_rule_for.arguments) OFFSET 0) AS r (value)
    ),
    -- Materialized, or the planner would ask approval_mismatch() about each rule of the tool.
    likely AS MATERIALIZED (
        SELECT t.*
        FROM of_tool AS t
        LEFT JOIN argument AS a ON a.key = t.pointers[1]
        WHERE t.pointers = '{}'
            OR a.value LIKE t.likes[1]
            OR CASE WHEN t.effect = 'allow' THEN t.ignore_case AND lower(a.value) LIKE t.likes[1]
                ELSE a.is_uncertain AND approval_may_match(a.value, t.likes[1]) END
    )
    SELECT
        f.id, f.effect, f.max_cost_usd,
        approval_label(f.tool_name, f.arguments, f.host)
            || CASE WHEN f.conversation_id IS NULL THEN ' of the user' ELSE ' of this conversation' END
    FROM (
        SELECT l.*
        FROM likely AS l
        CROSS JOIN (SELECT array_agg(a.key), array_agg(a.value) FROM argument AS a) AS a (keys, readings)
        WHERE approval_mismatch(
            l.effect, l.ignore_case, l.pointers, l.likes, l.regexes, l.host, a.keys, a.readings, NULL) IS NULL
        ORDER BY
            l.conversation_id IS NULL, array_position('{deny,ask,allow}'::text[], l.effect),
            l.effect = 'allow' AND coalesce(l.max_cost_usd < cost, false), l.id
        LIMIT 1
    ) AS f;
END
$$;

-- Why a rule does not apply in this conversation at this time; null if it does.
CREATE OR REPLACE FUNCTION approval_inapplicable(
    of_conversation uuid, expires_at timestamptz, conversation uuid, at timestamptz
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN of_conversation IS NOT NULL AND of_conversation IS DISTINCT FROM conversation
            THEN 'it is limited to another conversation'
        WHEN expires_at <= at THEN 'it has expired' END
$$;

-- What an explanation calls a rule.
CREATE OR REPLACE FUNCTION approval_label(tool_name text, arguments jsonb, host text) RETURNS text LANGUAGE sql IMMUTABLE
PARALLEL SAFE
AS $$
    SELECT format('''%s''', left(concat_ws(' ', tool_name, nullif((
        SELECT string_agg(p.value, ' ' ORDER BY p.key) FROM jsonb_each_text(arguments) AS p), ''), host), 200))
$$;
