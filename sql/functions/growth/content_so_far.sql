-- The content of a message, including the text appended so far. PostgreSQL inlines it, so for messages that do not grow
-- it costs only a comparison of the status.
CREATE OR REPLACE FUNCTION content_so_far(message messages) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN message.status = 'streaming' THEN message.content || message_grown(message.user_id, message.id, 0)
        ELSE message.content
    END
$$;
GRANT EXECUTE ON FUNCTION content_so_far TO parley_runtime;
