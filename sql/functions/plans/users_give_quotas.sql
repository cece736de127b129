-- Trigger: gives a new user, or one whose plan has changed, the quotas of the plan.
CREATE OR REPLACE FUNCTION users_give_quotas() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.plan_type <> OLD.plan_type THEN
        PERFORM plan_quotas_apply(NEW.user_id, NEW.plan_type);
    END IF;
    RETURN NULL;
END
$$;
