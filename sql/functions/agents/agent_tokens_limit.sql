-- Trigger: limits how many tokens of agents a user has that are neither expired nor revoked. The feed's lock, which is held
-- here, lets no other request of the user in between.
CREATE OR REPLACE FUNCTION agent_tokens_limit() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 100;
    living integer;
BEGIN
    SELECT count(*) INTO living
    FROM agent_tokens AS t
    WHERE t.user_id = NEW.user_id AND t.id <> NEW.id AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp();
    IF living >= most THEN
        RAISE check_violation USING CONSTRAINT = 'agent_tokens_limit', TABLE = 'agent_tokens',
            MESSAGE = format('%s tokens of agents are in force, which is the most: revoke one first', most);
    END IF;
    RETURN NEW;
END
$$;
