-- Trigger: gives the user the plan that is in force after a change of a subscription, unless an operator has set the plan.
CREATE OR REPLACE FUNCTION plan_subscriptions_apply() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    UPDATE users AS u
    SET plan_type = p.plan, plan_status = p.status
    FROM plan_in_force(NEW.user_id) AS p
    WHERE u.user_id = NEW.user_id AND NOT u.is_plan_set AND (u.plan_type, u.plan_status) <> (p.plan, p.status);
    RETURN NULL;
END
$$;
