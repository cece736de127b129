-- Works out the cost of proposed log entries that state none, before they are inserted, as usage_logs_enter() does for one. The
-- price of each model is looked up once, and so is each key, unless the calls were reserved.
CREATE OR REPLACE FUNCTION usage_logs_price_all(proposed usage_logs[], at timestamptz) RETURNS usage_logs[]
LANGUAGE plpgsql
AS $$
DECLARE
    of_model record;
    price llm_model_prices;
    of_key record;
    n bigint;
BEGIN
    -- The trigger that does this fires later.
    FOR n IN
        SELECT ordinality FROM unnest(proposed) WITH ORDINALITY WHERE provider <> canonical_name(provider)
    LOOP
        proposed[n].provider := canonical_name(proposed[n].provider);
    END LOOP;
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
            p.used_own_api_key AS is_said,
            usage_own_key(tenant(), p.provider, p.api_key_id, p.used_own_api_key, r) AS is_own,
            array_agg(p.ordinality) AS positions
        FROM unnest(proposed) WITH ORDINALITY AS p
        LEFT JOIN usage_reservations AS r ON r.user_id = tenant() AND r.id = p.id
        WHERE p.used_own_api_key OR p.api_key_id IS NOT NULL OR r.id IS NOT NULL
        GROUP BY p.provider, p.api_key_id, p.used_own_api_key, r
    LOOP
        CONTINUE WHEN of_key.is_said = of_key.is_own;
        FOREACH n IN ARRAY of_key.positions LOOP
            proposed[n].used_own_api_key := of_key.is_own;
        END LOOP;
    END LOOP;
    IF EXISTS (SELECT FROM usage_quotas AS q WHERE q.user_id = tenant() AND q.deleted_at IS NULL) THEN
        proposed := usage_logs_meter(tenant(), proposed, at);
    END IF;
    RETURN proposed;
END
$$;
