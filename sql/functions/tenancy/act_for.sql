-- Stamps the rest of the transaction for a user, for whom the system acts, and not a session or an agent. Returns the stamp
-- that it had before, for stamp_again().
CREATE OR REPLACE FUNCTION act_for(account uuid) RETURNS jsonb LANGUAGE plpgsql
AS $$
DECLARE
    before jsonb;
BEGIN
    SELECT jsonb_object_agg(name, coalesce(current_setting(name, true), '')) INTO before
    FROM unnest('{app.user_id,app.session_id,app.actor}'::text[]) AS s (name);
    PERFORM stamp_again('{"app.session_id": "", "app.actor": ""}' || jsonb_build_object('app.user_id', account));
    RETURN before;
END
$$;

-- Gives the transaction the stamp that act_for() has returned.
CREATE OR REPLACE FUNCTION stamp_again(stamp jsonb) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM set_config(name, value, true) FROM jsonb_each_text(stamp) AS s (name, value);
END
$$;
