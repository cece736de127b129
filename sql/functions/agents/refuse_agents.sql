-- Trigger: refuses a write by an agent to what decides on approvals and on what agents may do. The scope `person` refuses
-- agents in the API already; this refuses every other statement.
--
-- Functions of the owner may write, because they do so for agents: they record the use of a rule or a token, and delete the
-- rules of a conversation that is deleted.
CREATE OR REPLACE FUNCTION refuse_agents() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    IF current_user = 'parley_owner' THEN
        RETURN NEW;
    END IF;
    RAISE insufficient_privilege USING TABLE = TG_TABLE_NAME, MESSAGE = format('an agent cannot write %s', TG_TABLE_NAME);
END
$$;
