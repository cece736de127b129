"""How conversations are made to fit a context window."""
