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
        SELECT r.id, r.first_argument, r.first_like, r.ignore_case
        FROM auto_approval_rules AS r
        WHERE r.user_id = owner_id
            AND r.deleted_at IS NULL
            AND r.tool_key IN (folded_tool, '*')
            AND CASE WHEN r.effect = 'allow' THEN tool_is_plain AND tool LIKE r.tool_like
                ELSE folded_tool LIKE r.tool_like END
            AND approval_inapplicable(r.conversation_id, r.expires_at, conversation, at) IS NULL
    ),
    argument AS MATERIALIZED (
        SELECT
            d.first_argument, r.value, r.is_unreadable,
            CASE WHEN d.first_argument LIKE 'd%' THEN approval_beginnings(r.value) END AS beginnings
        FROM (SELECT DISTINCT t.first_argument FROM of_tool AS t WHERE t.first_argument IS NOT NULL) AS d
        CROSS JOIN LATERAL (SELECT arguments #> substr(d.first_argument, 2)::text[]) AS v (value)
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN d.first_argument NOT LIKE 'd%' THEN approval_exact(v.value, is_path => d.first_argument LIKE 'p%')
                    WHEN NOT approval_is_unreadable(v.value) THEN approval_readings(approval_argument(v.value)) END,
                d.first_argument LIKE 'd%' AND approval_is_unreadable(v.value)
            OFFSET 0
        ) AS r (value, is_unreadable)
    ),
    -- Materialized, or the planner would ask approval_mismatch() about each rule of the tool.
    likely AS MATERIALIZED (
        SELECT r.*
        FROM auto_approval_rules AS r
        WHERE r.user_id = owner_id AND r.id = ANY (ARRAY(
            SELECT t.id
            FROM of_tool AS t
            LEFT JOIN argument AS a ON a.first_argument = t.first_argument
            WHERE t.first_argument IS NULL
                OR a.value LIKE t.first_like
                OR a.is_unreadable
                OR (a.beginnings IS NOT NULL AND approval_may_begin(t.first_like, a.beginnings))
                OR (t.ignore_case AND lower(a.value) LIKE t.first_like)))
    )
    SELECT
        f.id, f.effect, f.max_cost_usd,
        approval_label(f.tool_name, f.arguments, f.host)
            || CASE WHEN f.conversation_id IS NULL THEN ' of the user' ELSE ' of this conversation' END
    FROM (
        SELECT l.*
        FROM likely AS l
        -- A single pattern of a DENY or ASK rule has been compared.
        WHERE (l.effect <> 'allow' AND l.host IS NULL AND cardinality(l.pointers) = 1) OR approval_mismatch(
            l.effect, l.ignore_case, l.pointers, l.paths, l.likes, l.regexes, l.host, approval_rule_for.arguments) IS NULL
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
