"""Object types: entities, and what the engine needs to know about their fields."""
