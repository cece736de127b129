-- Trigger: estimates the cost of a new reservation that states none, and refuses it if a hard quota leaves too little. The
-- feed's lock, which is held here, makes reservations and usage of a user take turns. A call counts as one with the user's own
-- key only if there is such a key.
CREATE OR REPLACE FUNCTION usage_reservations_enter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    checked record;
BEGIN
    NEW.expires_at := at + interval '15 minutes';
    -- The first refusal, if there is one.
    SELECT * INTO checked
    FROM usage_check(
        NEW.user_id, at, NEW.provider, NEW.model, NEW.automation, NEW.used_own_api_key, NEW.estimated_input_tokens,
        NEW.estimated_output_tokens, NEW.estimated_cost_usd)
    LIMIT 1;
    NEW.estimated_cost_usd := checked.cost_usd;
    NEW.used_own_api_key := checked.used_own_api_key;
    -- The same request again is not refused by what it reserved before: its id is taken, which is found after this.
    IF EXISTS (SELECT FROM usage_reservations AS r WHERE r.user_id = NEW.user_id AND r.id = NEW.id) THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM usage_logs AS l WHERE l.user_id = NEW.user_id AND l.id = NEW.id) THEN
        RAISE check_violation USING CONSTRAINT = 'usage_reservations_id_recorded', TABLE = 'usage_reservations',
            MESSAGE = 'usage with this id is recorded already';
    END IF;
    -- Rules are checked after this. What breaks one is refused for that.
    IF NOT checked.is_refused
        OR NEW.estimated_input_tokens NOT BETWEEN 0 AND 1000000000
        OR NEW.estimated_output_tokens NOT BETWEEN 0 AND 1000000000
    THEN
        RETURN NEW;
    END IF;
    -- The field of the error comes from the name.
    RAISE EXCEPTION USING
        ERRCODE = CASE WHEN checked.is_unpriced THEN 'invalid_parameter_value' ELSE 'check_violation' END,
        CONSTRAINT = concat_ws('_', 'usage_reservations', checked.field, 'quota'), TABLE = 'usage_reservations',
        MESSAGE = checked.reason;
END
$$;
