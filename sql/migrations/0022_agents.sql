-- The tokens by which agents act for a user, and who proposed and approved what.

CREATE TABLE agent_tokens (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    name text NOT NULL,
    scopes jsonb NOT NULL,
    hash bytea NOT NULL,
    last_four text NOT NULL CONSTRAINT agent_tokens_last_four_length CHECK (char_length(last_four) = 4),
    last_used_at timestamptz,
    expires_at timestamptz NOT NULL DEFAULT clock_timestamp() + interval '90 days',
    revoked_at timestamptz
);
COMMENT ON COLUMN agent_tokens.hash IS 'SHA-256 of the secret in the token, which is stored nowhere.';
SELECT tenant_table('agent_tokens', without => '{deleted_at}', privileges => 'SELECT, INSERT');
-- The feed does not tell of its use.
SELECT feed_spares('agent_tokens', '{last_used_at}');
GRANT UPDATE (revoked_at) ON agent_tokens TO parley_runtime;
SELECT add_rule('agent_tokens', name, condition, reason)
FROM (VALUES
    ('name_length', 'char_length(name) BETWEEN 1 AND 100', 'A name has 1 to 100 characters.'),
    ('scopes_list', 'scope_list_mistake(scopes) IS NULL',
        'A token has one or more scopes, each named once. The description of the field lists those that there are.'),
    ('scopes_tools', $$NOT scopes @> '["tools:execute", "tools:approve"]'$$,
        'A token cannot have both tools:execute and tools:approve.'),
    ('scopes_confirmations', $$NOT scopes @> '["confirmations:propose", "confirmations:decide"]'$$,
        'A token cannot have both confirmations:propose and confirmations:decide.'),
    ('expires_at_range', $$expires_at - created_at BETWEEN '0' AND interval '366 days'$$,
        'A token expires in the future, within 366 days.')
) AS r (name, condition, reason);
CREATE INDEX agent_tokens_by_creation ON agent_tokens (user_id, created_at, id);
SELECT add_most('agent_tokens', 100, 'You can have at most 100 tokens of agents in force: revoke one first.',
    counted => 'revoked_at IS NULL AND expires_at > clock_timestamp()');
CREATE TRIGGER persons_only BEFORE INSERT OR UPDATE ON agent_tokens
    FOR EACH ROW WHEN (current_setting('app.actor', true) = 'agent') EXECUTE FUNCTION refuse_agents();
CREATE TRIGGER stay_revoked BEFORE UPDATE OF revoked_at ON agent_tokens
    FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL) EXECUTE FUNCTION agent_tokens_stay_revoked();
CREATE TRIGGER revoke AFTER UPDATE OF revoked_at ON agent_tokens
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION sessions_revoke();
SELECT add_expiry('agent_tokens', 'least(revoked_at, expires_at)', kept => '366 days');
-- So that no call can remove younger ones.
SELECT add_expiry('sessions', 'least(expires_at, ends_at)', kept => '7 days');
SELECT add_expiry('jobs', 'finished_at', kept => '30 days');
-- A trigger of this table counted them until now.
SELECT add_most('message_reactions', 20, 'A message has at most 20 reactions.', within => 'message_id');
-- Processes of the previous version read the column by this name.
COMMENT ON COLUMN revocations.session_id IS 'The id of the credential: of a session, or of the token of an agent.';

ALTER TABLE tool_transitions ADD COLUMN agent_token_id uuid DEFAULT actor_agent_token();

-- The server prepares the condition anew for each statement. With actor(), that would take 25 us instead of 3.
CREATE TRIGGER guard_approval BEFORE INSERT OR UPDATE OF metadata, auto_approval_settings ON conversations
    FOR EACH ROW WHEN (current_setting('app.actor', true) = 'agent') EXECUTE FUNCTION conversations_guard_approval();
