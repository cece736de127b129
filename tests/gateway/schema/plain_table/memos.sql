-- Notebooks and their memos: what somebody writes who adds plain types to Parley.

CREATE TABLE notebooks (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    title text NOT NULL
);
SELECT tenant_table('notebooks', without => '{deleted_at}');

CREATE TABLE memos (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    notebook_id uuid NOT NULL,
    text text NOT NULL,
    colour text NOT NULL DEFAULT 'yellow' CONSTRAINT memos_colour_known CHECK (colour IN ('yellow', 'green')),
    points integer,
    label text,
    is_done boolean NOT NULL DEFAULT false,
    tally bigint NOT NULL DEFAULT 0,
    weight double precision NOT NULL DEFAULT 0,
    tmdb_id integer,
    device_id text
);
SELECT tenant_table('memos', carry => '{notebook_id}');
SELECT add_rule('memos', 'text_length', 'char_length(text) BETWEEN 1 AND 100', 'A memo has 1 to 100 characters.');
SELECT add_link('memos', 'notebook_id', 'notebooks');


CREATE TABLE binders (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7()
);
SELECT tenant_table('binders', without => '{deleted_at}');

-- A memo is put into a binder at a time of its own.
CREATE TABLE binder_memos (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    binder_id uuid NOT NULL,
    memo_id uuid NOT NULL
);
SELECT tenant_table('binder_memos', without => '{updated_at,deleted_at}');
SELECT add_link('binder_memos', 'binder_id', 'binders', order_by => 'created_at, memo_id');
SELECT add_link('binder_memos', 'memo_id', 'memos', order_by => NULL);

-- What is pinned to a notebook: an object of any type.
CREATE TABLE pins (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    notebook_id uuid NOT NULL,
    subject text,
    subject_id uuid
);
SELECT tenant_table('pins', without => '{deleted_at}', carry => '{subject,subject_id}');
SELECT add_link('pins', 'notebook_id', 'notebooks');
