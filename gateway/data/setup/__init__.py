"""What the database must be before it is served from: migrations, roles, privileges, and the checks of them."""
