-- name: move
-- Makes a legal move of the state machine; returns no row if the current status does not allow it, or if another attempt
-- runs. What a worker with a name did is reported with its attempt.
UPDATE tool_executions
SET status = :status,
    status_reason = :reason,
    result = coalesce(:result::jsonb, result),
    cost_usd = coalesce(:cost_usd, cost_usd),
    error_message = coalesce(:error_message, error_message),
    worker = coalesce(:worker, worker),
    lease_seconds = :lease_seconds
WHERE user_id = :user_id
    AND id = :id
    AND deleted_at IS NULL
    AND tool_move_is_legal(status, :status)
    AND coalesce(attempt = :attempt::integer, worker IS NULL OR :status NOT IN ('completed', 'failed'))
    AND (:status <> 'approved' OR expires_at IS NULL OR expires_at > clock_timestamp())
    AND (:expected::bigint IS NULL OR version = :expected)
RETURNING :columns;

-- name: last_move
-- The last move of an execution, which led to its current status.
SELECT to_status, actor, reason, created_at
FROM tool_transitions
WHERE user_id = :user_id AND tool_execution_id = :id
ORDER BY created_at DESC, id DESC
LIMIT 1;

-- name: conversation_of_message
-- The conversation of a message, so that a proposal may omit it.
SELECT conversation_id FROM messages WHERE user_id = :user_id AND id = :message_id;

-- name: renew
-- Renews the lease of an execution; returns no row if it is not running, or if another attempt is.
SELECT :columns
FROM tool_execution_renew(:id, :attempt)
WHERE user_id = :user_id AND deleted_at IS NULL;
