-- Works out the cost of proposed log entries that state none, like the trigger usage_logs_price for one. The price of each
-- model is looked up once.
CREATE OR REPLACE FUNCTION usage_logs_price_all(proposed usage_logs[], at timestamptz) RETURNS usage_logs[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    named record;
    price llm_model_prices;
    n bigint;
BEGIN
    FOR named IN
        SELECT provider, model, array_agg(ordinality) AS positions
        FROM unnest(proposed) WITH ORDINALITY
        WHERE cost_usd IS NULL
        GROUP BY provider, model
    LOOP
        price := model_price_at(named.provider, named.model, at);
        FOREACH n IN ARRAY named.positions LOOP
            proposed[n] := usage_logs_priced(proposed[n], price);
        END LOOP;
    END LOOP;
    RETURN proposed;
END
$$;
