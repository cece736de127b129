-- Appends a text at an offset. `outcome` is
--
-- * 'appended', also if the same text is already there;
-- * 'gap' if the offset is beyond the end of the message;
-- * 'differs' if the message has different text there;
-- * 'closed' if there is no such message, or it does not grow.
--
-- `length` is the offset after the text; for 'gap' and 'differs', the length of the message.
CREATE OR REPLACE FUNCTION message_append(
    owner_id uuid, growing_id uuid, at_offset integer, addition text, OUT outcome text, OUT length integer
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    largest_tail CONSTANT integer := 1024;
    head record;
    known text;
    is_due boolean;
BEGIN
    -- The usual case: text for the end of the message, and room for it in the tail.
    UPDATE message_growths AS g
    SET length = g.length + char_length(addition), tail = g.tail || addition
    WHERE g.user_id = owner_id AND g.message_id = growing_id AND g.length = at_offset
        AND octet_length(g.tail) + octet_length(addition) <= largest_tail
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
        -- The first append. Locking the message keeps it from ending meanwhile, and other appends from being first.
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
    IF at_offset > head.length THEN
        outcome := 'gap';
        RETURN;
    ELSIF at_offset < head.length THEN
        SELECT left(
            right(m.content, greatest(char_length(m.content) - at_offset, 0))
                || message_grown(owner_id, growing_id, at_offset),
            char_length(addition)) INTO known
        FROM messages AS m
        WHERE m.user_id = owner_id AND m.id = growing_id;
        IF NOT starts_with(addition, known) THEN
            outcome := 'differs';
            RETURN;
        END IF;
    END IF;
    PERFORM message_renew(owner_id, growing_id);
    outcome := 'appended';
    length := at_offset + char_length(addition);
    addition := substr(addition, head.length - at_offset + 1);
    IF addition = '' THEN
        RETURN;
    END IF;
    IF octet_length(head.tail) + octet_length(addition) > largest_tail THEN
        INSERT INTO message_pieces (user_id, message_id, until, text)
        SELECT owner_id, growing_id, head.length, head.tail
        WHERE head.tail <> '';
        head.tail := '';
    END IF;
    IF octet_length(addition) > largest_tail THEN
        INSERT INTO message_pieces (user_id, message_id, until, text) VALUES (owner_id, growing_id, length, addition);
        addition := '';
    END IF;
    UPDATE message_growths AS g
    SET length = message_append.length, tail = head.tail || addition
    WHERE g.user_id = owner_id AND g.message_id = growing_id;
END
$$;
GRANT EXECUTE ON FUNCTION message_append TO parley_runtime;
