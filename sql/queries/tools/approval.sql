-- name: spent
-- What was approved automatically in the last hour.
SELECT approval_spent(:user_id) AS spent;

-- name: explain
-- What would be decided about a call of a tool, and why; returns no row if there is no such conversation.
SELECT *
FROM approval_decide(:user_id, :conversation_id::uuid, :tool_name, :parameters::jsonb, :estimated_cost_usd::numeric)
WHERE :conversation_id::uuid IS NULL
    OR EXISTS (SELECT FROM conversations WHERE user_id = :user_id AND id = :conversation_id::uuid);
