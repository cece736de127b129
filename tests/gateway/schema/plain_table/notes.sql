-- Notebooks and their notes: what somebody writes who adds plain types to Parley.

CREATE TABLE notebooks (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    title text NOT NULL
);
SELECT tenant_table('notebooks', without => '{deleted_at}');

CREATE TABLE notes (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    notebook_id uuid NOT NULL,
    text text NOT NULL,
    colour text NOT NULL DEFAULT 'yellow' CONSTRAINT notes_colour_known CHECK (colour IN ('yellow', 'green')),
    points integer,
    label text,
    is_done boolean NOT NULL DEFAULT false,
    tally bigint NOT NULL DEFAULT 0,
    weight double precision NOT NULL DEFAULT 0,
    tmdb_id integer,
    device_id text
);
SELECT tenant_table('notes', carry => '{notebook_id}');
SELECT add_rule('notes', 'text_length', 'char_length(text) BETWEEN 1 AND 100', 'A note has 1 to 100 characters.');
SELECT add_link('notes', 'notebook_id', 'notebooks');


CREATE TABLE binders (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7()
);
SELECT tenant_table('binders', without => '{deleted_at}');

-- A note is put into a binder at a time of its own.
CREATE TABLE binder_notes (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    binder_id uuid NOT NULL,
    note_id uuid NOT NULL
);
SELECT tenant_table('binder_notes', without => '{updated_at,deleted_at}');
SELECT add_link('binder_notes', 'binder_id', 'binders', order_by => 'created_at, note_id');
SELECT add_link('binder_notes', 'note_id', 'notes', order_by => NULL);
