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
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    price llm_model_prices := model_price_at(provider, model, at);
BEGIN
    IF price.id IS NOT NULL THEN
        RETURN QUERY SELECT price.llm_model_id, price.valid_from, p.* FROM price_for_input(price, input_tokens) AS p;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION model_price TO parley_runtime;
