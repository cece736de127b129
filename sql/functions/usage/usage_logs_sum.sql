-- Trigger: adds a new log entry to the sums of its day and its conversation. The feed's lock makes it safe to update the
-- day's row and insert it if there is none.
CREATE OR REPLACE FUNCTION usage_logs_sum() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    today date := (NEW.created_at AT TIME ZONE 'UTC')::date;
    first_of_conversation integer := (NEW.conversation_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM usage_logs AS l
        WHERE l.user_id = NEW.user_id AND l.conversation_id = NEW.conversation_id
            AND l.created_at >= today::timestamp AT TIME ZONE 'UTC'
            AND l.created_at < (today + 1)::timestamp AT TIME ZONE 'UTC'))::integer;
BEGIN
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
