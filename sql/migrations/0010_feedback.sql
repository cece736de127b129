-- What a person thinks of a message: feedback, whose numbers a conversation shows, and reactions.

CREATE TABLE message_feedback (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    type text NOT NULL CONSTRAINT message_feedback_type_known CHECK (type IN ('positive', 'negative', 'neutral')),
    comment text,
    reasons jsonb NOT NULL DEFAULT '[]',
    session_id uuid,
    PRIMARY KEY (user_id, id),
    CONSTRAINT message_feedback_message_id_key UNIQUE (user_id, message_id)
);
SELECT tenant_table('message_feedback', without => '{request_hash}', carry => '{conversation_id,message_id}');
SELECT add_rule('message_feedback', 'comment_length', 'char_length(comment) <= 4000',
    'A comment has at most 4000 characters.');
SELECT add_list_rule('message_feedback', 'reasons', most => 10, length => 50);
CREATE INDEX message_feedback_by_creation ON message_feedback (user_id, created_at, id) WHERE deleted_at IS NULL;
SELECT add_link('message_feedback', 'conversation_id', 'conversations');
-- No index: that of message_feedback_message_id_key finds the feedback of a message.
SELECT add_link('message_feedback', 'message_id', 'messages', sharing => 'conversation_id', order_by => NULL);
SELECT fill_from('message_feedback', 'message_id', '{conversation_id}');
SELECT keep_links('message_feedback', within => '{conversation_id,message_id}');
CREATE TRIGGER write BEFORE INSERT OR UPDATE OF type, comment, reasons, message_id, session_id ON message_feedback
    FOR EACH ROW EXECUTE FUNCTION message_feedback_write();
SELECT add_removal('message_feedback');

ALTER TABLE conversations
    ADD positive_feedback integer NOT NULL DEFAULT 0,
    ADD negative_feedback integer NOT NULL DEFAULT 0,
    ADD neutral_feedback integer NOT NULL DEFAULT 0;
SELECT add_rollup('conversations', of_type || '_feedback', of => 'message_feedback', by => 'conversation_id',
    sum => format('(type = %L)::integer', of_type))
FROM unnest('{positive,negative,neutral}'::text[]) AS of_type;


CREATE TABLE message_reactions (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    emoji text NOT NULL,
    actor text NOT NULL DEFAULT actor()
        CONSTRAINT message_reactions_actor_known CHECK (actor IN ('user', 'agent', 'system')),
    PRIMARY KEY (user_id, id),
    CONSTRAINT message_reactions_emoji_key UNIQUE (user_id, message_id, emoji)
);
SELECT tenant_table('message_reactions', without => '{request_hash}', carry => '{conversation_id,message_id}');
SELECT add_rule('message_reactions', 'emoji_shape', 'is_emoji(emoji) AND octet_length(emoji) <= 32',
    'A reaction is one emoji, such as 👍, of at most 32 bytes.');
SELECT add_link('message_reactions', 'conversation_id', 'conversations');
SELECT add_link('message_reactions', 'message_id', 'messages', sharing => 'conversation_id');
SELECT fill_from('message_reactions', 'message_id', '{conversation_id}');
SELECT keep_links('message_reactions', within => '{conversation_id,message_id}');
CREATE TRIGGER write BEFORE INSERT ON message_reactions FOR EACH ROW EXECUTE FUNCTION message_reactions_write();
SELECT add_removal('message_reactions');
