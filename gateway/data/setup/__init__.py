"""Prepares the database for serving: migrations, roles, privileges, and checks of them."""
