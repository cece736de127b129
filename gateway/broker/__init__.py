"""Brokers: carry hints and ephemeral signals between gateway processes. Nothing may depend on their delivery."""
