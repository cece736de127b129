-- Trigger: refuses to change or remove entries of the audit, whoever asks. It lets only those go that are older than they are
-- kept, and those of an account that is being removed.
CREATE OR REPLACE FUNCTION audit_entries_stay() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.created_at < clock_timestamp() - audit_kept() OR account_is_due(OLD.user_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE insufficient_privilege USING MESSAGE = 'entries of the audit cannot be changed or removed';
END
$$;

-- For how long entries of the audit are kept.
CREATE OR REPLACE FUNCTION audit_kept() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT interval '2 years' $$;
GRANT EXECUTE ON FUNCTION audit_kept TO parley_runtime;
