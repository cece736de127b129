-- Context optimizations: how a conversation's context was shortened to fit its model's context window, and which messages
-- were affected.

CREATE TABLE context_optimizations (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    conversation_id uuid NOT NULL,
    trigger_reason text NOT NULL
        CONSTRAINT context_optimizations_trigger_reason_known CHECK (
            trigger_reason IN ('token_limit', 'user_request', 'auto')),
    optimization_type text NOT NULL
        CONSTRAINT context_optimizations_optimization_type_known CHECK (
            optimization_type IN ('truncation', 'summarization', 'compression')),
    tokens_before integer NOT NULL,
    tokens_after integer NOT NULL,
    summary text
);
SELECT tenant_table('context_optimizations', without => '{deleted_at}', privileges => 'SELECT, INSERT',
    carry => '{conversation_id}');
SELECT add_rule('context_optimizations', name, condition, reason)
FROM (VALUES
    ('tokens_before_range', 'tokens_before >= 0', 'The number of tokens cannot be negative.'),
    ('tokens_after_range', 'tokens_after >= 0', 'The number of tokens cannot be negative.'),
    ('summary_length', 'char_length(summary) <= 262144', 'A summary has at most 262144 characters.')
) AS r (name, condition, reason);
SELECT add_link('context_optimizations', 'conversation_id', 'conversations');

CREATE TABLE context_optimization_messages (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    context_optimization_id uuid NOT NULL,
    message_id uuid NOT NULL,
    seq integer NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT context_optimization_messages_key UNIQUE (user_id, context_optimization_id, message_id),
    CONSTRAINT context_optimization_messages_optimization_exists FOREIGN KEY (user_id, context_optimization_id)
        REFERENCES context_optimizations,
    CONSTRAINT context_optimization_messages_message_id_exists FOREIGN KEY (user_id, message_id) REFERENCES messages
);
COMMENT ON COLUMN context_optimization_messages.seq IS 'The seq of the message, by which the list is ordered.';
SELECT tenant_table('context_optimization_messages', privileges => 'SELECT, INSERT',
    without => '{created_at,updated_at,deleted_at,request_hash}', carry => '{context_optimization_id,message_id}');
CREATE INDEX context_optimization_messages_in_order
    ON context_optimization_messages (user_id, context_optimization_id, seq, message_id);
CREATE INDEX context_optimization_messages_by_message
    ON context_optimization_messages (user_id, message_id, context_optimization_id);
