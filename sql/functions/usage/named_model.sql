-- The model that a name means which is not its id, such as a dated name; null if there is none. In this order:
--
-- * the model whose rules match the name, as genai-prices states them (llm_models.name_pattern). Of several models, the first
--   by id counts, as there;
-- * the model whose id or rules match the name without the date at its end: gpt-4o-2024-08-06 or gpt-4o-20240806 is gpt-4o.
--
-- Case does not count. Models that are still offered come first. It reads all models of the provider.
CREATE OR REPLACE FUNCTION named_model(provider text, model text) RETURNS uuid LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (
        SELECT m.id
        FROM unnest(ARRAY[model, nullif(regexp_replace(model, '[-@]\d{4}-?\d{2}-?\d{2}$', ''), model)])
            WITH ORDINALITY AS n (name, position)
        JOIN llm_models AS m ON m.provider = named_model.provider
            AND (lower(m.model_id) = lower(n.name) OR lower(n.name) ~ m.name_pattern)
        ORDER BY n.position, m.model_id <> n.name, m.is_retired, m.model_id COLLATE "C"
        LIMIT 1);
END
$$;
GRANT EXECUTE ON FUNCTION named_model TO parley_runtime;
