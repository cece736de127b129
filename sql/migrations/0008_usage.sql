-- Usage: an immutable log, and its sums per day and per conversation, updated in the same transaction.

CREATE TABLE usage_logs (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
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
    purpose text
);
SELECT tenant_table('usage_logs', without => '{deleted_at}', privileges => 'SELECT, INSERT',
    carry => '{conversation_id}');
SELECT add_rule('usage_logs', name, condition, reason)
FROM (VALUES
    ('message_id_conversation', 'message_id IS NULL OR conversation_id IS NOT NULL',
        'A message requires its conversation.'),
    ('provider_length', 'char_length(provider) BETWEEN 1 AND 50', 'A provider name has 1 to 50 characters.'),
    ('model_length', 'char_length(model) BETWEEN 1 AND 100', 'A model name has 1 to 100 characters.'),
    ('input_tokens_range', 'input_tokens BETWEEN 0 AND 1000000000',
        'The number of tokens must be between 0 and 1000000000.'),
    ('output_tokens_range', 'output_tokens BETWEEN 0 AND 1000000000',
        'The number of tokens must be between 0 and 1000000000.'),
    ('cost_usd_range', 'cost_usd BETWEEN 0 AND 1000000', 'The cost must be between 0 and 1000000.'),
    ('automation_length', 'char_length(automation) BETWEEN 1 AND 100', 'An automation name has 1 to 100 characters.'),
    ('purpose_length', 'char_length(purpose) BETWEEN 1 AND 100', 'A purpose has 1 to 100 characters.')
) AS r (name, condition, reason);
CREATE INDEX usage_logs_by_creation ON usage_logs (user_id, created_at, id);
SELECT add_link('usage_logs', 'conversation_id', 'conversations');
-- No index, because there is no list of the usage of a message.
SELECT add_link('usage_logs', 'message_id', 'messages', 'There is no such %s in this conversation.',
    sharing => 'conversation_id', order_by => NULL);

-- The sums per day. Only usage_logs_sum() writes them.
CREATE TABLE usage_days (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    day date NOT NULL,
    requests integer NOT NULL,
    conversations integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    total_tokens bigint NOT NULL GENERATED ALWAYS AS (input_tokens + output_tokens) STORED,
    cost_usd numeric NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT usage_days_day_key UNIQUE (user_id, day)
);
COMMENT ON COLUMN usage_days.day IS 'The calendar day, in UTC.';
SELECT tenant_table('usage_days', without => '{deleted_at,request_hash}', privileges => 'SELECT');

CREATE TRIGGER sum BEFORE INSERT ON usage_logs FOR EACH ROW EXECUTE FUNCTION usage_logs_sum();
