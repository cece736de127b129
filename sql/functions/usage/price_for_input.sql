-- What a price comes to for a call with so many input tokens in all, since long inputs can have prices of their own. A price
-- that is null is not known.
CREATE OR REPLACE FUNCTION price_for_input(price llm_model_prices, input_tokens bigint)
RETURNS TABLE (
    input_usd_per_million numeric, output_usd_per_million numeric, cache_read_usd_per_million numeric,
    cache_write_usd_per_million numeric
) LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT
        coalesce(t.input, price.input_usd_per_million),
        coalesce(t.output, price.output_usd_per_million),
        coalesce(t."cacheRead", price.cache_read_usd_per_million),
        coalesce(t."cacheWrite", price.cache_write_usd_per_million)
    FROM (VALUES (1)) AS one
    LEFT JOIN LATERAL (
        SELECT tier.*
        FROM jsonb_to_recordset(price.tier_list)
            AS tier (above bigint, input numeric, output numeric, "cacheRead" numeric, "cacheWrite" numeric)
        WHERE tier.above < price_for_input.input_tokens
        ORDER BY tier.above DESC
        LIMIT 1
    ) AS t ON true;
END
$$;
