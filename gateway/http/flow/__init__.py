"""Flow control of a connection: limits on what arrives, and on what the client leaves unread."""
