-- A garden: tables that use each mechanism that a declaration offers. Tests add them to a copy of the project.

CREATE TABLE flowerbeds (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    name text NOT NULL,
    plants_count integer NOT NULL DEFAULT 0,
    total_cm bigint NOT NULL DEFAULT 0
);
SELECT tenant_table('flowerbeds');
SELECT add_rule('flowerbeds', 'name_length', 'char_length(name) <= 200', 'A name has at most 200 characters.');
CREATE INDEX flowerbeds_by_name ON flowerbeds (user_id, name, id) WHERE deleted_at IS NULL;

CREATE TABLE plants (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    flowerbed_id uuid NOT NULL,
    mother_id uuid,
    name text NOT NULL,
    kind text NOT NULL DEFAULT 'flower' CONSTRAINT plants_kind_known CHECK (kind IN ('flower', 'herb', 'tree')),
    height_cm integer,
    colours jsonb NOT NULL DEFAULT '[]'
);
SELECT tenant_table('plants', carry => '{flowerbed_id}');
SELECT add_rule('plants', 'height_cm_range', 'height_cm BETWEEN 1 AND 10000', 'A height is between 1 and 10000 cm.');
SELECT add_rule('plants', 'name_length', 'char_length(name) <= 200', 'A name has at most 200 characters.');
SELECT add_list_rule('plants', 'colours', most => 5, length => 50);
SELECT add_rank('plants', 'kind', '{flower,herb,tree}');
SELECT add_link('plants', 'flowerbed_id', 'flowerbeds');
SELECT add_link('plants', 'mother_id', 'plants');
SELECT keep_links('plants', within => '{flowerbed_id}');
DO $$
DECLARE
    columns text;
BEGIN
    FOREACH columns IN ARRAY '{"created_at, id","kind_rank DESC, name DESC, id DESC","height_cm DESC NULLS LAST, id DESC",
        "height_cm, id"}'::text[] LOOP
        EXECUTE format('CREATE INDEX ON plants (user_id, %s) WHERE deleted_at IS NULL', columns);
        IF columns <> 'created_at, id' THEN
            EXECUTE format('CREATE INDEX ON plants (user_id, flowerbed_id, %s) WHERE deleted_at IS NULL', columns);
        END IF;
    END LOOP;
END
$$;
SELECT add_audit('plants', 'settings_changed', '{insert,update}', of => '{kind,height_cm}');
SELECT add_rollup('flowerbeds', 'plants_count', of => 'plants', by => 'flowerbed_id');
SELECT add_rollup('flowerbeds', 'total_cm', of => 'plants', by => 'flowerbed_id', sum => 'coalesce(height_cm, 0)');

CREATE TABLE gardeners (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    name text NOT NULL,
    tended integer NOT NULL DEFAULT 0
);
SELECT tenant_table('gardeners');
SELECT add_rule('gardeners', 'name_length', 'char_length(name) <= 200', 'A name has at most 200 characters.');
CREATE INDEX gardeners_by_creation ON gardeners (user_id, created_at, id) WHERE deleted_at IS NULL;
SELECT join_table(
    'flowerbed_gardeners', 'flowerbed_id', 'flowerbeds', 'gardener_id', 'gardeners', counted_in => 'tended');

CREATE TABLE sheds (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    name text NOT NULL
);
SELECT tenant_table('sheds');
SELECT add_rule('sheds', 'name_length', 'char_length(name) <= 200', 'A name has at most 200 characters.');
SELECT add_secret('sheds', 'code');
SELECT add_most('sheds', 1000);
CREATE INDEX sheds_by_creation ON sheds (user_id, created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE garden_settings (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    greeting text,
    waters_by_itself boolean NOT NULL DEFAULT true
);
SELECT one_per_user('garden_settings');
SELECT add_rule('garden_settings', 'greeting_length', 'char_length(greeting) <= 200',
    'A greeting has at most 200 characters.');

CREATE TABLE climates (
    id uuid PRIMARY KEY GENERATED ALWAYS AS (natural_id(code)) STORED,
    code text NOT NULL CONSTRAINT climates_code_key UNIQUE,
    rain_mm integer,
    has_frost boolean NOT NULL
);
SELECT reference_table('climates');
CREATE INDEX climates_by_rain ON climates (rain_mm DESC NULLS LAST, id DESC);
CREATE INDEX climates_by_code ON climates (code, id);
