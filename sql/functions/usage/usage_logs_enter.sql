-- Trigger: works out the cost of a new log entry that states none, and adds the entry to the sums of its day, its kind of call
-- on that day, its quarter of an hour and its conversation. The feed's lock makes it safe to update a row of sums and insert
-- it if there is none.
CREATE OR REPLACE FUNCTION usage_logs_enter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    today date := (NEW.created_at AT TIME ZONE 'UTC')::date;
    quarter timestamptz := date_bin('15 minutes', NEW.created_at, 'epoch');
    key_id uuid := coalesce(NEW.api_key_id, '00000000-0000-0000-0000-000000000000');
    first_of_conversation integer := (NEW.conversation_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM usage_logs AS l
        WHERE l.user_id = NEW.user_id AND l.conversation_id = NEW.conversation_id
            AND l.created_at >= today::timestamp AT TIME ZONE 'UTC'
            AND l.created_at < (today + 1)::timestamp AT TIME ZONE 'UTC'))::integer;
    known record;
BEGIN
    IF NEW.cost_usd IS NULL THEN
        NEW := usage_logs_priced(NEW, model_price_at(NEW.provider, NEW.model, NEW.created_at));
    END IF;
    SELECT
        r AS reserved,
        EXISTS (SELECT FROM usage_quotas AS q WHERE q.user_id = NEW.user_id AND q.deleted_at IS NULL) AS has_quotas
    INTO known
    FROM (SELECT) AS always
    LEFT JOIN usage_reservations AS r ON r.user_id = NEW.user_id AND r.id = NEW.id;
    IF NEW.used_own_api_key OR NEW.api_key_id IS NOT NULL OR (known.reserved).id IS NOT NULL THEN
        -- An entry that is recorded again is the same, whatever has become of keys since. Its id is taken, which is found later.
        IF EXISTS (SELECT FROM usage_logs AS l WHERE l.user_id = NEW.user_id AND l.id = NEW.id) THEN
            RETURN NEW;
        END IF;
        NEW.used_own_api_key := usage_own_key(
            NEW.user_id, NEW.provider, NEW.api_key_id, NEW.used_own_api_key, known.reserved);
    END IF;
    IF known.has_quotas THEN
        NEW := (usage_logs_meter(NEW.user_id, ARRAY[NEW], NEW.created_at))[1];
    END IF;
    UPDATE usage_days
    SET requests = requests + 1,
        conversations = conversations + first_of_conversation,
        input_tokens = input_tokens + NEW.input_tokens,
        output_tokens = output_tokens + NEW.output_tokens,
        cached_input_tokens = cached_input_tokens + NEW.cached_input_tokens,
        cache_write_input_tokens = cache_write_input_tokens + NEW.cache_write_input_tokens,
        reasoning_tokens = reasoning_tokens + NEW.reasoning_tokens,
        cost_usd = cost_usd + NEW.cost_usd
    WHERE user_id = NEW.user_id AND day = today;
    IF NOT FOUND THEN
        INSERT INTO usage_days (
            user_id, day, requests, conversations, input_tokens, output_tokens, cached_input_tokens,
            cache_write_input_tokens, reasoning_tokens, cost_usd)
        VALUES (
            NEW.user_id, today, 1, first_of_conversation, NEW.input_tokens, NEW.output_tokens, NEW.cached_input_tokens,
            NEW.cache_write_input_tokens, NEW.reasoning_tokens, NEW.cost_usd);
    END IF;
    UPDATE usage_day_parts
    SET requests = requests + 1,
        input_tokens = input_tokens + NEW.input_tokens,
        output_tokens = output_tokens + NEW.output_tokens,
        cached_input_tokens = cached_input_tokens + NEW.cached_input_tokens,
        cache_write_input_tokens = cache_write_input_tokens + NEW.cache_write_input_tokens,
        reasoning_tokens = reasoning_tokens + NEW.reasoning_tokens,
        cost_usd = cost_usd + NEW.cost_usd
    WHERE user_id = NEW.user_id AND day = today AND provider = NEW.provider AND model = NEW.model
        AND automation = coalesce(NEW.automation, '') AND purpose = coalesce(NEW.purpose, '')
        AND api_key_id = key_id AND used_own_api_key = NEW.used_own_api_key;
    IF NOT FOUND THEN
        -- The rules for the lengths of these texts are checked later, and an index entry must not be too long before.
        INSERT INTO usage_day_parts (
            user_id, day, provider, model, automation, purpose, api_key_id, used_own_api_key, requests, input_tokens,
            output_tokens, cached_input_tokens, cache_write_input_tokens, reasoning_tokens, cost_usd)
        VALUES (
            NEW.user_id, today, left(NEW.provider, 50), left(NEW.model, 100), coalesce(left(NEW.automation, 100), ''),
            coalesce(left(NEW.purpose, 100), ''), key_id, NEW.used_own_api_key, 1, NEW.input_tokens, NEW.output_tokens,
            NEW.cached_input_tokens, NEW.cache_write_input_tokens, NEW.reasoning_tokens, NEW.cost_usd);
    END IF;
    UPDATE usage_quarter_hours
    SET requests = requests + 1,
        input_tokens = input_tokens + NEW.input_tokens,
        output_tokens = output_tokens + NEW.output_tokens,
        cached_input_tokens = cached_input_tokens + NEW.cached_input_tokens,
        cache_write_input_tokens = cache_write_input_tokens + NEW.cache_write_input_tokens,
        reasoning_tokens = reasoning_tokens + NEW.reasoning_tokens,
        cost_usd = cost_usd + NEW.cost_usd
    WHERE user_id = NEW.user_id AND begins_at = quarter;
    IF NOT FOUND THEN
        INSERT INTO usage_quarter_hours (
            user_id, begins_at, requests, input_tokens, output_tokens, cached_input_tokens, cache_write_input_tokens,
            reasoning_tokens, cost_usd)
        VALUES (
            NEW.user_id, quarter, 1, NEW.input_tokens, NEW.output_tokens, NEW.cached_input_tokens,
            NEW.cache_write_input_tokens, NEW.reasoning_tokens, NEW.cost_usd);
    END IF;
    UPDATE conversations
    SET usage_requests = usage_requests + 1,
        usage_input_tokens = usage_input_tokens + NEW.input_tokens,
        usage_output_tokens = usage_output_tokens + NEW.output_tokens,
        usage_cached_input_tokens = usage_cached_input_tokens + NEW.cached_input_tokens,
        usage_cache_write_input_tokens = usage_cache_write_input_tokens + NEW.cache_write_input_tokens,
        usage_reasoning_tokens = usage_reasoning_tokens + NEW.reasoning_tokens,
        usage_cost_usd = usage_cost_usd + NEW.cost_usd
    WHERE user_id = NEW.user_id AND id = NEW.conversation_id;
    RETURN NEW;
END
$$;
