"""The database server: runs the embedded one, opens either kind, and dumps the schema."""
