-- The content of a message, including what has grown so far. PostgreSQL inlines it, so for other messages it costs
-- only the test of their status.
CREATE OR REPLACE FUNCTION content_so_far(message messages) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN message.status = 'streaming' THEN message.content || message_grown(message.user_id, message.id, 0)
        ELSE message.content
    END
$$;
GRANT EXECUTE ON FUNCTION content_so_far TO parley_runtime;
