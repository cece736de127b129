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


CREATE TABLE meetings (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    reasons jsonb NOT NULL DEFAULT '[]',
    links jsonb,
    attendees jsonb NOT NULL DEFAULT '[]',
    data jsonb NOT NULL DEFAULT '{}'
);
SELECT tenant_table('meetings', without => '{deleted_at}');
SELECT add_list_rule('meetings', 'reasons', most => 3, length => 10);
SELECT add_list_rule('meetings', 'links', most => 3, length => 2048);
SELECT add_list_rule('meetings', 'attendees', most => 5, members => '{"name": 20, "role": 10}');
