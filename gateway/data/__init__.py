"""The way to the database: pool, tenancy, statements, migrations."""
