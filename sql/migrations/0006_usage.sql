-- Usage: an immutable log, and its sums per day and per conversation, kept in the same transaction.

CREATE TABLE usage_logs (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid NOT NULL DEFAULT uuid7(),
    conversation_id uuid,
    message_id uuid,
    provider text NOT NULL,
    model text NOT NULL,
    input_tokens integer NOT NULL DEFAULT 0,
    output_tokens integer NOT NULL DEFAULT 0,
    total_tokens integer NOT NULL GENERATED ALWAYS AS (input_tokens + output_tokens) STORED,
    cost_usd numeric NOT NULL DEFAULT 0,
    used_own_api_key boolean NOT NULL DEFAULT false,
    api_key_id uuid,
    automation text,
    purpose text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT usage_logs_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES conversations,
    CONSTRAINT usage_logs_message_id_exists FOREIGN KEY (user_id, conversation_id, message_id)
        REFERENCES messages (user_id, conversation_id, id),
    CONSTRAINT usage_logs_message_id_conversation CHECK (message_id IS NULL OR conversation_id IS NOT NULL),
    CONSTRAINT usage_logs_provider_length CHECK (char_length(provider) BETWEEN 1 AND 50),
    CONSTRAINT usage_logs_model_length CHECK (char_length(model) BETWEEN 1 AND 100),
    CONSTRAINT usage_logs_input_tokens_range CHECK (input_tokens BETWEEN 0 AND 1000000000),
    CONSTRAINT usage_logs_output_tokens_range CHECK (output_tokens BETWEEN 0 AND 1000000000),
    CONSTRAINT usage_logs_cost_usd_range CHECK (cost_usd BETWEEN 0 AND 1000000),
    CONSTRAINT usage_logs_automation_length CHECK (char_length(automation) BETWEEN 1 AND 100),
    CONSTRAINT usage_logs_purpose_length CHECK (char_length(purpose) BETWEEN 1 AND 100)
);
COMMENT ON CONSTRAINT usage_logs_conversation_id_exists ON usage_logs IS 'There is no such conversation.';
COMMENT ON CONSTRAINT usage_logs_message_id_exists ON usage_logs IS 'There is no such message in this conversation.';
COMMENT ON CONSTRAINT usage_logs_message_id_conversation ON usage_logs IS 'A message is given together with its conversation.';
COMMENT ON CONSTRAINT usage_logs_provider_length ON usage_logs IS 'A provider has 1 to 50 characters.';
COMMENT ON CONSTRAINT usage_logs_model_length ON usage_logs IS 'A model has 1 to 100 characters.';
COMMENT ON CONSTRAINT usage_logs_input_tokens_range ON usage_logs IS 'A number of tokens lies between 0 and 1000000000.';
COMMENT ON CONSTRAINT usage_logs_output_tokens_range ON usage_logs IS 'A number of tokens lies between 0 and 1000000000.';
COMMENT ON CONSTRAINT usage_logs_cost_usd_range ON usage_logs IS 'A cost lies between 0 and 1000000.';
COMMENT ON CONSTRAINT usage_logs_automation_length ON usage_logs IS 'An automation has 1 to 100 characters.';
COMMENT ON CONSTRAINT usage_logs_purpose_length ON usage_logs IS 'A purpose has 1 to 100 characters.';
CREATE INDEX usage_logs_by_creation ON usage_logs (user_id, created_at, id);
CREATE INDEX usage_logs_by_conversation ON usage_logs (user_id, conversation_id, created_at, id);

CREATE TABLE usage_days (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid NOT NULL DEFAULT uuid7(),
    day date NOT NULL,
    requests integer NOT NULL,
    conversations integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    total_tokens bigint NOT NULL GENERATED ALWAYS AS (input_tokens + output_tokens) STORED,
    cost_usd numeric NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT usage_days_day_key UNIQUE (user_id, day)
);
COMMENT ON COLUMN usage_days.day IS 'A calendar day of UTC.';

-- Adds a new line of the log to its day and its conversation. The feed's lock makes look-then-insert safe.
CREATE FUNCTION usage_logs_sum() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
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
        cost_usd = cost_usd + NEW.cost_usd
    WHERE user_id = NEW.user_id AND day = today;
    IF NOT FOUND THEN
        INSERT INTO usage_days (user_id, day, requests, conversations, input_tokens, output_tokens, cost_usd)
        VALUES (NEW.user_id, today, 1, first_of_conversation, NEW.input_tokens, NEW.output_tokens, NEW.cost_usd);
    END IF;
    UPDATE conversations
    SET usage_requests = usage_requests + 1,
        usage_input_tokens = usage_input_tokens + NEW.input_tokens,
        usage_output_tokens = usage_output_tokens + NEW.output_tokens,
        usage_cost_usd = usage_cost_usd + NEW.cost_usd
    WHERE user_id = NEW.user_id AND id = NEW.conversation_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER sum BEFORE INSERT ON usage_logs FOR EACH ROW EXECUTE FUNCTION usage_logs_sum();

SELECT tenant_table('usage_logs', carry => '{conversation_id}', privileges => 'SELECT, INSERT');
SELECT tenant_table('usage_days', privileges => 'SELECT');
