-- Trigger: an agent does not write what decides on approvals and on what agents may do, whatever the statement. The API refuses
-- agents before, by the scope "person". Functions of the owner may write: they
-- note the use of a rule or a token, and delete the rules of a deleted conversation.
CREATE OR REPLACE FUNCTION refuse_agents() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    IF current_user = 'parley_owner' THEN
        RETURN NEW;
    END IF;
    RAISE insufficient_privilege USING TABLE = TG_TABLE_NAME, MESSAGE = format('an agent cannot write %s', TG_TABLE_NAME);
END
$$;
