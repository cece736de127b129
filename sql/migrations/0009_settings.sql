-- What a user can choose: more columns of users, and the settings of the apps, one row for each user.

ALTER TABLE users
    ADD COLUMN default_model text,
    ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC',
    ADD COLUMN locale text NOT NULL DEFAULT 'en',
    ADD COLUMN email_verified_at timestamptz;
COMMENT ON COLUMN users.email_verified_at IS 'When the user proved to receive mail at the address; null until then.';
ALTER TABLE users DROP CONSTRAINT users_avatar_url_length;
SELECT add_rule('users', name, condition, reason)
FROM (VALUES
    ('avatar_url_shape', $$avatar_url ~ '^https?://[^[:space:]]+$' AND char_length(avatar_url) <= 2048$$,
        'A picture URL begins with http:// or https:// and has at most 2048 characters.'),
    ('default_model_length', 'char_length(default_model) BETWEEN 1 AND 100', 'A model name has 1 to 100 characters.'),
    ('locale_shape', $$locale ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$' AND char_length(locale) <= 35$$,
        'A locale is a BCP 47 language tag of at most 35 characters, such as en or pt-BR.')
) AS r (name, condition, reason);
-- For conversations_enter() and one_per_user(), which name the user. Under the other policy, the look-up would evaluate
-- tenant() as well, which would cost the server a tenth more for each new conversation.
CREATE POLICY reading ON users FOR SELECT TO parley_owner USING (true);
CREATE TRIGGER check_time_zone BEFORE INSERT OR UPDATE OF time_zone ON users
    FOR EACH ROW WHEN (NEW.time_zone <> 'UTC') EXECUTE FUNCTION users_check_time_zone();
CREATE TRIGGER check_own_api_key BEFORE INSERT OR UPDATE OF uses_own_api_key ON users
    FOR EACH ROW WHEN (NEW.uses_own_api_key) EXECUTE FUNCTION users_check_own_api_key();
CREATE TRIGGER rename_login AFTER UPDATE OF username ON users
    FOR EACH ROW WHEN (OLD.username IS DISTINCT FROM NEW.username) EXECUTE FUNCTION users_rename_login();


CREATE TABLE user_settings (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    window_position_x integer,
    window_position_y integer,
    window_width integer NOT NULL DEFAULT 600,
    window_height integer,
    theme text NOT NULL DEFAULT 'dark'
        CONSTRAINT user_settings_theme_known CHECK (theme IN ('dark', 'light', 'auto')),
    keyboard_shortcuts jsonb NOT NULL DEFAULT '{}',
    share_usage_data boolean NOT NULL DEFAULT false,
    enable_analytics boolean NOT NULL DEFAULT true,
    auto_sync boolean NOT NULL DEFAULT true,
    sync_frequency_minutes integer NOT NULL DEFAULT 5,
    enable_notifications boolean NOT NULL DEFAULT true,
    archive_after_months integer,
    delete_after_months integer,
    max_messages_per_conversation integer DEFAULT 1000
);
SELECT one_per_user('user_settings');
SELECT add_rule('user_settings', name, condition, reason)
FROM (VALUES
    ('window_position_x_range', 'window_position_x BETWEEN -100000 AND 100000',
        'A window position is between -100000 and 100000.'),
    ('window_position_y_range', 'window_position_y BETWEEN -100000 AND 100000',
        'A window position is between -100000 and 100000.'),
    ('window_width_range', 'window_width BETWEEN 1 AND 100000', 'A window width is between 1 and 100000.'),
    ('window_height_range', 'window_height BETWEEN 1 AND 100000', 'A window height is between 1 and 100000.'),
    ('keyboard_shortcuts_shape',
        $$CASE WHEN jsonb_typeof(keyboard_shortcuts) = 'object' THEN
            pg_column_size(keyboard_shortcuts) <= 65536 AND NOT jsonb_path_exists(keyboard_shortcuts, '$.keyvalue() ? (
                !(@.key like_regex "^[a-z_]{1,50}$") || @.value.type() != "string"
                || !(@.value like_regex "^.{1,50}$"))')
        ELSE false END$$,
        'Keyboard shortcuts are an object of at most 64 KiB. Its names have 1 to 50 lower-case letters or underscores, '
        'its values 1 to 50 characters.'),
    ('sync_frequency_minutes_range', 'sync_frequency_minutes BETWEEN 1 AND 1440',
        'A sync frequency is between 1 and 1440 minutes.'),
    ('archive_after_months_range', 'archive_after_months BETWEEN 1 AND 120', 'The months are between 1 and 120.'),
    ('delete_after_months_range', 'delete_after_months BETWEEN 1 AND 120', 'The months are between 1 and 120.'),
    ('delete_after_months_order', 'delete_after_months >= archive_after_months',
        'Conversations are not deleted before they are archived.'),
    ('max_messages_per_conversation_range', 'max_messages_per_conversation > 0',
        'The number of messages must be greater than 0.')
) AS r (name, condition, reason);

-- conversations_enter() gives a new conversation the user's own defaults.
ALTER TABLE conversations
    ALTER COLUMN provider DROP DEFAULT,
    ALTER COLUMN model DROP DEFAULT;
SELECT rules_at_once('conversations', spare_others => true);
