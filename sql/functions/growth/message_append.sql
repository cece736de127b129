-- Appends a text at an offset. `outcome` is
--
-- * 'appended', also if the same text is already there;
-- * 'gap' if the message does not reach the offset;
-- * 'differs' if another text is there;
-- * 'closed' if no such message is growing.
--
-- `length` is the offset of the end of the text or, where nothing was appended, of the message.
CREATE OR REPLACE FUNCTION message_append(
    owner_id uuid, growing_id uuid, place integer, said text, OUT outcome text, OUT length integer
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    largest_tail CONSTANT integer := 1024;
    head record;
    known text;
    is_due boolean;
BEGIN
    -- What nearly always comes: the next text, for which the tail has room.
    UPDATE message_growths AS g
    SET length = g.length + char_length(said), tail = g.tail || said
    WHERE g.user_id = owner_id AND g.message_id = growing_id AND g.length = place
        AND octet_length(g.tail) + octet_length(said) <= largest_tail
    RETURNING g.length, g.renew_at < clock_timestamp() INTO length, is_due;
    IF FOUND THEN
        IF is_due THEN
            PERFORM message_renew(owner_id, growing_id);
        END IF;
        outcome := 'appended';
        RETURN;
    END IF;
    SELECT g.length, g.tail INTO head
    FROM message_growths AS g
    WHERE g.user_id = owner_id AND g.message_id = growing_id
    FOR UPDATE;
    IF NOT FOUND THEN
        -- The first append. The lock on the message keeps it from ending meanwhile, and others from being the first.
        PERFORM FROM messages AS m
        WHERE m.user_id = owner_id AND m.id = growing_id AND m.status = 'streaming' AND m.deleted_at IS NULL
        FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            outcome := 'closed';
            RETURN;
        END IF;
        INSERT INTO message_growths (user_id, message_id, length)
        SELECT m.user_id, m.id, char_length(m.content)
        FROM messages AS m
        WHERE m.user_id = owner_id AND m.id = growing_id
        ON CONFLICT DO NOTHING;
        SELECT g.length, g.tail INTO head
        FROM message_growths AS g
        WHERE g.user_id = owner_id AND g.message_id = growing_id
        FOR UPDATE;
    END IF;
    length := head.length;
    IF place > head.length THEN
        outcome := 'gap';
        RETURN;
    ELSIF place < head.length THEN
        SELECT left(
            right(m.content, greatest(char_length(m.content) - place, 0)) || message_grown(owner_id, growing_id, place),
            char_length(said)) INTO known
        FROM messages AS m
        WHERE m.user_id = owner_id AND m.id = growing_id;
        IF NOT starts_with(said, known) THEN
            outcome := 'differs';
            RETURN;
        END IF;
    END IF;
    PERFORM message_renew(owner_id, growing_id);
    outcome := 'appended';
    length := place + char_length(said);
    said := substr(said, head.length - place + 1);
    IF said = '' THEN
        RETURN;
    END IF;
    IF octet_length(head.tail) + octet_length(said) > largest_tail THEN
        INSERT INTO message_pieces (user_id, message_id, until, text)
        SELECT owner_id, growing_id, head.length, head.tail
        WHERE head.tail <> '';
        head.tail := '';
    END IF;
    IF octet_length(said) > largest_tail THEN
        INSERT INTO message_pieces (user_id, message_id, until, text) VALUES (owner_id, growing_id, length, said);
        said := '';
    END IF;
    UPDATE message_growths AS g
    SET length = message_append.length, tail = head.tail || said
    WHERE g.user_id = owner_id AND g.message_id = growing_id;
END
$$;
GRANT EXECUTE ON FUNCTION message_append TO parley_runtime;
