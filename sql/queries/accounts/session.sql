-- name: rotate
-- Replaces the refresh token that was presented by its successor; gives no row unless it is the session's present one.
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
-- Whether the token that was presented is the one before the present one, replaced within the last ten seconds.
SELECT id
FROM sessions
WHERE user_id = :user_id
    AND id = :id
    AND previous_refresh_hash = :presented
    AND revoked_at IS NULL
    AND refreshed_at > clock_timestamp() - interval '10 seconds';

-- name: revoke
-- Ends a session that has not been ended yet.
UPDATE sessions
SET revoked_at = clock_timestamp(), revoked_reason = :reason
WHERE user_id = :user_id AND id = :id AND revoked_at IS NULL
RETURNING :columns;

-- name: end_reused
-- Ends a session whose refresh token comes again after it was used up. The present one of an expired session has not been.
UPDATE sessions
SET revoked_at = clock_timestamp(), revoked_reason = 'refresh_reused'
WHERE user_id = :user_id AND id = :id AND revoked_at IS NULL AND refresh_hash <> :presented
RETURNING id;

-- name: new_id
-- An id for a new user or session, before anybody is signed in.
SELECT uuid7() AS id;

-- name: revoked
-- The sessions that were ended since a time, whoever's they are: ids alone, for the list each gateway process keeps.
SELECT session_id FROM revocations WHERE at > clock_timestamp() - :within::interval;
