-- The plan that a user's subscriptions give: the highest of those that have not ended. If all have ended, the free plan,
-- cancelled. No row if there are no subscriptions.
CREATE OR REPLACE FUNCTION plan_in_force(account uuid) RETURNS TABLE (plan text, status text) LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT CASE WHEN s.status = 'cancelled' THEN 'free' ELSE s.plan_type END, s.status
    FROM plan_subscriptions AS s
    WHERE s.user_id = account
    ORDER BY
        s.status = 'cancelled',
        array_position('{free,pro,enterprise}', s.plan_type) DESC,
        array_position('{past_due,trialing,active}', s.status) DESC
    LIMIT 1;
END
$$;
