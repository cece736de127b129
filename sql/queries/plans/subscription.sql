-- name: record
-- Records what a payment provider's event says about a subscription. The function finds the user, and acts for them.
SELECT plan_subscription_state(
    :provider, :event_id, :stated_at::timestamptz, :account::uuid, :external_id, :plan, :status,
    :period_start::timestamptz, :period_end::timestamptz, :cancel_at::timestamptz) AS outcome;
