-- Growing messages: the text so far of an answer that is still being written.
--
-- Each append updates one narrow row under a lock of its own. It touches neither the row of the message, which is wide, nor
-- the feed's counter, for which all writers of a user wait. Now and then the text of the row is moved into a piece. When the
-- message ends, in whatever way, messages_gather() moves all of it into the message, in the statement that ends it and
-- takes a version of the feed.
--
-- Offsets and lengths are counted in code points, as char_length counts them.

CREATE TABLE message_growths (
    user_id uuid NOT NULL,
    message_id uuid NOT NULL,
    length integer NOT NULL,
    tail text NOT NULL DEFAULT '',
    renew_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (user_id, message_id),
    CONSTRAINT message_growths_message_id_exists FOREIGN KEY (user_id, message_id) REFERENCES messages ON DELETE CASCADE
) WITH (fillfactor = 50);
COMMENT ON TABLE message_growths IS 'A message that grows, from its first append to its end.';
COMMENT ON COLUMN message_growths.length IS 'Of the whole text: what the row of the message holds, the pieces and the tail.';
COMMENT ON COLUMN message_growths.tail IS 'The end of the text, behind the last piece: about 1 KiB, so that the row stays narrow.';
COMMENT ON COLUMN message_growths.renew_at IS
    'From then on, an append renews the lease: not each one, since a change of the lease is one of an index.';
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
COMMENT ON TABLE message_pieces IS 'What has grown before the tail, in pieces.';
COMMENT ON COLUMN message_pieces.until IS 'The place behind its last character.';
SELECT add_rule('message_pieces', 'text_size', 'octet_length(text) <= 16384', 'A text to append has at most 16 KiB.');

-- Not tenant_table(), because the feed does not carry what grows. Only functions write here.
SELECT secure_rows('message_growths'), secure_rows('message_pieces');
GRANT SELECT ON message_growths, message_pieces TO parley_runtime;
