-- Growing messages: the text so far of messages that are still being written.
--
-- Each append updates one narrow row under a lock of its own. It touches neither the row of the message, which is wide, nor
-- the feed's counter, on which all writers of a user wait. When the row's tail is full, its text becomes a piece. However
-- the message ends, the statement that ends it and takes a version of the feed also moves the whole text into the message
-- (messages_gather).
--
-- Offsets and lengths count code points, as char_length does.

CREATE TABLE message_growths (
    user_id uuid NOT NULL,
    message_id uuid NOT NULL,
    length integer NOT NULL,
    tail text NOT NULL DEFAULT '',
    renew_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (user_id, message_id),
    CONSTRAINT message_growths_message_id_exists FOREIGN KEY (user_id, message_id) REFERENCES messages ON DELETE CASCADE
) WITH (fillfactor = 50);
COMMENT ON TABLE message_growths IS 'One row per growing message, from its first append to its end.';
COMMENT ON COLUMN message_growths.length IS
    'The length of the whole text: the content in the row of the message, the pieces and the tail.';
COMMENT ON COLUMN message_growths.tail IS
    'The end of the text, after the last piece. At most 1 KiB, so that the row stays narrow.';
COMMENT ON COLUMN message_growths.renew_at IS
    'From this time on, an append renews the lease. Not every append does, because renewing changes an index.';
SELECT add_rule('message_growths', 'text_length', 'length <= 262144', 'A message has at most 262144 characters.');

CREATE TABLE message_pieces (
    user_id uuid NOT NULL,
    message_id uuid NOT NULL,
    until integer NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (user_id, message_id, until),
    CONSTRAINT message_pieces_message_id_exists FOREIGN KEY (user_id, message_id)
        REFERENCES message_growths ON DELETE CASCADE
);
COMMENT ON TABLE message_pieces IS 'The appended text before the tail, in pieces.';
COMMENT ON COLUMN message_pieces.until IS 'The offset after its last character.';
SELECT add_rule('message_pieces', 'text_size', 'octet_length(text) <= 16384',
    'At most 16 KiB of text can be appended at once.');

-- Without tenant_table(), because the feed does not carry growth. Only functions write here.
SELECT secure_rows('message_growths'), secure_rows('message_pieces');
GRANT SELECT ON message_growths, message_pieces TO parley_runtime;
