-- Conversations and their messages.
--
-- Adding a message is the most frequent write, so both tables replace some of what tenant_table() makes with something
-- cheaper:
--
-- * messages_enter() updates the conversation and appends both changes to the feed;
-- * one trigger evaluates all rules of a table;
-- * another message in the most recently active conversation changes no indexed column.

-- Part of each page is left free for HOT updates.
CREATE TABLE conversations (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    title text,
    provider text NOT NULL DEFAULT 'openai',
    model text NOT NULL DEFAULT 'gpt-4o-mini',
    system_prompt text,
    temperature double precision NOT NULL DEFAULT 0.7,
    max_tokens integer,
    context_window integer NOT NULL DEFAULT 8192,
    is_pinned boolean NOT NULL DEFAULT false,
    is_archived boolean NOT NULL DEFAULT false,
    is_auto_archived boolean NOT NULL DEFAULT false,
    max_messages integer,
    folder text,
    client_session text,
    metadata jsonb NOT NULL DEFAULT '{}',
    auto_approval_settings jsonb NOT NULL DEFAULT '{}',
    -- Roll-ups, maintained by triggers on the rows that they sum.
    last_seq integer NOT NULL DEFAULT 0,
    message_count integer NOT NULL DEFAULT 0,
    last_message_id uuid,
    last_message_at timestamptz,
    active_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    active_since timestamptz NOT NULL,
    message_tokens bigint NOT NULL DEFAULT 0,
    response_count integer NOT NULL DEFAULT 0,
    response_ms bigint NOT NULL DEFAULT 0,
    usage_requests integer NOT NULL DEFAULT 0,
    usage_input_tokens bigint NOT NULL DEFAULT 0,
    usage_output_tokens bigint NOT NULL DEFAULT 0,
    usage_cost_usd numeric NOT NULL DEFAULT 0
) WITH (fillfactor = 85);
COMMENT ON COLUMN conversations.last_message_id IS
    'Has no foreign key, because a trigger writes it before the message is inserted.';
COMMENT ON COLUMN conversations.active_at IS 'When the last message was added, or when the conversation was created.';
COMMENT ON COLUMN conversations.active_since IS
    'When it last became the most recently active conversation: the order of an inbox. It is the time of writing, whatever '
    'created_at says: after importing old rows, set it to active_at.';
