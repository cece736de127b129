-- Sets the plan of a user, which then no longer follows the subscriptions. With a null `plan`, it follows them again: without
-- subscriptions, it is the free plan. For `parley plan set`, whose transaction is stamped with the user.
CREATE OR REPLACE FUNCTION plan_set(account uuid, plan text, status text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE users AS u
    SET plan_type = coalesce(plan_set.plan, p.plan, 'free'),
        plan_status = CASE WHEN plan_set.plan IS NULL THEN coalesce(p.status, 'active') ELSE plan_set.status END,
        is_plan_set = plan_set.plan IS NOT NULL
    FROM (SELECT) AS always
    LEFT JOIN plan_in_force(account) AS p ON true
    WHERE u.user_id = account;
END
$$;
