-- Conversations and their messages.

CREATE TABLE conversations (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid NOT NULL DEFAULT uuid7(),
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
    -- Roll-ups, kept by the triggers of the rows they sum.
    last_seq integer NOT NULL DEFAULT 0,
    message_count integer NOT NULL DEFAULT 0,
    last_message_id uuid,
    last_message_at timestamptz,
    active_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    message_tokens bigint NOT NULL DEFAULT 0,
    response_count integer NOT NULL DEFAULT 0,
    response_ms bigint NOT NULL DEFAULT 0,
    usage_requests integer NOT NULL DEFAULT 0,
    usage_input_tokens bigint NOT NULL DEFAULT 0,
    usage_output_tokens bigint NOT NULL DEFAULT 0,
    usage_cost_usd numeric NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT conversations_title_length CHECK (char_length(title) <= 500),
    CONSTRAINT conversations_provider_length CHECK (char_length(provider) BETWEEN 1 AND 50),
    CONSTRAINT conversations_model_length CHECK (char_length(model) BETWEEN 1 AND 100),
    CONSTRAINT conversations_system_prompt_length CHECK (char_length(system_prompt) <= 100000),
    CONSTRAINT conversations_temperature_range CHECK (temperature BETWEEN 0 AND 2),
    CONSTRAINT conversations_max_tokens_range CHECK (max_tokens > 0),
    CONSTRAINT conversations_context_window_range CHECK (context_window > 0),
    CONSTRAINT conversations_max_messages_range CHECK (max_messages > 0),
    CONSTRAINT conversations_folder_length CHECK (char_length(folder) BETWEEN 1 AND 255),
    CONSTRAINT conversations_client_session_length CHECK (char_length(client_session) <= 255),
    CONSTRAINT conversations_metadata_size CHECK (
        jsonb_typeof(metadata) = 'object' AND pg_column_size(metadata) <= 65536),
    CONSTRAINT conversations_auto_approval_settings_size CHECK (
        jsonb_typeof(auto_approval_settings) = 'object' AND pg_column_size(auto_approval_settings) <= 65536)
);
COMMENT ON COLUMN conversations.last_message_id IS
    'Without a foreign key: it is written before the message that it names, by that message''s own trigger.';
