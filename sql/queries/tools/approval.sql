-- name: spent
-- What was approved automatically in the last hour.
SELECT approval_spent(:user_id) AS spent;

-- name: explain
-- What would be decided about a call of a tool, and why.
SELECT *
FROM approval_decide(
    :user_id, :conversation_id::uuid, :tool_name, :parameters::jsonb, :estimated_cost_usd::numeric, explains => true);
