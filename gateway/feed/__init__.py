"""The change feed: reads it and waits for it. Also signals and presence, which are never stored."""