COMMENT ON COLUMN conversations.active_at IS 'Of the last message, or of the creation: the order of an inbox.';
COMMENT ON CONSTRAINT conversations_title_length ON conversations IS 'A title has at most 500 characters.';
COMMENT ON CONSTRAINT conversations_provider_length ON conversations IS 'A provider has 1 to 50 characters.';
COMMENT ON CONSTRAINT conversations_model_length ON conversations IS 'A model has 1 to 100 characters.';
COMMENT ON CONSTRAINT conversations_system_prompt_length ON conversations IS 'A system prompt has at most 100000 characters.';
COMMENT ON CONSTRAINT conversations_temperature_range ON conversations IS 'A temperature lies between 0 and 2.';
COMMENT ON CONSTRAINT conversations_max_tokens_range ON conversations IS 'A number of tokens is greater than 0.';
COMMENT ON CONSTRAINT conversations_context_window_range ON conversations IS 'A context window is greater than 0.';
COMMENT ON CONSTRAINT conversations_max_messages_range ON conversations IS 'A number of messages is greater than 0.';
COMMENT ON CONSTRAINT conversations_folder_length ON conversations IS 'A folder has 1 to 255 characters.';
COMMENT ON CONSTRAINT conversations_client_session_length ON conversations IS 'A client session has at most 255 characters.';
COMMENT ON CONSTRAINT conversations_metadata_size ON conversations IS 'Metadata is an object of at most 64 KiB.';
COMMENT ON CONSTRAINT conversations_auto_approval_settings_size ON conversations IS 'Auto-approval settings are an object of at most 64 KiB.';
CREATE INDEX conversations_by_activity ON conversations (user_id, active_at, id) WHERE deleted_at IS NULL;
CREATE INDEX conversations_by_creation ON conversations (user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX conversations_pinned ON conversations (user_id, active_at, id) WHERE is_pinned AND deleted_at IS NULL;
CREATE INDEX conversations_by_folder ON conversations (user_id, folder, active_at, id) WHERE deleted_at IS NULL;
SELECT tenant_table('conversations');


CREATE TABLE messages (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    conversation_id uuid NOT NULL,
    seq integer NOT NULL,
    parent_id uuid,
    role text NOT NULL,
    content text NOT NULL,
    status text NOT NULL DEFAULT 'complete',
    token_count integer,
    model text,
    finish_reason text,
    processing_ms integer,
    relevance_score double precision,
    images jsonb NOT NULL DEFAULT '[]',
    files jsonb NOT NULL DEFAULT '[]',
    provider_metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT messages_seq_key UNIQUE (user_id, conversation_id, seq),
    -- What branches and tool executions point to, so that they cannot leave the conversation.
    CONSTRAINT messages_conversation_key UNIQUE (user_id, conversation_id, id),
    CONSTRAINT messages_conversation_id_exists FOREIGN KEY (user_id, conversation_id) REFERENCES conversations,
    CONSTRAINT messages_parent_id_exists FOREIGN KEY (user_id, conversation_id, parent_id)
        REFERENCES messages (user_id, conversation_id, id),
    CONSTRAINT messages_role_known CHECK (role IN ('user', 'assistant', 'system', 'tool')),
    CONSTRAINT messages_status_known CHECK (status IN ('complete', 'streaming', 'failed', 'cancelled')),
    CONSTRAINT messages_content_length CHECK (char_length(content) <= 262144),
    CONSTRAINT messages_content_blank CHECK (role NOT IN ('user', 'system') OR content ~ '[^[:space:]]'),
    CONSTRAINT messages_token_count_range CHECK (token_count >= 0),
    CONSTRAINT messages_model_length CHECK (char_length(model) BETWEEN 1 AND 100),
    CONSTRAINT messages_finish_reason_length CHECK (char_length(finish_reason) BETWEEN 1 AND 50),
    CONSTRAINT messages_processing_ms_range CHECK (processing_ms >= 0),
    CONSTRAINT messages_relevance_score_range CHECK (relevance_score BETWEEN 0 AND 1),
    CONSTRAINT messages_images_size CHECK (jsonb_typeof(images) = 'array' AND pg_column_size(images) <= 65536),
    CONSTRAINT messages_files_size CHECK (jsonb_typeof(files) = 'array' AND pg_column_size(files) <= 65536),
    CONSTRAINT messages_provider_metadata_size CHECK (
        jsonb_typeof(provider_metadata) = 'object' AND pg_column_size(provider_metadata) <= 65536)
);
COMMENT ON CONSTRAINT messages_conversation_id_exists ON messages IS 'There is no such conversation.';
COMMENT ON CONSTRAINT messages_parent_id_exists ON messages IS 'There is no such message in this conversation.';
COMMENT ON CONSTRAINT messages_content_length ON messages IS 'Content has at most 262144 characters.';
COMMENT ON CONSTRAINT messages_content_blank ON messages IS 'The content of a user''s or system message is not empty.';
COMMENT ON CONSTRAINT messages_token_count_range ON messages IS 'A number of tokens is not negative.';
COMMENT ON CONSTRAINT messages_model_length ON messages IS 'A model has 1 to 100 characters.';
COMMENT ON CONSTRAINT messages_finish_reason_length ON messages IS 'A finish reason has 1 to 50 characters.';
COMMENT ON CONSTRAINT messages_processing_ms_range ON messages IS 'A time is not negative.';
COMMENT ON CONSTRAINT messages_relevance_score_range ON messages IS 'A relevance score lies between 0 and 1.';
COMMENT ON CONSTRAINT messages_images_size ON messages IS 'Images are a list of at most 64 KiB.';
COMMENT ON CONSTRAINT messages_files_size ON messages IS 'Files are a list of at most 64 KiB.';
COMMENT ON CONSTRAINT messages_provider_metadata_size ON messages IS 'Provider metadata is an object of at most 64 KiB.';
CREATE INDEX messages_by_parent ON messages (user_id, parent_id, seq) WHERE parent_id IS NOT NULL;

-- Numbers a new message under the lock of its conversation, and counts it there.
CREATE FUNCTION messages_enter() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE conversations
    SET last_seq = last_seq + 1,
        message_count = message_count + 1,
        last_message_id = NEW.id,
        last_message_at = NEW.created_at,
        active_at = NEW.created_at,
        message_tokens = message_tokens + coalesce(NEW.token_count, 0),
        response_count = response_count + (NEW.processing_ms IS NOT NULL)::integer,
        response_ms = response_ms + coalesce(NEW.processing_ms, 0),
        is_archived = is_archived OR coalesce(message_count >= max_messages, false),
        is_auto_archived = is_auto_archived OR (NOT is_archived AND coalesce(message_count >= max_messages, false))
    WHERE user_id = NEW.user_id AND id = NEW.conversation_id AND deleted_at IS NULL
    RETURNING last_seq INTO NEW.seq;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_conversation_id_exists', TABLE = 'messages',
            MESSAGE = 'the conversation does not exist or is deleted';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER enter BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION messages_enter();

-- A message that has ended stays as it ended: a late write of a stream cannot bring it back.
CREATE FUNCTION messages_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE check_violation USING CONSTRAINT = 'messages_status_final', TABLE = 'messages',
        MESSAGE = format('a message cannot go from %s to %s', OLD.status, NEW.status);
END
$$;
CREATE TRIGGER guard BEFORE UPDATE ON messages FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND OLD.status <> 'streaming') EXECUTE FUNCTION messages_guard();

-- Keeps the conversation's sums true when a message is edited, deleted or restored.
CREATE FUNCTION messages_recount() RETURNS trigger LANGUAGE plpgsql
AS $$
DECLARE
    was integer := (OLD.deleted_at IS NULL)::integer;
    is_now integer := (NEW.deleted_at IS NULL)::integer;
BEGIN
    UPDATE conversations AS c
    SET message_count = c.message_count + is_now - was,
        message_tokens = c.message_tokens
            + is_now * coalesce(NEW.token_count, 0) - was * coalesce(OLD.token_count, 0),
        response_count = c.response_count
            + is_now * (NEW.processing_ms IS NOT NULL)::integer - was * (OLD.processing_ms IS NOT NULL)::integer,
        response_ms = c.response_ms
            + is_now * coalesce(NEW.processing_ms, 0) - was * coalesce(OLD.processing_ms, 0),
        (last_message_id, last_message_at) = (
            SELECT m.id, m.created_at
            FROM messages AS m
            WHERE m.user_id = NEW.user_id AND m.conversation_id = NEW.conversation_id AND m.deleted_at IS NULL
            ORDER BY m.seq DESC
            LIMIT 1)
    WHERE c.user_id = NEW.user_id AND c.id = NEW.conversation_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER recount AFTER UPDATE ON messages FOR EACH ROW
    WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)
        OR OLD.token_count IS DISTINCT FROM NEW.token_count
        OR OLD.processing_ms IS DISTINCT FROM NEW.processing_ms)
    EXECUTE FUNCTION messages_recount();
SELECT tenant_table('messages', carry => '{conversation_id}');
