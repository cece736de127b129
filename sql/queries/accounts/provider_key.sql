-- name: by_id
-- The caller's key with this id, with what opens it; no row if it is deleted.
SELECT k.id, k.provider, k.sealed_key_generation AS generation, c.base_url,
    coalesce(secret_of(k.id, 'provider_keys.sealed_key'), '') AS sealed
FROM provider_keys AS k
JOIN provider_configs AS c ON c.user_id = k.user_id AND c.id = k.provider_config_id
WHERE k.user_id = :user_id AND k.id = :id AND k.deleted_at IS NULL;

-- name: in_use
-- The key that the caller's calls of a provider use, with what opens it: as `current` chooses it.
SELECT k.id, k.provider, k.sealed_key_generation AS generation, c.base_url,
    coalesce(secret_of(k.id, 'provider_keys.sealed_key'), '') AS sealed
FROM provider_configs AS c
CROSS JOIN LATERAL (
    SELECT id, provider, sealed_key_generation
    FROM provider_keys
    WHERE user_id = :user_id AND provider_config_id = c.id AND deleted_at IS NULL AND is_active
        AND (expires_at IS NULL OR expires_at > clock_timestamp())
    ORDER BY is_default DESC, created_at DESC, id DESC
    LIMIT 1
) AS k
WHERE c.user_id = :user_id AND c.provider = :provider AND c.deleted_at IS NULL AND c.is_active;

-- name: used
-- Notes that a key of the caller is used, at most once a minute.
SELECT provider_key_used(:id) WHERE tenant() = :user_id;

-- name: current
-- The key of each configuration that calls of its provider use: the default one if it can be used, else the newest.
SELECT :columns
FROM provider_keys AS t
WHERE t.user_id = :user_id AND t.id = ANY (ARRAY(
    SELECT (
        SELECT k.id
        FROM provider_keys AS k
        WHERE k.user_id = :user_id AND k.provider_config_id = c.id AND k.deleted_at IS NULL AND k.is_active
            AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
        ORDER BY k.is_default DESC, k.created_at DESC, k.id DESC
        LIMIT 1)
    FROM unnest(:keys::uuid[]) AS c (id)));
