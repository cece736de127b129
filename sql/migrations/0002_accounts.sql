-- Users, the directory that finds them at sign-in, and their sessions.

-- A user owns itself: `id` equals `user_id`, so users take the same fences and links as every other table.
CREATE TABLE users (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    username text,
    full_name text,
    avatar_url text,
    plan_type text NOT NULL DEFAULT 'free',
    plan_status text NOT NULL DEFAULT 'active',
    default_provider text NOT NULL DEFAULT 'openai',
    uses_own_api_key boolean NOT NULL DEFAULT false,
    last_login_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT users_user_id_key UNIQUE (user_id),
    CONSTRAINT users_id_self CHECK (id = user_id),
    CONSTRAINT users_email_shape CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email) <= 254),
    CONSTRAINT users_username_shape CHECK (username ~ '^[A-Za-z0-9_.-]{2,50}$'),
    CONSTRAINT users_full_name_length CHECK (char_length(full_name) <= 255),
    CONSTRAINT users_avatar_url_length CHECK (char_length(avatar_url) <= 2048),
    CONSTRAINT users_plan_type_known CHECK (plan_type IN ('free', 'pro', 'enterprise')),
    CONSTRAINT users_plan_status_known CHECK (plan_status IN ('active', 'past_due', 'cancelled')),
    CONSTRAINT users_default_provider_length CHECK (char_length(default_provider) BETWEEN 1 AND 50)
);
COMMENT ON CONSTRAINT users_email_shape ON users IS 'An e-mail address looks like name@example.org and has at most 254 characters.';
COMMENT ON CONSTRAINT users_username_shape ON users IS 'A user name has 2 to 50 letters, digits, dots, hyphens or underscores.';
COMMENT ON CONSTRAINT users_full_name_length ON users IS 'A full name has at most 255 characters.';
COMMENT ON CONSTRAINT users_avatar_url_length ON users IS 'An address has at most 2048 characters.';
COMMENT ON CONSTRAINT users_default_provider_length ON users IS 'A provider has 1 to 50 characters.';

-- A user's feed begins with the user.
CREATE FUNCTION users_open_feed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    INSERT INTO feeds (user_id) VALUES (NEW.user_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER open_feed BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION users_open_feed();
SELECT tenant_table('users');


-- Finds a user before the tenant is known. Not a tenant's table: the runtime role reaches it through the functions below
-- alone, and on a sharded server it is the one table that every node holds.
CREATE TABLE logins (
    email text PRIMARY KEY,
    username text CONSTRAINT logins_username_key UNIQUE,
    user_id uuid NOT NULL CONSTRAINT logins_user_id_key UNIQUE,
    password_hash text NOT NULL
);
ALTER TABLE logins ENABLE ROW LEVEL SECURITY;
ALTER TABLE logins FORCE ROW LEVEL SECURITY;
CREATE POLICY directory ON logins TO parley_owner USING (true);

CREATE FUNCTION login_find(name text) RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
    SELECT l.user_id, l.password_hash FROM logins AS l WHERE l.email = lower(name)
    UNION ALL
    SELECT l.user_id, l.password_hash FROM logins AS l WHERE l.username = lower(name)
    LIMIT 1
$$;
CREATE FUNCTION login_create(email text, username text, password_hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$ INSERT INTO logins VALUES (lower(email), lower(username), tenant(), password_hash) $$;

CREATE FUNCTION login_rehash(new_hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$ UPDATE logins SET password_hash = new_hash WHERE user_id = tenant() $$;
REVOKE EXECUTE ON FUNCTION login_find, login_create, login_rehash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION login_find, login_create, login_rehash TO parley_runtime;


CREATE TABLE sessions (
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid NOT NULL DEFAULT uuid7(),
    device_id text NOT NULL,
    device_name text,
    refresh_hash bytea NOT NULL,
    previous_refresh_hash bytea,
    refreshed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    access_token_id text,
    ip_address inet,
    user_agent text,
    last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id),
    CONSTRAINT sessions_device_id_length CHECK (char_length(device_id) BETWEEN 1 AND 255),
    CONSTRAINT sessions_device_name_length CHECK (char_length(device_name) <= 255),
    CONSTRAINT sessions_user_agent_length CHECK (char_length(user_agent) <= 1024),
    CONSTRAINT sessions_revoked_reason_known CHECK (revoked_reason IN ('signed_out', 'refresh_reused'))
);
COMMENT ON COLUMN sessions.expires_at IS 'When it ends if it is not refreshed before.';
COMMENT ON COLUMN sessions.ends_at IS 'When it ends however often it is refreshed.';
COMMENT ON CONSTRAINT sessions_device_id_length ON sessions IS 'A device id has 1 to 255 characters.';
COMMENT ON CONSTRAINT sessions_device_name_length ON sessions IS 'A device name has at most 255 characters.';
CREATE INDEX sessions_by_last_used ON sessions (user_id, last_used_at, id);
SELECT tenant_table('sessions');

-- Ids of sessions that ended early: what each gateway process polls to refuse their access tokens. It holds nothing that
-- tells whose they are, and a row is of no use once the last access token of the session has expired.
CREATE TABLE revocations (
    session_id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX revocations_by_time ON revocations (at);
GRANT SELECT ON revocations TO parley_runtime;

CREATE FUNCTION sessions_revoke() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    INSERT INTO revocations (session_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    DELETE FROM revocations WHERE at < clock_timestamp() - interval '2 days';
    RETURN NULL;
END
$$;
CREATE TRIGGER revoke AFTER UPDATE OF revoked_at ON sessions
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION sessions_revoke();
