-- name: recommend
-- The models that meet some needs, most suitable first.
SELECT :columns
FROM llm_models
WHERE :user_id::uuid IS NOT NULL
    AND NOT is_retired
    -- Models that generate nothing, such as those for embeddings, have no price for output.
    AND embedding_dimensions IS NULL
    AND (output_usd_per_million > 0 OR input_usd_per_million = 0)
    AND (NOT :vision::boolean OR supports_vision)
    AND (NOT :tools::boolean OR supports_tools)
    AND (NOT :system::boolean OR supports_system)
    AND (:providers::text[] IS NULL OR provider = ANY (:providers::text[]))
    AND context_window >= coalesce(:context_window::integer, 0)
    AND max_output_tokens >= coalesce(:output_tokens::integer, 0)
    AND blended_usd_per_million <= coalesce(:budget::numeric, 'infinity')
ORDER BY
    :quality_weight::float8 * coalesce(quality_score, 0)
        + :latency_weight::float8 * coalesce(latency_score, 0)
        + :price_weight::float8 * 10 / (1 + blended_usd_per_million::float8) DESC,
    blended_usd_per_million,
    name,
    id
LIMIT :first::integer;

-- name: list
-- The models for an operator, in one of the orders of LlmModelOrder. They belong to nobody, so there is no caller.
SELECT provider, model_id, quality_score, latency_score, input_usd_per_million, output_usd_per_million, context_window,
    supports_vision, supports_tools, supports_system, assumed_fields, retired_at
FROM llm_models
WHERE (:retired::boolean OR NOT is_retired)
    AND (:provider::text[] IS NULL OR provider = ANY (:provider::text[]))
    AND (NOT :vision::boolean OR supports_vision)
    AND (NOT :tools::boolean OR supports_tools)
    AND (NOT :system::boolean OR supports_system)
    AND (NOT :important::boolean OR is_tier1)
    AND context_window >= coalesce(:context_window::integer, 0)
    AND input_usd_per_million < coalesce(:price_below::numeric, 'infinity')
ORDER BY
    CASE :order::text
        WHEN 'quality' THEN -quality_score
        WHEN 'latency' THEN -latency_score
        WHEN 'price' THEN blended_usd_per_million
    END,
    name,
    provider,
    model_id;

-- name: apply_prices
-- Makes prices that have begun the present prices of their models. They belong to nobody, so there is no caller.
SELECT model_prices_apply() AS changed;
