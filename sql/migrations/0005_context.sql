-- Context optimizations: how a conversation was made to fit its model's window, and which messages it touched.

CREATE TABLE context_optimizations (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    conversation_id uuid NOT NULL,
    trigger_reason text NOT NULL,
    optimization_type text NOT NULL,
    tokens_before integer NOT NULL,
    tokens_after integer NOT NULL,
    summary text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT context_optimizations_conversation_id_exists FOREIGN KEY (user_id, conversation_id)
        REFERENCES conversations,
    CONSTRAINT context_optimizations_trigger_reason_known CHECK (
        trigger_reason IN ('token_limit', 'user_request', 'auto')),
    CONSTRAINT context_optimizations_optimization_type_known CHECK (
        optimization_type IN ('truncation', 'summarization', 'compression')),
    CONSTRAINT context_optimizations_tokens_before_range CHECK (tokens_before >= 0),
    CONSTRAINT context_optimizations_tokens_after_range CHECK (tokens_after >= 0),
    CONSTRAINT context_optimizations_summary_length CHECK (char_length(summary) <= 262144)
);
COMMENT ON CONSTRAINT context_optimizations_conversation_id_exists ON context_optimizations IS 'There is no such conversation.';
COMMENT ON CONSTRAINT context_optimizations_tokens_before_range ON context_optimizations IS 'A number of tokens is not negative.';
COMMENT ON CONSTRAINT context_optimizations_tokens_after_range ON context_optimizations IS 'A number of tokens is not negative.';
COMMENT ON CONSTRAINT context_optimizations_summary_length ON context_optimizations IS 'A summary has at most 262144 characters.';
CREATE INDEX context_optimizations_by_conversation ON context_optimizations (user_id, conversation_id, created_at, id);
SELECT tenant_table('context_optimizations', carry => '{conversation_id}', privileges => 'SELECT, INSERT');

CREATE TABLE context_optimization_messages (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    context_optimization_id uuid NOT NULL,
    message_id uuid NOT NULL,
    seq integer NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT context_optimization_messages_key UNIQUE (user_id, context_optimization_id, message_id),
    CONSTRAINT context_optimization_messages_optimization_exists FOREIGN KEY (user_id, context_optimization_id)
        REFERENCES context_optimizations,
    CONSTRAINT context_optimization_messages_message_id_exists FOREIGN KEY (user_id, message_id) REFERENCES messages
);
COMMENT ON COLUMN context_optimization_messages.seq IS 'The message''s own number, for the order of the list.';
CREATE INDEX context_optimization_messages_in_order
    ON context_optimization_messages (user_id, context_optimization_id, seq, message_id);
CREATE INDEX context_optimization_messages_by_message
    ON context_optimization_messages (user_id, message_id, context_optimization_id);
SELECT tenant_table(
    'context_optimization_messages', carry => '{context_optimization_id,message_id}', privileges => 'SELECT, INSERT');
