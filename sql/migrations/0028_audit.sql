-- The audit: what happened to an account, by whom, and from where. Only triggers write it, and nobody changes it.

CREATE TABLE audit_entries (
    user_id uuid REFERENCES users (user_id),
    id uuid DEFAULT uuid7(),
    action text NOT NULL CONSTRAINT audit_entries_action_known CHECK (action IN (
        'signed_in', 'sign_in_failed', 'signed_out', 'session_revoked', 'password_changed', 'email_changed',
        'key_created', 'key_used', 'key_deleted', 'token_created', 'token_revoked', 'settings_changed',
        'approval_rule_changed', 'rag_configuration_changed', 'oauth_linked', 'oauth_unlinked', 'exported', 'purged',
        'account_deleted')),
    actor text NOT NULL DEFAULT actor()
        CONSTRAINT audit_entries_actor_known CHECK (actor IN ('user', 'agent', 'system')),
    -- Without foreign keys: an entry outlives the session, the token and the object that it names.
    session_id uuid DEFAULT actor_session(),
    agent_token_id uuid DEFAULT actor_agent_token(),
    entity text NOT NULL,
    entity_id uuid NOT NULL,
    changes jsonb NOT NULL DEFAULT '{}',
    ip_address inet
);
COMMENT ON COLUMN audit_entries.entity IS 'The table of the row that it is about.';
COMMENT ON COLUMN audit_entries.changes IS 'The old and the new value by column: {"share_usage_data": [false, true]}.';
SELECT tenant_table('audit_entries', without => '{deleted_at,request_hash}', privileges => 'SELECT', carry => '{action}');
-- For the owner's functions: what an operator changes without a stamp is told of, too.
CREATE POLICY appending ON audit_entries FOR INSERT TO parley_owner WITH CHECK (true);
CREATE INDEX audit_entries_by_creation ON audit_entries (user_id, created_at, id);
CREATE INDEX audit_entries_by_action ON audit_entries (user_id, action, created_at, id);
CREATE INDEX audit_entries_by_entity ON audit_entries (user_id, entity_id, created_at, id);
SELECT add_expiry('audit_entries', 'created_at', kept => audit_kept());
CREATE TRIGGER stay BEFORE UPDATE OR DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION audit_entries_stay();
CREATE TRIGGER stay_all BEFORE TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_stay();

SELECT add_audit('sessions', 'signed_in', '{insert}');
SELECT add_audit('sessions', 'signed_out', '{update}', of => '{revoked_at}', shown => '{}',
    condition => $$NEW.revoked_reason = 'signed_out' AND NEW.id = actor_session()$$);
SELECT add_audit('sessions', 'session_revoked', '{update}', of => '{revoked_at}', shown => '{revoked_reason}',
    condition => $$(NEW.revoked_reason = 'signed_out' AND NEW.id = actor_session()) IS NOT TRUE$$);
-- login_rehash() stores another hash of the same password.
SELECT add_audit('logins', 'password_changed', '{update}', of => '{password_hash}', shown => '{}',
    condition => $$coalesce(current_setting('app.rehashing', true), '') <> 'on'$$);
SELECT add_audit('users', 'email_changed', '{update}', of => '{email}');
SELECT add_audit('users', 'account_deleted', '{update}', of => '{deleted_at}', shown => '{purge_at}',
    condition => 'NEW.deleted_at IS NOT NULL');
-- Not the size and the colours of a window, which change all the time and concern nobody's data.
SELECT add_audit('user_settings', 'settings_changed', '{update}',
    of => '{share_usage_data,enable_analytics,auto_sync,sync_frequency_minutes,enable_notifications,'
        'archive_after_months,delete_after_months,max_messages_per_conversation}');
SELECT add_audit('jobs', 'exported', '{insert}', condition => $$NEW.kind = 'export'$$);
SELECT add_audit('purges', 'purged', '{insert}');
SELECT add_audit('agent_tokens', 'token_created', '{insert}', shown => '{scopes,expires_at}');
SELECT add_audit('agent_tokens', 'token_revoked', '{update}', of => '{revoked_at}', shown => '{}');
-- A replaced key is a new one. A trigger counts the keys of a row, so the statement does not name that column.
SELECT add_audit('provider_keys', 'key_created', '{insert,update}', of => '{sealed_key,sealed_key_generation}',
    shown => '{last_four,expires_at}');
SELECT add_audit('provider_keys', 'key_used', '{update}', of => '{last_used_at}', shown => '{}', each => 'day');
SELECT add_audit('provider_keys', 'key_deleted', '{update}', of => '{deleted_at}', shown => '{}');
SELECT add_audit('provider_keys', 'settings_changed', '{update}', of => '{is_active}');
-- Where keys are sent. Nothing in it is secret: neither credentials nor a query are allowed.
SELECT add_audit('provider_configs', 'settings_changed', '{insert,update}', of => '{base_url,is_active}',
    inserted => 'NEW.base_url IS NOT NULL');
-- A budget of the user's own. A quota of the plan follows the subscription.
SELECT add_audit('usage_quotas', 'settings_changed', '{update}',
    of => '{unit,period,provider,model,automation,limit,mode,counts_own_key,deleted_at}',
    shown => '{unit,period,limit,mode,counts_own_key,deleted_at}', condition => $$NEW.set_by = 'user'$$);
SELECT add_audit('auto_approval_settings', 'settings_changed', '{update}',
    of => '{read_only_operations,low_risk_operations,max_cost_per_tool_usd,max_cost_per_hour_usd,'
        'require_approval_for_new_tools}');
SELECT add_audit('conversations', 'settings_changed', '{insert,update}', of => '{auto_approval_settings}',
    inserted => $$NEW.auto_approval_settings <> '{}'$$);
SELECT add_audit('auto_approval_rules', 'approval_rule_changed', '{insert,update}',
    of => '{tool_name,arguments,ignore_case,host,effect,max_cost_usd,conversation_id,expires_at,deleted_at}',
    shown => '{effect,max_cost_usd,conversation_id,expires_at,deleted_at}');
SELECT add_audit('known_tools', 'settings_changed', '{update}', of => '{risk}');
