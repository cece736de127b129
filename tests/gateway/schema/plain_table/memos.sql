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
    device_id text,
    labels jsonb NOT NULL DEFAULT '[]',
    due_at timestamptz,
    day date,
    price numeric,
    urgency text CONSTRAINT memos_urgency_known CHECK (urgency IN ('low', 'medium', 'high'))
);
SELECT tenant_table('memos', carry => '{notebook_id}');
SELECT add_rule('memos', 'text_length', 'char_length(text) BETWEEN 1 AND 100', 'A memo has 1 to 100 characters.');
SELECT add_link('memos', 'notebook_id', 'notebooks');
SELECT add_rank('memos', 'colour', '{yellow,green}');
SELECT add_rank('memos', 'urgency', '{low,medium,high}');
CREATE INDEX ON memos (user_id, created_at, id) WHERE deleted_at IS NULL;
-- The orders of memos, for the lists of a notebook and for the list of all memos.
DO $$
DECLARE
    parent text;
    columns text;
BEGIN
    FOREACH parent IN ARRAY '{user_id,"user_id, notebook_id"}'::text[] LOOP
        FOREACH columns IN ARRAY ARRAY[
            'text, id', 'colour_rank, id', 'is_done, id', 'tally, id', 'weight, id', 'points, id',
            'due_at DESC NULLS LAST, id DESC', 'is_done DESC, due_at, urgency_rank DESC NULLS LAST, id DESC',
            'label DESC NULLS LAST, points, text DESC, day, id'
        ] LOOP
            EXECUTE format('CREATE INDEX ON memos (%s, %s) WHERE deleted_at IS NULL', parent, columns);
        END LOOP;
    END LOOP;
END
$$;

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
    memo_id uuid NOT NULL,
    points integer
);
SELECT tenant_table('binder_memos', without => '{updated_at,deleted_at}');
SELECT add_link('binder_memos', 'binder_id', 'binders', order_by => 'created_at, memo_id');
SELECT add_link('binder_memos', 'memo_id', 'memos', order_by => 'created_at, binder_id');
CREATE INDEX ON binder_memos (user_id, memo_id, binder_id);
CREATE INDEX ON binder_memos (user_id, binder_id, points DESC NULLS LAST, memo_id DESC);

-- Crates are tagged, as conversations are. They cannot be deleted.
CREATE TABLE crates (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7()
);
SELECT tenant_table('crates', without => '{deleted_at}');
SELECT join_table('crate_tags', 'crate_id', 'crates', 'tag_id', 'tags', counted_in => 'uses');

-- Stamps on memos can be taken off.
CREATE TABLE stamps (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    name text NOT NULL
);
SELECT tenant_table('stamps', without => '{deleted_at}');

CREATE TABLE memo_stamps (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    memo_id uuid NOT NULL,
    stamp_id uuid NOT NULL
);
SELECT tenant_table('memo_stamps');
SELECT add_link('memo_stamps', 'memo_id', 'memos', order_by => 'created_at, stamp_id');
SELECT add_link('memo_stamps', 'stamp_id', 'stamps', order_by => 'memo_id');

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
