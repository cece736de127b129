-- Decides about a call of a tool, and says why. The trigger of new tool executions calls it under the lock of the user's feed,
-- so that calls that are proposed at the same time see each other's costs; `explainApproval` asks it what would happen, and
-- with `explains` also why other rules did not decide (approval_misses).
--
-- 1. A DENY rule that matches: cancelled.
-- 2. An ASK rule: pending.
-- 3. No person has approved this tool yet, and the settings require that: pending.
-- 4. The cost is over the maximum of one execution, or what was spent in the last hour plus it over that of an hour: pending.
-- 5. An ALLOW rule, or a risk that the settings approve: approved.
-- 6. Otherwise: pending.
--
-- The settings of the conversation stand in place of the user's, name by name. A cost that is not known is assumed to be the
-- maximum of one execution.
CREATE OR REPLACE FUNCTION approval_decide(
    owner_id uuid, conversation uuid, tool text, arguments jsonb, estimate numeric, explains boolean DEFAULT false
) RETURNS TABLE (
    outcome text, reason text, failed_check text, explanation text, rule_id uuid, tool_id uuid, tool_risk text,
    is_new boolean, cost_usd numeric, spent_usd numeric, max_cost_per_tool_usd numeric, max_cost_per_hour_usd numeric
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    own record;
    rule record;
    limit_usd numeric;
BEGIN
    IF owner_id IS DISTINCT FROM tenant() THEN
        RETURN;
    END IF;
    SELECT
        coalesce((c.approval_overrides ->> 'readOnlyOperations')::boolean, s.read_only_operations) AS read_only,
        coalesce((c.approval_overrides ->> 'lowRiskOperations')::boolean, s.low_risk_operations) AS low_risk,
        coalesce((c.approval_overrides ->> 'maxCostPerToolUsd')::numeric, s.max_cost_per_tool_usd) AS per_tool,
        coalesce((c.approval_overrides ->> 'maxCostPerHourUsd')::numeric, s.max_cost_per_hour_usd) AS per_hour,
        coalesce((c.approval_overrides ->> 'requireApprovalForNewTools')::boolean, s.require_approval_for_new_tools)
            AS asks_for_new,
        k.id, k.risk, k.first_approved_at
    INTO own
    FROM auto_approval_settings AS s
    LEFT JOIN conversations AS c ON c.user_id = s.user_id AND c.id = conversation
    LEFT JOIN known_tools AS k ON k.user_id = s.user_id AND k.tool_name = tool
    WHERE s.user_id = owner_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    tool_id := own.id;
    tool_risk := coalesce(own.risk, 'high');
    is_new := own.first_approved_at IS NULL;
    max_cost_per_tool_usd := own.per_tool;
    max_cost_per_hour_usd := own.per_hour;
    cost_usd := coalesce(estimate, own.per_tool);
    spent_usd := approval_spent(owner_id);
    SELECT * INTO rule FROM approval_rule_for(owner_id, conversation, tool, arguments, cost_usd);
    rule_id := rule.rule_id;
    limit_usd := least(own.per_tool, CASE WHEN rule.rule_effect = 'allow' THEN rule.rule_max_cost_usd END);
    outcome := 'pending';
    CASE
        WHEN rule.rule_effect = 'deny' THEN
            outcome := 'cancelled';
            reason := 'denied_by_rule';
            failed_check := 'deny_rule';
            explanation := format('Rule %s denies it.', rule.rule_label);
        WHEN rule.rule_effect = 'ask' THEN
            failed_check := 'ask_rule';
            explanation := format('Rule %s asks.', rule.rule_label);
        WHEN is_new AND own.asks_for_new THEN
            failed_check := 'new_tool';
            explanation := 'No person has approved this tool yet.';
        WHEN cost_usd > limit_usd THEN
            failed_check := 'cost_per_tool';
            explanation := format(
                'It may cost %s USD, and at most %s USD are approved for one execution by %s.',
                trim_scale(cost_usd), trim_scale(limit_usd),
                CASE
                    WHEN limit_usd < own.per_tool THEN 'rule ' || rule.rule_label
                    WHEN rule.rule_effect = 'allow' AND rule.rule_max_cost_usd > own.per_tool THEN format(
                        'the settings. Rule %s allows %s USD, but the lower maximum applies',
                        rule.rule_label, trim_scale(rule.rule_max_cost_usd))
                    ELSE 'the settings' END);
        WHEN spent_usd + cost_usd > own.per_hour THEN
            failed_check := 'cost_per_hour';
            explanation := format(
                'It may cost %s USD. %s USD of the last hour''s executions and at most %s USD are approved in an hour.',
                trim_scale(cost_usd), trim_scale(spent_usd), trim_scale(own.per_hour));
        WHEN rule.rule_effect = 'allow' THEN
            outcome := 'approved';
            reason := 'rule';
            explanation := format('Rule %s allows it.', rule.rule_label);
        WHEN tool_risk = 'read_only' AND (own.read_only OR own.low_risk) THEN
            outcome := 'approved';
            reason := 'read_only';
            explanation := 'The settings approve tools that only read.';
        WHEN tool_risk = 'low' AND own.low_risk THEN
            outcome := 'approved';
            reason := 'low_risk';
            explanation := 'The settings approve tools of low risk.';
        ELSE
            failed_check := 'risk';
            explanation := 'No rule allows it, and the settings do not approve tools of its risk.';
    END CASE;
    IF explains THEN
        explanation := explanation || approval_misses(owner_id, conversation, tool, arguments, outcome, rule_id);
    END IF;
    RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION approval_decide TO parley_runtime;

-- What the executions that were approved automatically in the last 60 minutes have cost: the cost of those that have ended and
-- reported it, and what was assumed of the others.
CREATE OR REPLACE FUNCTION approval_spent(owner_id uuid) RETURNS numeric LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (
        SELECT coalesce(sum(CASE WHEN t.completed_at IS NULL THEN t.reserved_usd
            ELSE coalesce(t.cost_usd, t.reserved_usd) END), 0)
        FROM tool_executions AS t
        WHERE t.user_id = owner_id
            AND t.reserved_usd IS NOT NULL
            AND t.approved_at > clock_timestamp() - interval '60 minutes');
END
$$;
GRANT EXECUTE ON FUNCTION approval_spent TO parley_runtime;
