"""The connection to the database: asyncpg, stamps, failures, and the bytes that come in."""
