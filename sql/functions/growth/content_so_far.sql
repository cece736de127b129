-- The content of a message, whole while it grows. It is inlined, and costs others the look at their status.
CREATE OR REPLACE FUNCTION content_so_far(message messages) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN message.status = 'streaming' THEN message.content || message_grown(message.user_id, message.id, 0)
        ELSE message.content
    END
$$;
GRANT EXECUTE ON FUNCTION content_so_far TO parley_runtime;
