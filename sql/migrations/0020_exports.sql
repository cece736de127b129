-- Exports of accounts: their stored pieces.

-- Each part is complete by itself: the rows of one type after the last part, as JSON Lines, and where to go on. So an export
-- whose worker dies continues after its last part, and no row is missing or doubled.
CREATE TABLE export_parts (
    user_id uuid NOT NULL,
    job_id uuid NOT NULL,
    position integer NOT NULL CONSTRAINT export_parts_position_range CHECK (position >= 0),
    file text NOT NULL CONSTRAINT export_parts_file_shape CHECK (file ~ '^[A-Za-z]\w{0,99}\.jsonl?$'),
    content bytea NOT NULL CONSTRAINT export_parts_content_size CHECK (octet_length(content) <= 16777216),
    size integer NOT NULL CONSTRAINT export_parts_size_range CHECK (size >= 0),
    last_id uuid,
    done bigint NOT NULL,
    PRIMARY KEY (user_id, job_id, position),
    CONSTRAINT export_parts_job_id_exists FOREIGN KEY (user_id, job_id) REFERENCES jobs ON DELETE CASCADE
);
COMMENT ON COLUMN export_parts.file IS 'The name of the file that it is a part of.';
COMMENT ON COLUMN export_parts.content IS 'Its text, compressed by zlib.';
COMMENT ON COLUMN export_parts.size IS 'The bytes of its text, uncompressed.';
COMMENT ON COLUMN export_parts.last_id IS 'The last row that was read into the file so far.';
COMMENT ON COLUMN export_parts.done IS 'The rows in the whole export so far.';
-- It is compressed already.
ALTER TABLE export_parts ALTER COLUMN content SET STORAGE EXTERNAL;
SELECT secure_rows('export_parts');
ALTER POLICY tenant ON export_parts TO parley_runtime;
CREATE POLICY keeping ON export_parts TO parley_owner USING (true);
GRANT SELECT, INSERT ON export_parts TO parley_runtime;
-- Does not begin with the user, because exports_expire() searches across users: for all exports that have a part.
CREATE INDEX export_parts_first ON export_parts (job_id) WHERE position = 0;

CREATE TRIGGER exports BEFORE INSERT ON jobs FOR EACH ROW WHEN (NEW.kind = 'export') EXECUTE FUNCTION jobs_limit_exports();
