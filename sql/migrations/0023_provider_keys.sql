-- Provider configurations, the API keys of providers, and the keys that seal these.

-- The ids of the key-encryption keys that wrap data keys. The keys themselves are in the keys file.
CREATE TABLE key_encryption_keys (
    id text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    dropped_at timestamptz
);
COMMENT ON COLUMN key_encryption_keys.dropped_at IS 'Set before the key leaves the keys file. Nothing is wrapped with it since.';

CREATE TABLE data_keys (
    user_id uuid PRIMARY KEY REFERENCES users (user_id),
    key_id text NOT NULL REFERENCES key_encryption_keys (id),
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    wrapped_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE data_keys IS 'The key that seals the secrets of a user, wrapped. Without its row, they cannot be opened.';
SELECT secure_rows('data_keys');
-- For `parley keys rotate`, which works for all users.
CREATE POLICY rotating ON data_keys TO parley_owner USING (is_background_work());
-- Does not begin with the user, because the rotation searches across users.
CREATE INDEX data_keys_by_key ON data_keys (key_id, user_id);

CREATE TABLE sealed_secrets (
    user_id uuid NOT NULL REFERENCES users (user_id),
    row_id uuid NOT NULL,
    purpose text NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (user_id, row_id, purpose)
);
COMMENT ON COLUMN sealed_secrets.purpose IS 'The table and the column through which it was written: see add_secret().';
SELECT secure_rows('sealed_secrets');

CREATE TABLE provider_configs (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    provider text NOT NULL,
    settings jsonb NOT NULL DEFAULT '{}',
    base_url text,
    default_model text,
    is_active boolean NOT NULL DEFAULT true,
    is_default boolean NOT NULL DEFAULT false
);
SELECT tenant_table('provider_configs');
-- The sealed keys are bound to the provider, so it never changes.
SELECT grant_columns('provider_configs', 'UPDATE', '{provider}');
SELECT add_rule('provider_configs', name, condition, reason)
FROM (VALUES
    ('provider_shape', $$provider ~ '^[a-z0-9_-]{1,50}$'$$,
        'A provider has 1 to 50 lower-case letters, digits, hyphens or underscores.'),
    ('settings_object', $$jsonb_typeof(settings) = 'object' AND pg_column_size(settings) <= 65536$$,
        'Settings are a JSON object of at most 64 KiB.'),
    ('settings_secret', 'pg_column_size(settings) > 65536 OR NOT has_secret(settings)',
        'Settings are not secret. What looks like a key, a token or a password belongs into a ProviderKey.'),
    ('settings_ascii',
        $$NOT settings @? 'strict $.** ? (@.type() == "object").keyvalue().key ? (@ like_regex "[^ -~]")'
            AND NOT settings @? 'strict $.** ? (@.type() == "object" && exists (@.value)).name ? (@ like_regex "[^ -~]")'$$,
        'The names of settings have ASCII characters only, because others may look like these.'),
    ('base_url_length', 'char_length(base_url) <= 2048', 'A URL has at most 2048 characters.'),
    ('base_url_shape', $$char_length(base_url) > 2048
        OR base_url ~* '^https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?$' AND base_url !~ '[?#\\]'$$,
        'A base URL is an absolute https URL without credentials, query and fragment, such as https://api.example.com/v1.'),
    ('base_url_scheme', $$base_url !~* '^http:' OR base_url ~* '^http://(localhost|127(\.[0-9]+){3}|\[::1\])([:/]|$)'$$,
        'A base URL begins with https://. Only an address of the same machine may begin with http://.'),
    ('default_model_length', 'char_length(default_model) BETWEEN 1 AND 100', 'A model name has 1 to 100 characters.'),
    ('is_default_active', 'is_active OR NOT is_default', 'Only an active configuration can be the default.')
) AS r (name, condition, reason);
SELECT add_unique('provider_configs', 'provider', 'provider', 'There is already a configuration for this provider.');
CREATE INDEX provider_configs_by_provider ON provider_configs (user_id, provider, id) WHERE deleted_at IS NULL;
SELECT add_only_one('provider_configs', 'is_default', 'There is already a default configuration.');

CREATE TABLE provider_keys (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    provider_config_id uuid NOT NULL,
    provider text NOT NULL,
    key_name text NOT NULL DEFAULT 'My API Key',
    last_four text NOT NULL DEFAULT '',
    is_active boolean NOT NULL DEFAULT true,
    is_default boolean NOT NULL DEFAULT false,
    last_used_at timestamptz,
    expires_at timestamptz
);
COMMENT ON COLUMN provider_keys.provider IS 'The provider of the configuration. It is part of what seals the key.';
SELECT tenant_table('provider_keys', carry => '{provider_config_id}');
SELECT add_secret('provider_keys', 'sealed_key');
SELECT add_rule('provider_keys', name, condition, reason)
FROM (VALUES
    ('key_name_length', 'char_length(key_name) BETWEEN 1 AND 100', 'A key name has 1 to 100 characters.'),
    ('last_four_length', 'char_length(last_four) IN (0, 4)', NULL)
) AS r (name, condition, reason);
SELECT add_future('provider_keys', 'expires_at');
SELECT add_unique('provider_keys', 'key_name', 'provider, key_name', 'There is already a key of this provider with this name.');
SELECT add_only_one(
    'provider_keys', 'is_default', 'The configuration already has a default key.', within => 'provider_config_id');
SELECT add_link('provider_keys', 'provider_config_id', 'provider_configs', 'There is no such provider configuration.');
SELECT keep_links('provider_keys', within => '{provider_config_id}');
SELECT fill_from('provider_keys', 'provider_config_id', '{provider}');
CREATE INDEX provider_keys_in_use ON provider_keys (user_id, provider_config_id, is_default, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX provider_keys_by_creation ON provider_keys (user_id, created_at, id) WHERE deleted_at IS NULL;
SELECT feed_spares('provider_keys', '{last_used_at}');
SELECT grant_columns('provider_keys', 'INSERT', '{provider,last_used_at,sealed_key_generation}');
SELECT grant_columns(
    'provider_keys', 'UPDATE', '{provider_config_id,provider,last_used_at,sealed_key_generation}');
-- After keep_sealed_key, which counts the keys.
CREATE TRIGGER renew BEFORE UPDATE OF sealed_key ON provider_keys FOR EACH ROW
    WHEN (NEW.sealed_key_generation <> OLD.sealed_key_generation) EXECUTE FUNCTION provider_keys_renew();
CREATE TRIGGER leave_flag AFTER UPDATE OF is_active, deleted_at ON provider_keys FOR EACH ROW
    WHEN (OLD.is_active AND OLD.deleted_at IS NULL AND (NEW.deleted_at IS NOT NULL OR NOT NEW.is_active))
    EXECUTE FUNCTION provider_keys_leave_flag();

-- The key that paid for a call of a model. usage_logs_by_api_key is made with the other indexes for filters.
SELECT add_link('usage_logs', 'api_key_id', 'provider_keys', order_by => NULL);
