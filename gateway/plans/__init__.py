"""Plans of users: what a payment provider says about subscriptions, and the operator's commands."""
