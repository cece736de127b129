-- A log entry with its cost by a price, and the prices per million tokens that it was worked out with. If the price is null,
-- the cost is 0, and its source unknown. Costs are rounded up to a millionth of a dollar.
CREATE OR REPLACE FUNCTION usage_logs_priced(entry usage_logs, price llm_model_prices) RETURNS usage_logs
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    cached numeric := coalesce(entry.cached_input_tokens, 0);
    written numeric := coalesce(entry.cache_write_input_tokens, 0);
    charged record;
BEGIN
    IF price.id IS NULL THEN
        entry.cost_usd := 0;
        entry.cost_source := 'unknown';
        RETURN entry;
    END IF;
    SELECT * INTO charged FROM price_for_input(price, coalesce(entry.input_tokens, 0));
    entry.input_usd_per_million := charged.input_usd_per_million;
    entry.output_usd_per_million := charged.output_usd_per_million;
    entry.cache_read_usd_per_million := charged.cache_read_usd_per_million;
    entry.cache_write_usd_per_million := charged.cache_write_usd_per_million;
    -- Rules are checked after this. An entry that breaks one is refused for that, and not for the cost that follows from it.
    entry.cost_usd := greatest(0, ceil(
        (coalesce(entry.input_tokens, 0) - cached - written) * charged.input_usd_per_million
        + cached * coalesce(charged.cache_read_usd_per_million, charged.input_usd_per_million)
        + written * coalesce(charged.cache_write_usd_per_million, charged.input_usd_per_million)
        + coalesce(entry.output_tokens, 0) * charged.output_usd_per_million)) * 0.000001;
    entry.cost_source := 'catalogue';
    RETURN entry;
END
$$;
