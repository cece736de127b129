-- name: to_rewrap
-- The data keys that another key-encryption key than the newest wraps, at most :most after a user.
SELECT user_id, key_id, wrapped
FROM data_keys
WHERE key_id <> :newest AND user_id > :after_id
ORDER BY user_id
LIMIT :most;

-- name: rewrap
-- Stores data keys wrapped anew, and returns how many nobody else has changed meanwhile.
SELECT data_keys_rewrap(:owners, :old_wrapped, :newest, :new_wrapped) AS changed;

-- name: register
-- Notes that a key-encryption key is in use.
INSERT INTO key_encryption_keys (id) VALUES (:id) ON CONFLICT DO NOTHING;

-- name: count_others
-- How many data keys another key-encryption key wraps.
SELECT count(*) AS number FROM data_keys WHERE key_id <> :newest;

-- name: count_by_key
-- The key-encryption keys that the database knows, and how many data keys each wraps.
SELECT e.id, e.created_at, e.dropped_at, (SELECT count(*) FROM data_keys AS k WHERE k.key_id = e.id) AS wraps
FROM key_encryption_keys AS e
ORDER BY e.created_at DESC, e.id;

-- name: drop
-- Takes a key-encryption key out of use, unless it wraps a data key. Returns how many it wraps.
SELECT key_encryption_key_drop(:id) AS wraps;
