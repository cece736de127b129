-- The row of the price of a model at a time; null if the model or its price at that time is unknown. `model` is as for
-- model_price().
CREATE OR REPLACE FUNCTION model_price_at(provider text, model text, at timestamptz) RETURNS llm_model_prices
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    model_id uuid := natural_id(provider, model);
    price llm_model_prices;
BEGIN
    FOR attempt IN 1..2 LOOP
        SELECT p.* INTO price
        FROM llm_model_prices AS p
        WHERE p.llm_model_id = model_id AND p.valid_from <= model_price_at.at
        ORDER BY p.valid_from DESC
        LIMIT 1;
        EXIT WHEN FOUND;
        model_id := named_model(provider, model);
    END LOOP;
    RETURN price;
END
$$;
