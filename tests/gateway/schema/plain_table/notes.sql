-- Notebooks and their notes: what somebody writes who adds two plain types to Parley.

CREATE TABLE notebooks (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid NOT NULL DEFAULT uuid7(),
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id)
);
SELECT tenant_table('notebooks');

CREATE TABLE notes (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    notebook_id uuid NOT NULL,
    text text NOT NULL,
    colour text NOT NULL DEFAULT 'yellow',
    points integer,
    label text,
    is_done boolean NOT NULL DEFAULT false,
    tally bigint NOT NULL DEFAULT 0,
    weight double precision NOT NULL DEFAULT 0,
    tmdb_id integer,
    device_id text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT notes_notebook_id_exists FOREIGN KEY (user_id, notebook_id) REFERENCES notebooks,
    CONSTRAINT notes_text_length CHECK (char_length(text) BETWEEN 1 AND 100),
    CONSTRAINT notes_colour_known CHECK (colour IN ('yellow', 'green'))
);
COMMENT ON CONSTRAINT notes_notebook_id_exists ON notes IS 'There is no such notebook.';
COMMENT ON CONSTRAINT notes_text_length ON notes IS 'A note has 1 to 100 characters.';
CREATE INDEX notes_by_notebook ON notes (user_id, notebook_id, created_at, id) WHERE deleted_at IS NULL;
SELECT tenant_table('notes', carry => '{notebook_id}');


CREATE TABLE binders (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid NOT NULL DEFAULT uuid7(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id)
);
SELECT tenant_table('binders');

-- A note is put into a binder at a time of its own.
CREATE TABLE binder_notes (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    binder_id uuid NOT NULL,
    note_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT binder_notes_binder_id_exists FOREIGN KEY (user_id, binder_id) REFERENCES binders,
    CONSTRAINT binder_notes_note_id_exists FOREIGN KEY (user_id, note_id) REFERENCES notes
);
CREATE INDEX binder_notes_in_order ON binder_notes (user_id, binder_id, created_at, note_id);
SELECT tenant_table('binder_notes');
