"""How a declaration becomes a schema."""
