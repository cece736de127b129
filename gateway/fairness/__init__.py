"""Fair sharing among callers: the event loop, connections, threads, and the bytes of large operations."""
