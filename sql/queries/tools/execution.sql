-- name: move
-- Makes a legal move of the state machine; gives no row when the present status does not allow it.
UPDATE tool_executions
SET status = :status,
    status_reason = :reason,
    result = coalesce(:result::jsonb, result),
    cost_usd = coalesce(:cost_usd, cost_usd),
    error_message = coalesce(:error_message, error_message)
WHERE user_id = :user_id
    AND id = :id
    AND deleted_at IS NULL
    AND tool_move_is_legal(status, :status)
    AND (:expected::bigint IS NULL OR version = :expected)
RETURNING :columns;

-- name: last_move
-- The move that made an execution's status what it is.
SELECT to_status, actor, reason, created_at
FROM tool_transitions
WHERE user_id = :user_id AND tool_execution_id = :id
ORDER BY created_at DESC, id DESC
LIMIT 1;

-- name: conversation_of_message
-- Where a message is, so that a proposal need not say it.
SELECT conversation_id FROM messages WHERE user_id = :user_id AND id = :message_id;

-- name: renew
-- Renews the lease of an execution; gives no row when it does not run.
SELECT :columns
FROM tool_executions
WHERE user_id = :user_id AND id = :id AND deleted_at IS NULL AND lease_renew(user_id, id);
