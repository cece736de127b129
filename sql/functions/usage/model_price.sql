-- What a call of a model costs per million tokens at a time, in US dollars. `input_tokens` is the number of tokens of the
-- call's whole input, for models that cost more with a long input. No row if the model or its price at that time is
-- unknown. A price that is null is not known: tokens read from the cache then cost as much as other input.
--
-- `model` is the id of a model, or another name of it, such as a dated one (see named_model).
--
-- In PL/pgSQL, whose body is checked only when it runs: functions are also made where their tables are still missing.
CREATE OR REPLACE FUNCTION model_price(provider text, model text, at timestamptz, input_tokens bigint DEFAULT 0)
RETURNS TABLE (
    llm_model_id uuid, valid_from timestamptz, input_usd_per_million numeric, output_usd_per_million numeric,
    cache_read_usd_per_million numeric, cache_write_usd_per_million numeric
) LANGUAGE plpgsql STABLE
AS $$
DECLARE
    model_id uuid := natural_id(provider, model);
BEGIN
    FOR attempt IN 1..2 LOOP
        RETURN QUERY
        SELECT p.llm_model_id, p.valid_from,
            coalesce(t.input, p.input_usd_per_million),
            coalesce(t.output, p.output_usd_per_million),
            coalesce(t."cacheRead", p.cache_read_usd_per_million),
            coalesce(t."cacheWrite", p.cache_write_usd_per_million)
        FROM llm_model_prices AS p
        LEFT JOIN LATERAL (
            SELECT tier.*
            FROM jsonb_to_recordset(p.tier_list)
                AS tier (above bigint, input numeric, output numeric, "cacheRead" numeric, "cacheWrite" numeric)
            WHERE tier.above < model_price.input_tokens
            ORDER BY tier.above DESC
            LIMIT 1
        ) AS t ON true
        WHERE p.llm_model_id = model_id AND p.valid_from <= model_price.at
        ORDER BY p.valid_from DESC
        LIMIT 1;
        EXIT WHEN FOUND;
        model_id := named_model(provider, model);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION model_price TO parley_runtime;
