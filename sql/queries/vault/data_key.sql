-- name: read
-- The caller's wrapped data key; no row if there is none yet.
SELECT key_id, wrapped FROM data_key_of() WHERE tenant() = :user_id;

-- name: keep
-- Gives the caller this data key, unless there is one, and returns the caller's. No row if the key that wraps it was dropped.
SELECT key_id, wrapped FROM data_key_keep(:key_id, :wrapped) WHERE tenant() = :user_id;
