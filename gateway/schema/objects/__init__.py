"""Object types: entities, and what the engine needs to know of their fields."""
