-- Users, the directory that finds them at sign-in, and their sessions.

-- A user owns itself: `id` equals `user_id`, so that users have the same policies and links as every other table.
CREATE TABLE users (
    user_id uuid,
    id uuid CONSTRAINT users_id_self CHECK (id = user_id),
    email text NOT NULL,
    username text,
    full_name text,
    avatar_url text,
    plan_type text NOT NULL DEFAULT 'free'
        CONSTRAINT users_plan_type_known CHECK (plan_type IN ('free', 'pro', 'enterprise')),
    plan_status text NOT NULL DEFAULT 'active'
        CONSTRAINT users_plan_status_known CHECK (plan_status IN ('active', 'past_due', 'cancelled')),
    default_provider text NOT NULL DEFAULT 'openai',
    uses_own_api_key boolean NOT NULL DEFAULT false,
    last_login_at timestamptz,
    PRIMARY KEY (user_id, id),
    CONSTRAINT users_user_id_key UNIQUE (user_id)
);
-- Creates the feed of each new user.
CREATE TRIGGER open_feed BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION users_open_feed();
SELECT tenant_table('users', without => '{request_hash}');
SELECT add_rule('users', name, condition, reason)
FROM (VALUES
    ('email_shape', $$email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email) <= 254$$,
        'An e-mail address must look like name@example.org and have at most 254 characters.'),
    ('username_shape', $$username ~ '^[A-Za-z0-9_.-]{2,50}$'$$,
        'A user name has 2 to 50 letters, digits, dots, hyphens or underscores.'),
    ('full_name_length', 'char_length(full_name) <= 255', 'A full name has at most 255 characters.'),
    ('avatar_url_length', 'char_length(avatar_url) <= 2048', 'A picture URL has at most 2048 characters.'),
    ('default_provider_length', 'char_length(default_provider) BETWEEN 1 AND 50',
        'A provider name has 1 to 50 characters.')
) AS r (name, condition, reason);


-- Read at sign-in, before the tenant is known, so this is not a tenant table. The runtime role reaches it only through
-- login_find(), login_create() and login_rehash(). If the database is sharded by user, every node must hold this table.
CREATE TABLE logins (
    email text PRIMARY KEY,
    username text CONSTRAINT logins_username_key UNIQUE,
    user_id uuid NOT NULL CONSTRAINT logins_user_id_key UNIQUE,
    password_hash text NOT NULL
);
ALTER TABLE logins ENABLE ROW LEVEL SECURITY;
ALTER TABLE logins FORCE ROW LEVEL SECURITY;
CREATE POLICY directory ON logins TO parley_owner USING (true);


CREATE TABLE sessions (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    device_id text NOT NULL,
    device_name text,
    refresh_hash bytea NOT NULL,
    previous_refresh_hash bytea,
    refreshed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    access_token_id text,
    ip_address inet,
    user_agent text CONSTRAINT sessions_user_agent_length CHECK (char_length(user_agent) <= 1024),
    last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text
        CONSTRAINT sessions_revoked_reason_known CHECK (revoked_reason IN ('signed_out', 'refresh_reused'))
);
COMMENT ON COLUMN sessions.expires_at IS 'When the session ends unless it is refreshed.';
COMMENT ON COLUMN sessions.ends_at IS 'When the session ends even if it is refreshed.';
SELECT tenant_table('sessions', without => '{deleted_at,request_hash}');
SELECT add_rule('sessions', name, condition, reason)
FROM (VALUES
    ('device_id_length', 'char_length(device_id) BETWEEN 1 AND 255', 'A device id has 1 to 255 characters.'),
    ('device_name_length', 'char_length(device_name) <= 255', 'A device name has at most 255 characters.')
) AS r (name, condition, reason);
CREATE INDEX sessions_by_last_used ON sessions (user_id, last_used_at, id);


-- Ids of sessions that ended early. Each gateway process polls them, to refuse the access tokens of these sessions. The rows
-- do not reveal whose sessions they are.
CREATE TABLE revocations (
    session_id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX revocations_by_time ON revocations (at);
GRANT SELECT ON revocations TO parley_runtime;
CREATE TRIGGER revoke AFTER UPDATE OF revoked_at ON sessions
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION sessions_revoke();
