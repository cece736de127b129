"""The flow of bytes on a connection: what comes in too fast, and what is not read."""
