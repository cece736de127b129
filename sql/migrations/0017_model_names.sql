-- The names besides its id by which a model is called.

ALTER TABLE llm_models ADD COLUMN name_pattern text;
COMMENT ON COLUMN llm_models.name_pattern IS
    'A regular expression for the names that mean this model besides its id, in lower case; null if there are none.';
SELECT add_rule('llm_models', 'name_pattern_length', 'char_length(name_pattern) <= 10000',
    'The rules for names have at most 10000 characters.');
