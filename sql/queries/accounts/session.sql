-- name: rotate
-- Replaces the refresh token of a session; returns no row unless the token presented is the current one.
UPDATE sessions
SET previous_refresh_hash = refresh_hash,
    refresh_hash = :successor,
    refreshed_at = clock_timestamp(),
    last_used_at = clock_timestamp(),
    access_token_id = :token_id,
    expires_at = least(clock_timestamp() + :life::interval, ends_at)
WHERE user_id = :user_id
    AND id = :id
    AND refresh_hash = :presented
    AND revoked_at IS NULL
    AND least(expires_at, ends_at) > clock_timestamp()
RETURNING id;

-- name: just_rotated
-- Returns a row if the token presented is the previous one and was replaced within the last ten seconds.
SELECT id
FROM sessions
WHERE user_id = :user_id
    AND id = :id
    AND previous_refresh_hash = :presented
    AND revoked_at IS NULL
    AND refreshed_at > clock_timestamp() - interval '10 seconds';

-- name: revoke
-- Ends a session; returns no row if it was already ended.
UPDATE sessions
SET revoked_at = clock_timestamp(), revoked_reason = :reason
WHERE user_id = :user_id AND id = :id AND revoked_at IS NULL
RETURNING :columns;

-- name: revoke_all
-- Ends all sessions of the caller.
UPDATE sessions
SET revoked_at = clock_timestamp(), revoked_reason = :reason
WHERE user_id = :user_id AND revoked_at IS NULL
RETURNING id;

-- name: end_reused
-- Ends a session if the token presented was used before. The current token was not, even if the session has expired.
UPDATE sessions
SET revoked_at = clock_timestamp(), revoked_reason = 'refresh_reused'
WHERE user_id = :user_id AND id = :id AND revoked_at IS NULL AND refresh_hash <> :presented
RETURNING id;

-- name: new_id
-- An id for a new user or session. Runs before sign-in.
SELECT uuid7() AS id;

-- name: revoked
-- The ids of recently revoked credentials of all users, for the list that each gateway process keeps.
SELECT session_id AS credential_id FROM revocations WHERE at > clock_timestamp() - :within::interval;
