"""Turn declarations into a schema."""