SELECT tenant_table('conversations');
SELECT add_rule('conversations', name, condition, reason)
FROM (VALUES
    ('title_length', 'char_length(title) <= 500', 'A title has at most 500 characters.'),
    ('provider_length', 'char_length(provider) BETWEEN 1 AND 50', 'A provider name has 1 to 50 characters.'),
    ('model_length', 'char_length(model) BETWEEN 1 AND 100', 'A model name has 1 to 100 characters.'),
    ('system_prompt_length', 'char_length(system_prompt) <= 100000', 'A system prompt has at most 100000 characters.'),
    ('temperature_range', 'temperature BETWEEN 0 AND 2', 'The temperature must be between 0 and 2.'),
    ('max_tokens_range', 'max_tokens > 0', 'The number of tokens must be greater than 0.'),
    ('context_window_range', 'context_window > 0', 'The context window must be greater than 0.'),
    ('max_messages_range', 'max_messages > 0', 'The number of messages must be greater than 0.'),
    ('folder_length', 'char_length(folder) BETWEEN 1 AND 255', 'A folder name has 1 to 255 characters.'),
    ('client_session_length', 'char_length(client_session) <= 255', 'A client session id has at most 255 characters.'),
    ('metadata_size', $$jsonb_typeof(metadata) = 'object' AND pg_column_size(metadata) <= 65536$$,
        'Metadata must be an object of at most 64 KiB.'),
    ('auto_approval_settings_size',
        $$jsonb_typeof(auto_approval_settings) = 'object' AND pg_column_size(auto_approval_settings) <= 65536$$,
        'Auto-approval settings must be an object of at most 64 KiB.')
) AS r (name, condition, reason);
CREATE INDEX conversations_by_creation ON conversations (user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX conversations_latest ON conversations (user_id, active_since, id) WHERE deleted_at IS NULL;
CREATE INDEX conversations_latest_pinned ON conversations (user_id, active_since, id)
    WHERE is_pinned AND deleted_at IS NULL;
-- Excludes conversations without a folder, so that writes to them need not touch this index.
CREATE INDEX conversations_latest_in_folder ON conversations (user_id, folder, active_since, id)
    WHERE folder IS NOT NULL AND deleted_at IS NULL;

-- For the triggers, which write one row at a time. With `=`, the planner would evaluate the condition in advance, which pays
-- off when many rows are read but costs more than reading one.
ALTER POLICY tenant ON conversations TO parley_runtime;
CREATE POLICY tenant_of_trigger ON conversations TO parley_owner USING (user_id IS NOT DISTINCT FROM tenant());

CREATE TRIGGER enter BEFORE INSERT ON conversations FOR EACH ROW EXECUTE FUNCTION conversations_enter();
CREATE TRIGGER change BEFORE UPDATE OF is_archived, deleted_at ON conversations
    FOR EACH ROW EXECUTE FUNCTION conversations_change();
-- Both replace the foreign key of messages, which is not enforced: see the end of this file.
CREATE TRIGGER leave AFTER DELETE ON conversations FOR EACH ROW EXECUTE FUNCTION conversations_leave();
CREATE TRIGGER leave_key AFTER UPDATE OF user_id, id ON conversations
    FOR EACH ROW WHEN ((OLD.user_id, OLD.id) <> (NEW.user_id, NEW.id)) EXECUTE FUNCTION conversations_leave();
-- messages_enter() writes these columns and appends the change to the feed itself. request_hash is written only by INSERT.
SELECT feed_spares('conversations', '{
    last_seq, message_count, last_message_id, last_message_at, active_at, active_since, message_tokens, response_count,
    response_ms, updated_at, version, request_hash}');
-- A new message changes only sums of its conversation, which have no rules.
SELECT rules_at_once('conversations', spare_others => true);


CREATE TABLE messages (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    conversation_id uuid NOT NULL,
    seq integer NOT NULL,
    parent_id uuid,
    role text NOT NULL CONSTRAINT messages_role_known CHECK (role IN ('user', 'assistant', 'system', 'tool')),
    content text NOT NULL,
    status text NOT NULL DEFAULT 'complete'
        CONSTRAINT messages_status_known CHECK (status IN ('complete', 'streaming', 'failed', 'cancelled')),
    token_count integer,
    model text,
    finish_reason text,
    processing_ms integer,
    relevance_score double precision,
    images jsonb NOT NULL DEFAULT '[]',
    files jsonb NOT NULL DEFAULT '[]',
    provider_metadata jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (user_id, id),
    CONSTRAINT messages_seq_key UNIQUE (user_id, conversation_id, seq),
    -- For links to a message that must be in the same conversation: of its replies, tool executions and usage.
    CONSTRAINT messages_conversation_key UNIQUE (user_id, conversation_id, id)
);
SELECT tenant_table('messages', carry => '{conversation_id}');
SELECT add_rule('messages', name, condition, reason)
FROM (VALUES
    ('content_length', 'char_length(content) <= 262144', 'A message has at most 262144 characters.'),
    ('content_blank', $$role NOT IN ('user', 'system') OR content ~ '[^[:space:]]' OR images || files <> '[]'$$,
        'A user or system message needs text, images or files.'),
    ('token_count_range', 'token_count >= 0', 'The number of tokens cannot be negative.'),
    ('model_length', 'char_length(model) BETWEEN 1 AND 100', 'A model name has 1 to 100 characters.'),
    ('finish_reason_length', 'char_length(finish_reason) BETWEEN 1 AND 50', 'A finish reason has 1 to 50 characters.'),
    ('processing_ms_range', 'processing_ms >= 0', 'The processing time cannot be negative.'),
    ('relevance_score_range', 'relevance_score BETWEEN 0 AND 1', 'The relevance score must be between 0 and 1.'),
    ('images_size', $$jsonb_typeof(images) = 'array' AND pg_column_size(images) <= 65536$$,
        'Images must be a list of at most 64 KiB.'),
    ('files_size', $$jsonb_typeof(files) = 'array' AND pg_column_size(files) <= 65536$$,
        'Files must be a list of at most 64 KiB.'),
    ('provider_metadata_size',
        $$jsonb_typeof(provider_metadata) = 'object' AND pg_column_size(provider_metadata) <= 65536$$,
        'Provider metadata must be an object of at most 64 KiB.')
) AS r (name, condition, reason);
-- No index: that of messages_seq_key serves the list of a conversation's messages.
SELECT add_link('messages', 'conversation_id', 'conversations', order_by => NULL);
SELECT add_link('messages', 'parent_id', 'messages', 'There is no such %s in this conversation.',
    sharing => 'conversation_id', order_by => NULL);
CREATE INDEX messages_by_parent ON messages (user_id, parent_id, seq) WHERE parent_id IS NOT NULL;
-- Messages are listed only through their conversation, so deleting it need not mark them. messages_enter() checks the links
-- of new messages.
SELECT keep_links('messages', within => '{conversation_id}', marked => false, on_insert => false);

-- messages_enter() locks the feed and appends to it, so neither trigger of the feed fires on INSERT.
CREATE TRIGGER enter BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION messages_enter();
CREATE OR REPLACE TRIGGER feed_lock BEFORE UPDATE OR DELETE ON messages
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION feed_lock();
CREATE OR REPLACE TRIGGER zz_feed BEFORE UPDATE OR DELETE ON messages FOR EACH ROW EXECUTE FUNCTION feed_messages();
CREATE TRIGGER guard BEFORE UPDATE ON messages FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND OLD.status <> 'streaming') EXECUTE FUNCTION messages_guard();
CREATE TRIGGER gather BEFORE UPDATE ON messages FOR EACH ROW
    WHEN (OLD.status = 'streaming'
        AND (NEW.status <> 'streaming' OR NEW.deleted_at IS NOT NULL OR NEW.content <> OLD.content))
    EXECUTE FUNCTION messages_gather();
CREATE TRIGGER recount AFTER UPDATE ON messages FOR EACH ROW
    WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)
        OR OLD.token_count IS DISTINCT FROM NEW.token_count
        OR OLD.processing_ms IS DISTINCT FROM NEW.processing_ms)
    EXECUTE FUNCTION messages_recount();
SELECT rules_at_once('messages');

-- messages_enter() checks that the conversation of a new message exists, and locks it until the commit, so it can neither be
-- deleted nor change its key. The server need not check it again, and from version 18 on it does not. The triggers `links`,
-- `leave` and `leave_key` enforce the rest of the foreign key, on every version.
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 180000 THEN
        EXECUTE 'ALTER TABLE messages ALTER CONSTRAINT messages_conversation_id_exists NOT ENFORCED';
    END IF;
END
$$;
