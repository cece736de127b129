-- Things in boxes, for declarations that agree with their tables or do not.
CREATE TABLE boxes (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid NOT NULL DEFAULT uuid7(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    weight integer NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, id)
);
CREATE TABLE things (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid NOT NULL DEFAULT uuid7(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    deleted_at timestamptz,
    box_id uuid,
    first_box_id uuid NOT NULL,
    name text NOT NULL,
    note text,
    rank integer,
    place integer NOT NULL,
    tally bigint NOT NULL,
    local timestamp NOT NULL,
    size text NOT NULL,
    size_rank smallint NOT NULL GENERATED ALWAYS AS (array_position('{small,large}'::text[], size)::smallint) STORED,
    mood text,
    cost numeric NOT NULL,
    reasons jsonb NOT NULL,
    names jsonb NOT NULL,
    CONSTRAINT things_place_key UNIQUE (user_id, first_box_id, place)
);
CREATE INDEX ON things (user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX ON things (user_id, first_box_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX ON things (user_id, first_box_id, rank, id);
CREATE INDEX ON things (user_id, first_box_id, name DESC, rank DESC NULLS LAST, note, id);
CREATE INDEX ON things (user_id, first_box_id, size_rank, id);
CREATE INDEX ON things USING hash (box_id);
CREATE INDEX things_of_box ON things (user_id, box_id, created_at, id) WHERE deleted_at IS NULL AND box_id IS NOT NULL;
CREATE TABLE box_things (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    box_id uuid NOT NULL,
    thing_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    place integer,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id)
);
CREATE TABLE thing_labels (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    thing_id uuid NOT NULL,
    box_id uuid NOT NULL,
    label_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id)
);
CREATE INDEX ON thing_labels (user_id, thing_id, created_at, label_id);
CREATE INDEX ON thing_labels (user_id, thing_id, created_at, box_id);
CREATE INDEX ON thing_labels (user_id, box_id, thing_id);
CREATE INDEX ON thing_labels (user_id, box_id, created_at, thing_id) WHERE deleted_at IS NULL;
CREATE INDEX box_things_in_order ON box_things (user_id, box_id, created_at, thing_id);
SELECT tenant_table('boxes', without => '{deleted_at}');
SELECT tenant_table('things', carry => '{first_box_id}');
SELECT add_list_rule('things', 'reasons', most => 3, length => 20);
SELECT tenant_table('thing_labels', without => '{updated_at}');
SELECT tenant_table('box_things', without => '{updated_at,deleted_at}');
SELECT add_link('box_things', 'box_id', 'boxes');
SELECT add_rollup('boxes', 'weight', of => 'box_things', by => 'box_id');
ALTER TABLE boxes ADD late text;
