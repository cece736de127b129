-- name: suggest
-- Notes what an agent suggests about a tool; returns no row if nothing changes.
UPDATE known_tools
SET suggested_risk = :suggested_risk,
    description = coalesce(description, :description),
    parameters_schema = coalesce(parameters_schema, :parameters_schema::jsonb)
WHERE user_id = :user_id
    AND tool_name = :tool_name
    AND (suggested_risk IS DISTINCT FROM :suggested_risk
        OR (description IS NULL AND :description::text IS NOT NULL)
        OR (parameters_schema IS NULL AND :parameters_schema::jsonb IS NOT NULL))
RETURNING :columns;
