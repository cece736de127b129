"""Brokers: hints and ephemeral signals between gateway processes. They carry no truth."""
