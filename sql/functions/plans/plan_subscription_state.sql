-- Records what a payment provider's event says about a subscription, once for each event. Returns what came of it:
--
-- * 'written', and the triggers have given the user the plan;
-- * 'repeated', if the event was seen before;
-- * 'outdated', if a later event about the subscription was seen before;
-- * 'unknown', if there is no such user.
--
-- For background work alone: the gateway calls it on such a connection for webhooks whose signature it has verified. On any
-- other connection it does nothing, and returns null.
CREATE OR REPLACE FUNCTION plan_subscription_state(
    said_by text, event text, event_at timestamptz, account uuid, subscription text, plan text, new_status text,
    period_start timestamptz, period_end timestamptz, ends_at timestamptz
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    caller jsonb;
    known plan_subscriptions;
    outcome text := 'written';
BEGIN
    IF NOT is_background_work() THEN
        RETURN NULL;
    END IF;
    PERFORM FROM feeds WHERE user_id = account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    DELETE FROM webhook_events
    WHERE (provider, event_id) IN (
        SELECT old.provider, old.event_id
        FROM webhook_events AS old
        WHERE old.seen_at < clock_timestamp() - interval '30 days'
        ORDER BY old.seen_at
        LIMIT 100
        FOR UPDATE SKIP LOCKED);
    INSERT INTO webhook_events (provider, event_id) VALUES (said_by, event) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'repeated';
    END IF;
    caller := act_for(account);
    SELECT * INTO known
    FROM plan_subscriptions AS s
    WHERE s.user_id = account AND s.provider = said_by AND s.external_id = subscription;
    IF NOT FOUND THEN
        INSERT INTO plan_subscriptions (
            user_id, provider, external_id, plan_type, status, current_period_start, current_period_end, cancel_at, stated_at)
        VALUES (account, said_by, subscription, plan, new_status, period_start, period_end, ends_at, event_at);
    ELSIF known.stated_at > event_at THEN
        outcome := 'outdated';
    ELSE
        UPDATE plan_subscriptions
        SET plan_type = plan, status = new_status, current_period_start = period_start, current_period_end = period_end,
            cancel_at = ends_at, stated_at = event_at
        WHERE user_id = account AND id = known.id;
    END IF;
    PERFORM stamp_again(caller);
    RETURN outcome;
END
$$;
GRANT EXECUTE ON FUNCTION plan_subscription_state TO parley_runtime;
