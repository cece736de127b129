-- Language models and their prices: reference data, which `parley models import` writes.

CREATE TABLE llm_models (
    id uuid PRIMARY KEY GENERATED ALWAYS AS (natural_id(provider, model_id)) STORED,
    provider text NOT NULL,
    model_id text NOT NULL,
    name text NOT NULL,
    context_window integer NOT NULL,
    max_output_tokens integer NOT NULL,
    input_usd_per_million numeric NOT NULL,
    output_usd_per_million numeric NOT NULL,
    blended_usd_per_million numeric NOT NULL
        GENERATED ALWAYS AS ((3 * input_usd_per_million + output_usd_per_million) / 4) STORED,
    supports_vision boolean NOT NULL,
    supports_tools boolean NOT NULL,
    supports_system boolean NOT NULL,
    quality_score integer,
    latency_score integer,
    is_tier1 boolean NOT NULL,
    embedding_dimensions integer,
    assumed_fields jsonb NOT NULL DEFAULT '[]',
    retired_at timestamptz,
    is_retired boolean NOT NULL GENERATED ALWAYS AS (retired_at IS NOT NULL) STORED,
    CONSTRAINT llm_models_model_id_key UNIQUE (provider, model_id)
);
SELECT reference_table('llm_models');
SELECT add_rule('llm_models', name, condition, reason)
FROM (VALUES
    -- As in usage_logs, so that a call of each model can be recorded.
    ('provider_length', 'char_length(provider) BETWEEN 1 AND 50', 'A provider name has 1 to 50 characters.'),
    ('model_id_length', 'char_length(model_id) BETWEEN 1 AND 100', 'A model id has 1 to 100 characters.'),
    ('name_length', 'char_length(name) BETWEEN 1 AND 500', 'A model name has 1 to 500 characters.'),
    ('context_window_range', 'context_window > 0', 'The context window must be at least 1.'),
    ('max_output_tokens_range', 'max_output_tokens > 0', 'The number of output tokens must be at least 1.'),
    ('input_usd_per_million_range', 'input_usd_per_million BETWEEN 0 AND 1000000',
        'The price must be between 0 and 1000000.'),
    ('output_usd_per_million_range', 'output_usd_per_million BETWEEN 0 AND 1000000',
        'The price must be between 0 and 1000000.'),
    ('quality_score_range', 'quality_score BETWEEN 1 AND 10', 'A score must be between 1 and 10.'),
    ('latency_score_range', 'latency_score BETWEEN 1 AND 10', 'A score must be between 1 and 10.'),
    ('embedding_dimensions_range', 'embedding_dimensions > 0', 'The number of dimensions must be at least 1.')
) AS r (name, condition, reason);
CREATE INDEX llm_models_by_quality ON llm_models (quality_score DESC NULLS LAST, name, id);
CREATE INDEX llm_models_by_latency ON llm_models (latency_score DESC NULLS LAST, name, id);
CREATE INDEX llm_models_by_price ON llm_models (blended_usd_per_million, id);
CREATE INDEX llm_models_by_name ON llm_models (name, id);

-- What a model costs from a time on, until the time of the next row.
CREATE TABLE llm_model_prices (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    llm_model_id uuid NOT NULL CONSTRAINT llm_model_prices_llm_model_id_exists REFERENCES llm_models (id),
    valid_from timestamptz NOT NULL,
    input_usd_per_million numeric NOT NULL,
    output_usd_per_million numeric NOT NULL,
    cache_read_usd_per_million numeric,
    cache_write_usd_per_million numeric,
    tier_list jsonb NOT NULL DEFAULT '[]',
    CONSTRAINT llm_model_prices_valid_from_key UNIQUE (llm_model_id, valid_from)
);
COMMENT ON COLUMN llm_model_prices.tier_list IS
    'Other prices for calls with more input: objects with above (tokens), input, output, cacheRead and cacheWrite.';
SELECT reference_table('llm_model_prices');
SELECT add_rule('llm_model_prices', column_name || '_range', format('%I BETWEEN 0 AND 1000000', column_name),
    'The price must be between 0 and 1000000.')
FROM unnest(ARRAY['input_usd_per_million', 'output_usd_per_million', 'cache_read_usd_per_million',
    'cache_write_usd_per_million']) AS column_name;
