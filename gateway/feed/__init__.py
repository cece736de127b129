"""The change feed: reading it, waiting for it, and hints between processes."""
