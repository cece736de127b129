"""Database access: pool, tenancy, statements, pipelines, migrations."""
