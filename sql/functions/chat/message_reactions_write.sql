-- Trigger: notes who reacts.
CREATE OR REPLACE FUNCTION message_reactions_write() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
BEGIN
    NEW.actor := actor();
    RETURN NEW;
END
$$;
