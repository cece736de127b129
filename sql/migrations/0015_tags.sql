-- Tags, and what is tagged.

CREATE TABLE tags (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    name text NOT NULL,
    type text NOT NULL DEFAULT 'label'
        CONSTRAINT tags_type_known CHECK (type IN ('area', 'resource', 'label')),
    description text,
    color text,
    folded_name text NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
    uses integer NOT NULL DEFAULT 0
);
COMMENT ON COLUMN tags.folded_name IS 'The name in lower case, by which tags are sorted and told apart.';
SELECT tenant_table('tags');
SELECT add_rule('tags', name, condition, reason)
FROM (VALUES
    ('name_length', 'char_length(name) BETWEEN 1 AND 500', 'A name has 1 to 500 characters.'),
    ('description_length', 'char_length(description) <= 4000', 'A description has at most 4000 characters.'),
    ('color_shape', $$color ~ '^#[0-9a-f]{6}$'$$, 'A color is written as #rrggbb, with digits and a to f.')
) AS r (name, condition, reason);
SELECT add_unique('tags', 'name', 'folded_name, type', 'There is already a tag of this type with this name.');
CREATE INDEX tags_by_name ON tags (user_id, folded_name, id) WHERE deleted_at IS NULL;
CREATE INDEX tags_most_used ON tags (user_id, uses DESC, folded_name, id) WHERE deleted_at IS NULL;
CREATE INDEX tags_by_creation ON tags (user_id, created_at, id) WHERE deleted_at IS NULL;

SELECT join_table('conversation_tags', 'conversation_id', 'conversations', 'tag_id', 'tags', counted_in => 'uses');
