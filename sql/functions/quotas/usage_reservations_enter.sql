-- Trigger: estimates the cost of a new reservation that states none, and refuses it if a hard quota leaves too little. The
-- feed's lock, which is held here, makes reservations and usage of a user take turns. A call counts as one with the user's own
-- key only if there is such a key.
CREATE OR REPLACE FUNCTION usage_reservations_enter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    fault record;
BEGIN
    NEW.expires_at := at + interval '15 minutes';
    IF NEW.estimated_cost_usd IS NULL THEN
        NEW.estimated_cost_usd := usage_estimate(
            NEW.provider, NEW.model, at, NEW.estimated_input_tokens, NEW.estimated_output_tokens);
    END IF;
    IF NEW.used_own_api_key THEN
        NEW.used_own_api_key := usage_has_own_key(NEW.user_id, NEW.provider, NULL);
    END IF;
    -- The same request again is not refused by what it reserved before: its id is taken, which is found after this.
    IF EXISTS (SELECT FROM usage_reservations AS r WHERE r.user_id = NEW.user_id AND r.id = NEW.id) THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM usage_logs AS l WHERE l.user_id = NEW.user_id AND l.id = NEW.id) THEN
        RAISE check_violation USING CONSTRAINT = 'usage_reservations_id_recorded', TABLE = 'usage_reservations',
            MESSAGE = 'usage with this id is recorded already';
    END IF;
    -- Rules are checked after this. What breaks one is refused for that.
    IF NEW.estimated_input_tokens NOT BETWEEN 0 AND 1000000000
        OR NEW.estimated_output_tokens NOT BETWEEN 0 AND 1000000000
    THEN
        RETURN NEW;
    END IF;
    SELECT * INTO fault
    FROM usage_check(
        NEW.user_id, at, NEW.provider, NEW.model, NEW.automation, NEW.used_own_api_key,
        NEW.estimated_input_tokens::bigint + NEW.estimated_output_tokens, NEW.estimated_cost_usd) AS c
    WHERE c.is_refused
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NEW;
    END IF;
    IF fault.needed IS NULL THEN
        RAISE invalid_parameter_value USING
            CONSTRAINT = 'usage_reservations_estimated_cost_usd_needed', TABLE = 'usage_reservations',
            MESSAGE = 'the price of this model is not known, and a quota limits the cost: state an estimate';
    END IF;
    RAISE check_violation USING CONSTRAINT = 'usage_reservations_quota', TABLE = 'usage_reservations',
        MESSAGE = format(
            'the quota %s of %s %s %s has %s left, and the call needs %s%s', fault.quota_id, trim_scale(fault."limit"),
            CASE WHEN fault.unit = 'usd' THEN 'US dollars' ELSE fault.unit END,
            CASE WHEN fault.period = 'total' THEN 'in total' ELSE 'per ' || fault.period END,
            trim_scale(fault.remaining), trim_scale(fault.needed),
            coalesce(to_char(fault.resets_at AT TIME ZONE 'UTC', '": it resets at" YYYY-MM-DD"T"HH24:MI:SS"Z"'), ''));
END
$$;
