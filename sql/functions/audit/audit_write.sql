-- Writes an entry of the audit. Who acts is read from the connection's stamp. The address is that from which the session
-- signed in, unless another one is given. While an account is being removed, nothing more is written about it.
CREATE OR REPLACE FUNCTION audit_write(
    owner_id uuid, action text, entity text, entity_id uuid, changes jsonb, address inet DEFAULT NULL
) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT account_is_due(owner_id) THEN
        INSERT INTO audit_entries (user_id, action, entity, entity_id, changes, ip_address)
        VALUES (owner_id, action, entity, entity_id, changes, coalesce(address, (
            SELECT s.ip_address FROM sessions AS s WHERE s.user_id = owner_id AND s.id = actor_session())));
    END IF;
END
$$;

-- Whether a deleted account is being removed for good: its time has come, and account_purge() has removed its login.
CREATE OR REPLACE FUNCTION account_is_due(account uuid) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT FROM users AS u
        WHERE u.user_id = account AND u.purge_at <= clock_timestamp()
            AND NOT EXISTS (SELECT FROM logins AS l WHERE l.user_id = account))
$$;
