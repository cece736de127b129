"""Database connections: asyncpg, stamps, failures, and metering of incoming bytes."""
