-- Makes prices that have begun the present prices of their models, by which lists are ordered. Returns how many models have
-- another price than before. It may be called at any time, by background work alone.
CREATE OR REPLACE FUNCTION model_prices_apply() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    changed integer := 0;
BEGIN
    IF is_background_work() THEN
        UPDATE llm_models AS m
        SET input_usd_per_million = p.input_usd_per_million, output_usd_per_million = p.output_usd_per_million
        FROM (
            SELECT DISTINCT ON (llm_model_id) *
            FROM llm_model_prices
            WHERE valid_from <= clock_timestamp()
            ORDER BY llm_model_id, valid_from DESC
        ) AS p
        WHERE p.llm_model_id = m.id
            AND (m.input_usd_per_million, m.output_usd_per_million)
                IS DISTINCT FROM (p.input_usd_per_million, p.output_usd_per_million);
        GET DIAGNOSTICS changed = ROW_COUNT;
    END IF;
    RETURN changed;
END
$$;
GRANT EXECUTE ON FUNCTION model_prices_apply TO parley_runtime;
