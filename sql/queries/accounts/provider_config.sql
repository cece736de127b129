-- name: for_key
-- The provider, the configuration and the base URL of a new key, by the provider or the configuration. The configuration is
-- null if there is none, or if it is deleted.
SELECT c.id AS config_id, c.base_url, coalesce(c.provider, :provider::text) AS provider
FROM (SELECT :user_id::uuid AS user_id) AS u
LEFT JOIN provider_configs AS c
    ON c.user_id = u.user_id AND c.deleted_at IS NULL AND (c.id = :config_id::uuid OR c.provider = :provider::text);

-- name: models
-- The models of each configuration's provider that are offered, best first, at most 200.
SELECT k.ordinal AS link_ordinal, r.*
FROM unnest(:keys::uuid[]) WITH ORDINALITY AS k (key, ordinal)
JOIN provider_configs AS c ON c.user_id = :user_id AND c.id = k.key
CROSS JOIN LATERAL (
    SELECT :columns
    FROM llm_models AS t
    WHERE t.provider = c.provider AND NOT t.is_retired
    ORDER BY t.quality_score DESC NULLS LAST, t.name, t.id
    LIMIT 200
) AS r
ORDER BY k.ordinal;
