-- Messages that grow: what has been said so far of an answer that is still being written.
--
-- To append is to write one narrow row under its own lock: neither the row of the message, which is wide, nor the feed's
-- counter, which all writers of a user wait for. Now and then its text is put down as a piece. However a message ends, a
-- trigger moves what has grown into its row, in the statement that ends it, which takes the feed version.
--
-- Places are counted in code points, as char_length counts them.

CREATE TABLE message_growths (
    user_id uuid NOT NULL,
    message_id uuid NOT NULL,
    length integer NOT NULL,
    tail text NOT NULL DEFAULT '',
    PRIMARY KEY (user_id, message_id),
    CONSTRAINT message_growths_message_id_exists FOREIGN KEY (user_id, message_id) REFERENCES messages ON DELETE CASCADE,
    CONSTRAINT message_growths_text_length CHECK (length <= 262144)
) WITH (fillfactor = 50);
COMMENT ON TABLE message_growths IS 'A message that grows, from its first append to its end.';
COMMENT ON COLUMN message_growths.length IS 'Of the whole text: what the row of the message holds, the pieces and the tail.';
COMMENT ON COLUMN message_growths.tail IS 'The end of the text, behind the last piece: about 1 KiB, so that the row stays narrow.';
COMMENT ON CONSTRAINT message_growths_text_length ON message_growths IS 'A message has at most 262144 characters.';

CREATE TABLE message_pieces (
    user_id uuid NOT NULL,
    message_id uuid NOT NULL,
    until integer NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (user_id, message_id, until),
    CONSTRAINT message_pieces_message_id_exists FOREIGN KEY (user_id, message_id)
        REFERENCES message_growths ON DELETE CASCADE,
    CONSTRAINT message_pieces_text_size CHECK (octet_length(text) <= 16384)
);
COMMENT ON TABLE message_pieces IS 'What has grown before the tail, in pieces.';
COMMENT ON COLUMN message_pieces.until IS 'The place behind its last character.';
COMMENT ON CONSTRAINT message_pieces_text_size ON message_pieces IS 'A text to append has at most 16 KiB.';

-- As tenant_table() would, but for the feed: what grows is told by other means. All writing is done below.
ALTER TABLE message_growths ENABLE ROW LEVEL SECURITY;
ALTER TABLE message_growths FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON message_growths USING (user_id = (SELECT tenant()));
ALTER TABLE message_pieces ENABLE ROW LEVEL SECURITY;
ALTER TABLE message_pieces FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON message_pieces USING (user_id = (SELECT tenant()));
GRANT SELECT ON message_growths, message_pieces TO parley_runtime;

-- What has grown behind a place. In plpgsql, so that it is not inlined: a statement that finds no message that grows must
-- not open these tables.
CREATE FUNCTION message_grown(owner_id uuid, growing_id uuid, place integer) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN concat(
        (SELECT string_agg(right(p.text, p.until - place), '' ORDER BY p.until)
         FROM message_pieces AS p
         WHERE p.user_id = owner_id AND p.message_id = growing_id AND p.until > place),
        (SELECT right(g.tail, greatest(g.length - place, 0))
         FROM message_growths AS g
         WHERE g.user_id = owner_id AND g.message_id = growing_id));
END
$$;

-- The content of a message, whole while it grows. It is inlined, and costs others the look at their status.
CREATE FUNCTION content_so_far(message messages) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN message.status = 'streaming' THEN message.content || message_grown(message.user_id, message.id, 0)
        ELSE message.content
    END
$$;

-- Appends a text at a place. `outcome` is 'appended', also for a text that is there already; 'gap' when the message does
-- not reach to the place; 'differs' when another text is there; 'closed' when there is no message that grows. `length`
-- is the place behind the text or, where nothing was done, behind the message.
CREATE FUNCTION message_append(
    owner_id uuid, growing_id uuid, place integer, said text, OUT outcome text, OUT length integer
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    largest_tail CONSTANT integer := 1024;
    head record;
    known text;
BEGIN
    -- What nearly always comes: the next text, for which the tail has room.
    UPDATE message_growths AS g
    SET length = g.length + char_length(said), tail = g.tail || said
    WHERE g.user_id = owner_id AND g.message_id = growing_id AND g.length = place
        AND octet_length(g.tail) + octet_length(said) <= largest_tail
    RETURNING g.length INTO length;
    IF FOUND THEN
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

-- However a message ends, what has grown goes into its row. One that is deleted while it grows is cancelled by that.
CREATE FUNCTION messages_gather() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NEW.deleted_at IS NOT NULL AND NEW.status = 'streaming' THEN
        NEW.status := 'cancelled';
    END IF;
    -- Waits for an append that is under way, so that what follows sees all of it.
    PERFORM FROM message_growths AS g
    WHERE g.user_id = OLD.user_id AND g.message_id = OLD.id
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NEW;
    END IF;
    IF NEW.content <> OLD.content THEN
        RAISE check_violation USING CONSTRAINT = 'messages_content_growing', TABLE = 'messages',
            MESSAGE = 'this message grows by what is appended: its content can be changed when it has ended';
    END IF;
    IF NEW.status <> 'streaming' THEN
        NEW.content := content_so_far(OLD);
        DELETE FROM message_growths AS g WHERE g.user_id = OLD.user_id AND g.message_id = OLD.id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER gather BEFORE UPDATE ON messages FOR EACH ROW
    WHEN (OLD.status = 'streaming'
        AND (NEW.status <> 'streaming' OR NEW.deleted_at IS NOT NULL OR NEW.content <> OLD.content))
    EXECUTE FUNCTION messages_gather();
