-- Writes into the audit of the account with this e-mail address or user name that a password was wrong. If there is no such
-- account, it does nothing. Nobody is signed in, so anybody can cause this: it writes at most ten entries an hour and account,
-- and returns nothing. The address is what the gateway says, so it does nothing on a connection for requests.
CREATE OR REPLACE FUNCTION sign_in_failed(name text, address inet) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
    most CONSTANT integer := 10;
    account uuid := CASE WHEN is_background_work() THEN (SELECT f.user_id FROM login_find(name) AS f) END;
    caller jsonb;
BEGIN
    IF account IS NULL THEN
        RETURN;
    END IF;
    caller := act_for(account);
    -- Attempts at the same time are counted one after the other.
    PERFORM FROM feeds AS f WHERE f.user_id = account FOR UPDATE;
    IF NOT EXISTS (
        SELECT FROM audit_entries AS a
        WHERE a.user_id = account AND a.action = 'sign_in_failed' AND a.created_at > clock_timestamp() - interval '1 hour'
        OFFSET most - 1
    ) THEN
        PERFORM audit_write(account, 'sign_in_failed', 'users', account, '{}', address);
    END IF;
    PERFORM stamp_again(caller);
END
$$;
GRANT EXECUTE ON FUNCTION sign_in_failed TO parley_runtime;
