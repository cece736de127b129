-- Trigger: works out the cost of a new log entry that states none, from the price of its model at that moment. A call with a
-- key of the user's used their own.
CREATE OR REPLACE FUNCTION usage_logs_price() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NEW.cost_usd IS NULL THEN
        NEW := usage_logs_priced(NEW, model_price_at(NEW.provider, NEW.model, NEW.created_at));
    END IF;
    NEW.used_own_api_key := NEW.used_own_api_key OR NEW.api_key_id IS NOT NULL;
    RETURN NEW;
END
$$;
