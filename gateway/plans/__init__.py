"""Commands of operators about plans: the plan of a user, and the quotas of a plan."""
