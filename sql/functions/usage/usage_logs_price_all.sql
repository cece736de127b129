-- Works out the cost of proposed log entries that state none, before they are inserted, as usage_logs_enter() does for one. The
-- price of each model is looked up once, and so is each key.
CREATE OR REPLACE FUNCTION usage_logs_price_all(proposed usage_logs[], at timestamptz) RETURNS usage_logs[]
LANGUAGE plpgsql
AS $$
DECLARE
    of_model record;
    price llm_model_prices;
    of_key record;
    n bigint;
BEGIN
    FOR of_model IN
        SELECT provider, model, array_agg(ordinality) AS positions
        FROM unnest(proposed) WITH ORDINALITY
        WHERE cost_usd IS NULL
        GROUP BY provider, model
    LOOP
        price := model_price_at(of_model.provider, of_model.model, at);
        FOREACH n IN ARRAY of_model.positions LOOP
            proposed[n] := usage_logs_priced(proposed[n], price);
        END LOOP;
    END LOOP;
    FOR of_key IN
        SELECT
            used_own_api_key AS is_said, usage_has_own_key(tenant(), provider, api_key_id) AS is_there,
            array_agg(ordinality) AS positions
        FROM unnest(proposed) WITH ORDINALITY
        WHERE used_own_api_key OR api_key_id IS NOT NULL
        GROUP BY provider, api_key_id, used_own_api_key
    LOOP
        CONTINUE WHEN of_key.is_said = of_key.is_there;
        FOREACH n IN ARRAY of_key.positions LOOP
            proposed[n].used_own_api_key := of_key.is_there;
        END LOOP;
    END LOOP;
    IF EXISTS (SELECT FROM usage_quotas AS q WHERE q.user_id = tenant() AND q.deleted_at IS NULL) THEN
        proposed := usage_logs_meter(tenant(), proposed, at);
    END IF;
    RETURN proposed;
END
$$;
