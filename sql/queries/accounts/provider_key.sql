-- name: by_id
-- The caller's key with this id, with what opens it; no row if it is deleted.
SELECT k.id, k.provider, k.sealed_key_generation AS generation, c.base_url,
    coalesce(secret_of(k.id, 'provider_keys.sealed_key'), '') AS sealed
FROM provider_keys AS k
JOIN provider_configs AS c ON c.user_id = k.user_id AND c.id = k.provider_config_id
WHERE k.user_id = :user_id AND k.id = :id AND k.deleted_at IS NULL;

-- name: place
-- What the caller's key with this id is sealed for, besides its generation; no row if it is deleted.
SELECT k.provider, c.base_url
FROM provider_keys AS k
JOIN provider_configs AS c ON c.user_id = k.user_id AND c.id = k.provider_config_id
WHERE k.user_id = :user_id AND k.id = :id AND k.deleted_at IS NULL;

-- name: in_use
-- The key that the caller's calls of a provider use, with what opens it; no row if there is none.
SELECT k.id, k.provider, k.sealed_key_generation AS generation, c.base_url,
    coalesce(secret_of(k.id, 'provider_keys.sealed_key'), '') AS sealed
FROM provider_configs AS c
JOIN provider_keys AS k ON k.user_id = c.user_id AND k.id = provider_key_in_use(c.id)
WHERE c.user_id = :user_id AND c.provider = :provider AND c.deleted_at IS NULL AND c.is_active;

-- name: used
-- Notes that a key of the caller was sent, at most once a minute.
SELECT provider_key_used(:id, :generation) WHERE tenant() = :user_id;

-- name: current
-- The key that calls of each configuration use.
SELECT :columns
FROM provider_keys AS t
WHERE t.user_id = :user_id
    AND t.id = ANY (ARRAY(SELECT provider_key_in_use(c.id) FROM unnest(:keys::uuid[]) AS c (id)));
