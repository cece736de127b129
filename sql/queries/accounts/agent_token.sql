-- name: find
-- What decides whether a token is accepted.
SELECT
    t.id, t.hash, t.scopes, t.expires_at, t.revoked_at,
    t.expires_at <= clock_timestamp() AS has_expired,
    u.deleted_at IS NULL AS has_account
FROM agent_tokens AS t
JOIN users AS u ON u.user_id = t.user_id
WHERE t.user_id = :user_id AND t.id = :id;

-- name: revoke
-- Revokes a token; returns no row if it was already revoked.
UPDATE agent_tokens
SET revoked_at = clock_timestamp()
WHERE user_id = :user_id AND id = :id AND revoked_at IS NULL
RETURNING :columns;

-- name: revoke_all
-- Revokes all tokens of the caller.
UPDATE agent_tokens
SET revoked_at = clock_timestamp()
WHERE user_id = :user_id AND revoked_at IS NULL
RETURNING id;

-- name: record_use
-- Records that tokens are in use now.
SELECT FROM agent_tokens_record_use(:ids) WHERE tenant() = :user_id;
