-- Makes the quotas of a plan those of a user, as whom the transaction is stamped. Those that the user has already stay, with
-- their notes, or get the new limit and mode; those of another plan go. The feed's lock must be held.
CREATE OR REPLACE FUNCTION plan_quotas_apply(account uuid, plan text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM usage_quotas AS q
    WHERE q.user_id = account AND q.set_by = 'system' AND NOT EXISTS (
        SELECT FROM plan_quotas AS p WHERE p.plan_type = plan AND is_same_quota(q, p));
    UPDATE usage_quotas AS q
    SET "limit" = p."limit", mode = p.mode
    FROM plan_quotas AS p
    WHERE q.user_id = account AND q.set_by = 'system' AND p.plan_type = plan AND is_same_quota(q, p)
        AND (q."limit", q.mode) <> (p."limit", p.mode);
    INSERT INTO usage_quotas (user_id, unit, period, provider, model, automation, counts_own_key, "limit", mode, set_by)
    SELECT account, p.unit, p.period, p.provider, p.model, p.automation, p.counts_own_key, p."limit", p.mode, 'system'
    FROM plan_quotas AS p
    WHERE p.plan_type = plan AND NOT EXISTS (
        SELECT FROM usage_quotas AS q WHERE q.user_id = account AND q.set_by = 'system' AND is_same_quota(q, p));
END
$$;

-- Whether a user's quota and a plan's count the same.
CREATE OR REPLACE FUNCTION is_same_quota(quota usage_quotas, of_plan plan_quotas) RETURNS boolean LANGUAGE sql IMMUTABLE
AS $$
    SELECT (quota.unit, quota.period, quota.counts_own_key) = (of_plan.unit, of_plan.period, of_plan.counts_own_key)
        AND quota.provider IS NOT DISTINCT FROM of_plan.provider
        AND canonical_name(quota.model) IS NOT DISTINCT FROM canonical_name(of_plan.model)
        AND quota.automation IS NOT DISTINCT FROM of_plan.automation
$$;

-- Gives up to `most` users of the plans, by id, the quotas of their plan; returns the last of them, null if there was none.
-- For `parley plan quotas`, each time in a transaction of its own.
CREATE OR REPLACE FUNCTION plan_quotas_apply_to_users(plans text[], after_id uuid, most integer) RETURNS uuid
LANGUAGE plpgsql
AS $$
DECLARE
    account record;
    last_id uuid;
BEGIN
    FOR account IN
        SELECT u.user_id FROM users AS u WHERE u.user_id > after_id ORDER BY u.user_id LIMIT most
    LOOP
        last_id := account.user_id;
        PERFORM act_for(account.user_id);
        PERFORM FROM feeds WHERE user_id = account.user_id FOR UPDATE;
        -- The plan may have changed before the feed was locked.
        PERFORM plan_quotas_apply(u.user_id, u.plan_type)
        FROM users AS u
        WHERE u.user_id = account.user_id AND u.plan_type = ANY (plans);
    END LOOP;
    RETURN last_id;
END
$$;
